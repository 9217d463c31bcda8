#include "runtime/device/cpu/MergedGroups.h"

#include "runtime/device/cpu/CpuFeatures.h"

namespace pfc::rt {
namespace {

/// Channels of a merged group; 0: those of `op` stay as they are.
int64_t mergedChannels(const plan::fb::Conv &op) {
  const int64_t channels = op.in_channels(), seen = channels / op.groups();
  if (op.kind() == plan::fb::ConvKind_BackwardWeights ||
      channels != op.out_channels() || seen < 2 || 8 % seen != 0)
    return 0;
  for (int64_t merged : {32, 16})
    if (channels % merged == 0)
      return merged;
  return 0;
}

class MergedGroupsConv : public Task {
public:
  /// `weights`, [filters, K, K, channels of a group], are lhs or rhs.
  MergedGroupsConv(OneDnn &shared, const plan::fb::Conv &op, int64_t merged,
                   const BufferView &lhs, const BufferView &rhs,
                   const BufferView &result)
      : weights(reinterpret_cast<const uint16_t *>(rhs.data)),
        filters(op.out_channels()), taps(op.kernel() * op.kernel()),
        seen(op.in_channels() / op.groups()), merged(merged),
        spread(static_cast<size_t>(filters * taps * merged)) {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(plan::fb::CreateConv(
        builder, op.kind(), op.lhs(), op.rhs(), op.result(), op.batch(),
        op.in_height(), op.in_width(), op.in_channels(), op.out_channels(),
        op.kernel(), op.stride(), op.padding(), op.in_channels() / merged));
    BufferView spreadView{reinterpret_cast<std::byte *>(spread.data()),
                          rhs.dtype,
                          {filters, op.kernel(), op.kernel(), merged}};
    conv = makeOneDnnConv(
        shared,
        *flatbuffers::GetRoot<plan::fb::Conv>(builder.GetBufferPointer()), lhs,
        spreadView, result);
  }

  void execute() override {
    for (int64_t filter = 0; filter < filters; ++filter) {
      const int64_t first = filter % merged / seen * seen;
      for (int64_t tap = filter * taps; tap < (filter + 1) * taps; ++tap)
        std::copy_n(weights + tap * seen, seen, &spread[tap * merged + first]);
    }
    conv->execute();
  }

private:
  const uint16_t *weights;
  int64_t filters, taps, seen, merged;
  std::vector<uint16_t> spread; ///< zeros between groups
  std::unique_ptr<Task> conv;
};

} // namespace

std::unique_ptr<Task> makeMergedGroupsConv(OneDnn &shared,
                                           const plan::fb::Conv &op,
                                           const BufferView &lhs,
                                           const BufferView &rhs,
                                           const BufferView &result) {
  const int64_t merged = mergedChannels(op);
  if (merged == 0 || rhs.dtype != plan::fb::DType_BF16 ||
      !cpuSupports("amx_bf16"))
    return nullptr;
  return std::make_unique<MergedGroupsConv>(shared, op, merged, lhs, rhs,
                                            result);
}

} // namespace pfc::rt

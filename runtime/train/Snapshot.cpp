#include "runtime/train/Snapshot.h"

#include "runtime/base/Error.h"
#include "runtime/exec/Finite.h"
#include "runtime/plan/RankInteger.h"
#include "runtime/plan/Shape.h"
#include "runtime/train/StateDict.h"
#include "runtime/train/weights/Safetensors.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <span>

namespace pfc::rt {
namespace {

constexpr std::string_view runningMean = ".running_mean";

/// Tensors to write, and what they are views of where it isn't the snapshot.
struct Tensors {
  std::deque<std::vector<std::byte>> owned;
  std::vector<TensorView> views;

  void add(std::string name, TensorType type, std::vector<int64_t> shape,
           std::span<const std::byte> contents) {
    views.push_back({std::move(name), type, std::move(shape), contents});
  }
  std::span<const std::byte> own(std::vector<std::byte> bytes) {
    owned.push_back(std::move(bytes));
    return owned.back();
  }
};

/// PyTorch's batch norm counts its batches, and its loader misses the counter.
void addBatchCounter(Tensors &tensors, const std::string &name,
                     int64_t batches) {
  if (!name.ends_with(runningMean))
    return;
  std::string layer = name.substr(0, name.size() - runningMean.size());
  std::vector<std::byte> bytes(sizeof batches);
  std::memcpy(bytes.data(), &batches, sizeof batches);
  tensors.add(layer + ".num_batches_tracked", TensorType::I64, {},
              tensors.own(std::move(bytes)));
}

} // namespace

std::optional<ClassRange> classRange(const plan::fb::Variant &variant,
                                     int rank) {
  std::optional<ClassRange> range;
  for (const plan::fb::Variable *variable : *variant.variables()) {
    const plan::fb::RowShard *shard = variable->shard();
    if (!shard)
      continue;
    ClassRange own{rankInteger(*shard->first(), rank),
                   rankInteger(*shard->count(), rank), shard->rows()};
    require(!range || (range->first == own.first && range->count == own.count &&
                       range->total == own.total),
            "variable '{}' is spread over the ranks in another way than the "
            "class centers, which a weights file can't say",
            variable->name()->str());
    range = own;
  }
  return range;
}

Snapshot::Snapshot(const plan::fb::Variant &variant, StateScope scope, int rank)
    : range(classRange(variant, rank)) {
  for (const plan::fb::Variable *variable : *variant.variables()) {
    bool inScope = scope == StateScope::All || variable->exported();
    if (inScope && (variable->shard() || rank == 0))
      held.push_back({variable, {}});
  }
}

uint64_t Snapshot::bytes() const {
  uint64_t total = 0;
  for (const Held &state : held)
    total += byteSize(*state.variable->shape(), state.variable->dtype());
  return total;
}

void Snapshot::reserve() {
  for (Held &state : held)
    state.contents.resize(
        byteSize(*state.variable->shape(), state.variable->dtype()));
}

void Snapshot::take(const Executor &executor, int64_t stepsDone) {
  steps = stepsDone;
  reserve();
  for (Held &state : held) {
    executor.readVariable(state.variable->name()->str(), state.contents);
  }
}

bool Snapshot::hasClassCenters() const {
  return std::any_of(held.begin(), held.end(), [](const Held &state) {
    return state.variable->shard() != nullptr;
  });
}

std::string Snapshot::firstNotFinite() const {
  for (const Held &state : held)
    if (!allFinite(state.variable->dtype(), state.contents))
      return state.variable->name()->str();
  return {};
}

void Snapshot::writeBackbone(const std::string &path, Sha256 *digest) const {
  Tensors tensors;
  for (const auto &[variable, contents] : held) {
    if (variable->shard())
      continue;
    std::string name = variable->name()->str();
    tensors.add(name, tensorType(*variable), exportShape(*variable),
                needsTranspose(*variable)
                    ? tensors.own(toStateDict(*variable, contents))
                    : std::span<const std::byte>(contents));
    addBatchCounter(tensors, name, steps);
  }
  writeSafetensors(path, tensors.views,
                   {{"format", "pt"}, {"steps", std::to_string(steps)}},
                   digest);
}

void Snapshot::writeClassCenters(const std::string &path,
                                 Sha256 *digest) const {
  Tensors tensors;
  for (const auto &[variable, contents] : held) {
    if (!variable->shard())
      continue;
    std::vector<int64_t> shape = toVector(*variable->shape());
    size_t rowBytes = contents.size() / static_cast<size_t>(shape[0]);
    shape[0] = range->count;
    tensors.add(variable->name()->str(), tensorType(*variable),
                std::move(shape),
                std::span(contents).first(rowBytes *
                                          static_cast<size_t>(range->count)));
  }
  writeSafetensors(path, tensors.views,
                   {{"format", "pt"},
                    {"steps", std::to_string(steps)},
                    {"first_class", std::to_string(range->first)},
                    {"classes", std::to_string(range->count)},
                    {"total_classes", std::to_string(range->total)}},
                   digest);
}

} // namespace pfc::rt

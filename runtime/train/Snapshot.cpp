#include "runtime/train/Snapshot.h"

#include "runtime/base/Error.h"
#include "runtime/exec/Finite.h"
#include "runtime/plan/PlanMemory.h"
#include "runtime/plan/RankInteger.h"
#include "runtime/plan/Shape.h"
#include "runtime/train/StateDict.h"
#include "runtime/train/weights/Safetensors.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace pfc::rt {
namespace {

constexpr std::string_view runningMean = ".running_mean";

/// PyTorch's batch norm counts its batches, and its loader misses the counter.
void addBatchCounter(std::vector<TensorSource> &tensors,
                     const std::string &name, int64_t batches) {
  if (!name.ends_with(runningMean))
    return;
  std::string layer = name.substr(0, name.size() - runningMean.size());
  tensors.push_back({layer + ".num_batches_tracked",
                     TensorType::I64,
                     {},
                     [batches](const TensorSink &sink) {
                       sink(std::as_bytes(std::span(&batches, 1)));
                     }});
}

uint64_t bytesOf(const plan::fb::Variable &variable) {
  return byteSize(*variable.shape(), variable.dtype());
}

/// A variable's contents in the state dict's layout.
std::function<void(const TensorSink &)>
exported(const plan::fb::Variable &variable, const StateReader &reader) {
  return [&](const TensorSink &sink) {
    if (!needsTranspose(variable))
      return reader(variable, sink);
    std::vector<std::byte> whole;
    whole.reserve(bytesOf(variable));
    reader(variable, [&](std::span<const std::byte> piece) {
      whole.insert(whole.end(), piece.begin(), piece.end());
    });
    sink(toStateDict(variable, std::move(whole)));
  };
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

StateReader readerOf(const Executor &executor) {
  return
      [&executor](const plan::fb::Variable &variable, const TensorSink &sink) {
        executor.readVariableInPieces(variable.name()->str(), sink);
      };
}

std::string firstNotFinite(const StateFiles &files, const StateReader &reader) {
  for (const plan::fb::Variable *variable : files.variables()) {
    bool finite = true;
    reader(*variable, [&](std::span<const std::byte> piece) {
      finite = finite && allFinite(variable->dtype(), piece);
    });
    if (!finite)
      return variable->name()->str();
  }
  return {};
}

//===----------------------------------------------------------------------===//
// StateFiles
//===----------------------------------------------------------------------===//

StateFiles::StateFiles(const plan::fb::Variant &variant, StateScope scope,
                       int rank)
    : range(classRange(variant, rank)) {
  for (const plan::fb::Variable *variable : *variant.variables()) {
    bool inScope = scope == StateScope::All || variable->exported();
    if (inScope && (variable->shard() || rank == 0))
      held.push_back(variable);
  }
}

bool StateFiles::hasClassCenters() const {
  return std::any_of(held.begin(), held.end(),
                     [](const plan::fb::Variable *variable) {
                       return variable->shard() != nullptr;
                     });
}

void StateFiles::writeBackbone(const std::string &path,
                               const StateReader &reader, int64_t steps,
                               Sha256 *digest) const {
  std::vector<TensorSource> tensors;
  for (const plan::fb::Variable *variable : held) {
    if (variable->shard())
      continue;
    std::string name = variable->name()->str();
    tensors.push_back({name, tensorType(*variable), exportShape(*variable),
                       exported(*variable, reader)});
    addBatchCounter(tensors, name, steps);
  }
  streamSafetensors(path, tensors,
                    {{"format", "pt"}, {"steps", std::to_string(steps)}},
                    digest);
}

void StateFiles::writeClassCenters(const std::string &path,
                                   const StateReader &reader, int64_t steps,
                                   Sha256 *digest) const {
  std::vector<TensorSource> tensors;
  for (const plan::fb::Variable *variable : held) {
    if (!variable->shard())
      continue;
    std::vector<int64_t> shape = toVector(*variable->shape());
    const uint64_t used = bytesOf(*variable) / static_cast<uint64_t>(shape[0]) *
                          static_cast<uint64_t>(range->count);
    shape[0] = range->count;
    tensors.push_back({variable->name()->str(), tensorType(*variable),
                       std::move(shape), [=, &reader](const TensorSink &sink) {
                         uint64_t left = used;
                         reader(*variable, [&](auto piece) {
                           piece = piece.first(
                               std::min<uint64_t>(left, piece.size()));
                           left -= piece.size();
                           sink(piece);
                         });
                       }});
  }
  streamSafetensors(path, tensors, shardMetadata(steps, *range), digest);
}

TensorMetadata shardMetadata(int64_t steps, const ClassRange &range) {
  TensorMetadata metadata = {{"format", "pt"},
                             {"first_class", std::to_string(range.first)},
                             {"classes", std::to_string(range.count)},
                             {"total_classes", std::to_string(range.total)}};
  if (steps >= 0)
    metadata["steps"] = std::to_string(steps);
  return metadata;
}

//===----------------------------------------------------------------------===//
// Snapshot
//===----------------------------------------------------------------------===//

Snapshot::Snapshot(const plan::fb::Variant &variant, StateScope scope, int rank)
    : files(variant, scope, rank) {
  for (const plan::fb::Variable *variable : files.variables())
    if (!isInHostMemory(variant, variable->offset()))
      copied.push_back(variable);
}

uint64_t Snapshot::bytes() const {
  uint64_t total = 0;
  for (const plan::fb::Variable *variable : copied)
    total += bytesOf(*variable);
  return total;
}

void Snapshot::reserve() {
  for (const plan::fb::Variable *variable : copied)
    contents[variable].resize(bytesOf(*variable));
}

void Snapshot::take(const Executor &executor, int64_t stepsDone) {
  steps = stepsDone;
  source = &executor;
  direct = false;
  reserve();
  for (auto &[variable, copy] : contents)
    executor.readVariable(variable->name()->str(), copy);
}

void Snapshot::refer(const Executor &executor, int64_t stepsDone) {
  steps = stepsDone;
  source = &executor;
  direct = true;
  contents.clear();
}

StateReader Snapshot::reader() const {
  return [this](const plan::fb::Variable &variable, const TensorSink &sink) {
    auto tell = [&](std::span<const std::byte> piece) {
      sink(piece);
      if (progress)
        progress();
    };
    auto copy = contents.find(&variable);
    if (copy == contents.end())
      return source->readVariableInPieces(variable.name()->str(), tell,
                                          /*settled=*/!direct);
    constexpr size_t most = size_t{64} << 20;
    std::span<const std::byte> left = copy->second;
    do { // a tensor without elements has a piece, too
      tell(left.first(std::min(most, left.size())));
      left = left.subspan(std::min(most, left.size()));
    } while (!left.empty());
  };
}

std::string Snapshot::firstNotFinite() const {
  return rt::firstNotFinite(files, reader());
}

} // namespace pfc::rt

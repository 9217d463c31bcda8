#include "MemoryLimit.h"

#include "frontend/spec/SpecChecks.h"
#include "frontend/spec/SpecKeys.h"
#include "mlir/IR/Diagnostics.h"
#include "runtime/plan/Shape.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include <cmath>
#include <fmt/format.h>

using namespace pfc;
using namespace mlir;

namespace {

/// A change of one key, and what the plan takes then.
struct Change {
  std::string setting;
  uint64_t bytes;
};

/// Looks for changes of a spec with which its plan takes `limit` at most.
class Search {
public:
  Search(const LoadedSpec &loaded, MLIRContext &context, uint64_t limit,
         uint64_t bytes)
      : loaded(loaded), context(context), limit(limit), bytes(bytes) {}

  /// The first three that help.
  SmallVector<Change> run();

private:
  using Edit = llvm::function_ref<void(TrainSpec &)>;
  using EditNumber = llvm::function_ref<void(TrainSpec &, double)>;

  uint64_t bytesWith(Edit edit);
  bool addIfFits(std::string setting, Edit edit);
  void addRecomputation();
  void addNumber(StringRef key, double now, double least, EditNumber edit,
                 llvm::function_ref<double(double)> round);
  void addRanks();

  const LoadedSpec &loaded;
  MLIRContext &context;
  uint64_t limit, bytes;
  SmallVector<Change> changes;
};

} // namespace

static bool isInRange(const SpecKey &key, TrainSpec &spec) {
  FieldRef field = key.field(spec);
  if (auto **whole = std::get_if<int64_t *>(&field))
    return key.range.contains(static_cast<double>(**whole));
  if (auto **number = std::get_if<double *>(&field))
    return key.range.contains(**number);
  return true;
}

/// Whether a spec that says all of `changed` would be taken.
static bool isAllowed(LoadedSpec &changed) {
  for (const SpecKey &key : specKeys())
    if (!isInRange(key, changed.spec))
      return false;
  SpecErrors errors; // which are not reported
  checkSpec(changed, /*invalid=*/{}, errors);
  return !errors.hasErrors();
}

/// With the edit; more than anything where there is no such plan.
uint64_t Search::bytesWith(Edit edit) {
  LoadedSpec changed = loaded;
  edit(changed.spec);
  if (!isAllowed(changed))
    return std::numeric_limits<uint64_t>::max();
  ScopedDiagnosticHandler silence(&context,
                                  [](Diagnostic &) { return success(); });
  FailureOr<PlanSize> size = planSize(changed, context);
  return failed(size) ? std::numeric_limits<uint64_t>::max() : size->bytes;
}

bool Search::addIfFits(std::string setting, Edit edit) {
  uint64_t changed = bytesWith(edit);
  if (changed <= limit)
    changes.push_back({std::move(setting), changed});
  return changed <= limit;
}

/// Of what the spec forbids to recompute.
void Search::addRecomputation() {
  const TrainSpec &now = loaded.spec;
  if (now.head.logits == LogitsSpec::Keep)
    addIfFits("head.logits = \"recompute\"", [](TrainSpec &spec) {
      spec.head.logits = LogitsSpec::Recompute;
    });
  if (now.train.recompute == RecomputeSpec::None &&
      addIfFits("train.recompute = \"batch_norms\"", [](TrainSpec &spec) {
        spec.train.recompute = RecomputeSpec::BatchNorms;
      }))
    return;
  if (now.train.recompute != RecomputeSpec::Blocks)
    addIfFits("train.recompute = \"blocks\"", [](TrainSpec &spec) {
      spec.train.recompute = RecomputeSpec::Blocks;
    });
}

/// The largest value of a key below `now` that fits. Memory is a straight line
/// in it, nearly: from the values at `now` and half of it.
void Search::addNumber(StringRef key, double now, double least, EditNumber edit,
                       llvm::function_ref<double(double)> round) {
  double half = round(now / 2);
  if (half < least)
    return;
  auto bytesAt = [&](double value) {
    return bytesWith([&](TrainSpec &spec) { edit(spec, value); });
  };
  double low = static_cast<double>(bytesAt(half));
  double slope = (static_cast<double>(bytes) - low) / (now - half);
  if (slope <= 0)
    return;
  double value = round(half + (static_cast<double>(limit) - low) / slope);
  for (int attempt = 0; attempt < 4 && value >= least; ++attempt) {
    uint64_t changed = bytesAt(value);
    if (changed <= limit) {
      std::string text = fmt::format("{} = {:g}", key.str(), value);
      changes.push_back({text, changed});
      return;
    }
    value = round(value * 0.9);
  }
}

void Search::addRanks() {
  for (int64_t factor = 2; factor <= 64; factor *= 2) {
    int64_t ranks = loaded.spec.cluster.worldSize * factor;
    uint64_t changed =
        bytesWith([&](TrainSpec &spec) { spec.cluster.worldSize = ranks; });
    if (changed > limit)
      continue;
    changes.push_back({fmt::format("cluster.world_size = {}", ranks), changed});
    return;
  }
}

SmallVector<Change> Search::run() {
  const TrainSpec &now = loaded.spec;
  PrecisionSpec precision = now.train.precision;
  // Not where the spec gives a loss scale: isAllowed.
  if (precision == PrecisionSpec::FP32 || precision == PrecisionSpec::Auto)
    addIfFits("train.precision = \"bf16\"", [](TrainSpec &spec) {
      spec.train.precision = PrecisionSpec::BF16;
    });
  addRecomputation();
  addNumber(
      "train.batch_per_rank", static_cast<double>(now.train.batchPerRank), 2,
      [](TrainSpec &spec, double value) {
        spec.train.batchPerRank = static_cast<int64_t>(value);
      },
      [](double value) { return 2 * std::floor(value / 2); });
  if (changes.size() < 3)
    addNumber(
        "head.sample_rate", now.head.sampleRate, 0.001,
        [](TrainSpec &spec, double value) { spec.head.sampleRate = value; },
        [](double value) { return std::floor(value * 1000) / 1000; });
  if (changes.size() < 3 && now.head.rowUpdate == RowUpdateSpec::Sampled)
    addIfFits("head.placement = \"host\"", [](TrainSpec &spec) {
      spec.head.placement = PlacementSpec::Host;
    });
  if (changes.size() < 3)
    addRanks();
  changes.truncate(std::min<size_t>(changes.size(), 3));
  return changes;
}

/// The specs in which what `loaded` leaves to the compiler is decided; what
/// recomputes nothing comes first.
static std::vector<LoadedSpec> waysToCompile(const LoadedSpec &loaded) {
  SmallVector<RecomputeSpec> recomputations = {loaded.spec.train.recompute};
  if (recomputations.front() == RecomputeSpec::Auto)
    recomputations = {RecomputeSpec::None, RecomputeSpec::BatchNorms,
                      RecomputeSpec::Blocks};
  SmallVector<LogitsSpec> logits = {loaded.spec.head.logits};
  if (logits.front() == LogitsSpec::Auto)
    logits = {LogitsSpec::Keep, LogitsSpec::Recompute};
  std::vector<LoadedSpec> ways;
  for (RecomputeSpec recompute : recomputations)
    for (LogitsSpec ofLogits : logits) {
      LoadedSpec &way = ways.emplace_back(loaded);
      way.spec.train.recompute = recompute;
      way.spec.head.logits = ofLogits;
    }
  return ways;
}

/// Makes of `loaded` the fastest of `ways` that fits, else the smallest: what
/// that takes.
static FailureOr<PlanSize> choose(LoadedSpec &loaded, ArrayRef<LoadedSpec> ways,
                                  uint64_t limit, MLIRContext &context) {
  std::optional<PlanSize> best;
  auto isBetter = [&](const PlanSize &size) {
    if (!best || (size.bytes <= limit) != (best->bytes <= limit))
      return !best || size.bytes <= limit;
    return size.bytes <= limit ? size.seconds < best->seconds
                               : size.bytes < best->bytes;
  };
  for (const LoadedSpec &way : ways) {
    FailureOr<PlanSize> size = planSize(way, context);
    if (failed(size))
      return failure();
    if (!isBetter(*size))
      continue;
    best = *size;
    loaded = way;
  }
  return *best;
}

LogicalResult pfc::fitMemory(LoadedSpec &loaded, MLIRContext &context) {
  if (!loaded.spec.cluster.memoryPerRank)
    return success();
  auto limit =
      static_cast<uint64_t>(*loaded.spec.cluster.memoryPerRank * 0x1p30);
  std::vector<LoadedSpec> ways = waysToCompile(loaded);
  FailureOr<PlanSize> size = planSize(ways.front(), context);
  if (succeeded(size) && size->bytes > limit)
    size = choose(loaded, ways, limit, context);
  if (failed(size))
    return failure();
  if (size->bytes <= limit)
    return success();
  InFlightDiagnostic error =
      emitError(loaded.locations.of("cluster.memory_per_rank"))
      << "a rank's arena takes " << rt::bytesText(size->bytes) << ", "
      << rt::bytesText(size->bytes - limit)
      << " more than cluster.memory_per_rank";
  SmallVector<Change> changes =
      Search(loaded, context, limit, size->bytes).run();
  if (changes.empty())
    error << "; no change of one key makes it fit";
  for (const Change &change : changes)
    error.attachNote() << "it fits with " << change.setting << ": "
                       << rt::bytesText(change.bytes);
  return error;
}

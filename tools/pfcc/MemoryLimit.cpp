#include "MemoryLimit.h"
#include "MemoryAdvice.h"

#include "mlir/IR/Diagnostics.h"
#include "runtime/plan/Shape.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

using namespace pfc;
using namespace mlir;

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

/// `ways` do not fit, for one variant at least.
static LogicalResult refuse(const LoadedSpec &loaded, ArrayRef<LoadedSpec> ways,
                            uint64_t limit, PlanSizes &sizes,
                            MLIRContext &context) {
  // Those that take less than each before, and with it more time.
  std::vector<LoadedSpec> smaller;
  uint64_t least = std::numeric_limits<uint64_t>::max();
  for (const LoadedSpec &way : ways) {
    FailureOr<PlanSize> size = sizes.of(way, least);
    if (failed(size))
      return failure();
    if (size->bytes >= least)
      continue;
    smaller.push_back(way);
    least = size->bytes;
  }
  const LoadedSpec &fastest = ways.front();
  FailureOr<PlanSize> free =
      sizes.ofVariant(fastest, precisionChoices(fastest.spec).front());
  if (failed(free))
    return failure();
  InFlightDiagnostic error =
      emitError(loaded.locations.of("cluster.memory_per_rank"))
      << "a rank's arena takes " << rt::bytesText(least) << ", "
      << rt::bytesText(least - limit) << " more than cluster.memory_per_rank";
  std::vector<MemoryAdvice> advice = adviseOnMemory(
      loaded, smaller, limit,
      free->seconds / static_cast<double>(loaded.spec.train.batchPerRank),
      sizes, context);
  if (advice.empty())
    error << "; no change of the spec was found that makes it fit";
  for (const auto &[change, cost, bytes] : advice)
    error.attachNote() << "it fits with " << change << " (" << cost
                       << "): " << rt::bytesText(bytes);
  return error;
}

/// The fastest of `ways` that takes `limit` at most; null if none does.
static FailureOr<const LoadedSpec *> fastestWay(ArrayRef<LoadedSpec> ways,
                                                const PrecisionChoice &choice,
                                                uint64_t limit,
                                                PlanSizes &sizes) {
  const LoadedSpec *chosen = nullptr;
  double best = std::numeric_limits<double>::infinity();
  for (const LoadedSpec &way : ways) {
    FailureOr<PlanSize> size = sizes.ofVariant(way, choice);
    if (failed(size))
      return failure();
    if (size->bytes > limit || size->seconds >= best)
      continue;
    best = size->seconds;
    chosen = &way;
    if (chosen == ways.begin()) // recomputes nothing
      break;
  }
  return chosen;
}

FailureOr<std::vector<FittedVariant>> pfc::fitMemory(const LoadedSpec &loaded,
                                                     MLIRContext &context) {
  std::vector<FittedVariant> variants;
  for (const PrecisionChoice &choice : precisionChoices(loaded.spec))
    variants.push_back({choice, loaded});
  if (!loaded.spec.cluster.memoryPerRank)
    return variants;
  auto limit =
      static_cast<uint64_t>(*loaded.spec.cluster.memoryPerRank * 0x1p30);
  PlanSizes sizes(context);
  const std::vector<LoadedSpec> ways = waysToCompile(loaded);
  // The last one, fp32, is the largest.
  for (FittedVariant &variant : llvm::reverse(variants)) {
    FailureOr<const LoadedSpec *> way =
        fastestWay(ways, variant.choice, limit, sizes);
    if (failed(way))
      return failure();
    if (!*way)
      return refuse(loaded, ways, limit, sizes, context);
    // With room for all of it, what is auto stays so.
    if (*way != &ways.front())
      variant.loaded = **way;
  }
  return variants;
}

const TrainSpec &pfc::specOf(ArrayRef<FittedVariant> variants,
                             const LoadedSpec &given) {
  auto decided = [](const FittedVariant &variant) {
    const TrainSpec &spec = variant.loaded.spec;
    return std::pair(spec.head.logits, spec.train.recompute);
  };
  bool alike = llvm::all_equal(llvm::map_range(variants, decided));
  return alike ? variants.front().loaded.spec : given.spec;
}

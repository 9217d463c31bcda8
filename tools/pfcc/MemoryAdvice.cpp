#include "MemoryAdvice.h"

#include "frontend/spec/SpecChecks.h"
#include "frontend/spec/SpecKeys.h"
#include "mlir/IR/Diagnostics.h"
#include "runtime/plan/Shape.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include <cmath>
#include <fmt/format.h>
#include <functional>

using namespace pfc;
using namespace mlir;

namespace {

/// So many changes are named.
constexpr size_t kNamed = 3;

/// How a change of a key changes the training; what changes more costs more.
enum class Alters { Nothing, Rounding, Training, Machines };

/// A change of one key with which a plan fits.
struct Change {
  Alters alters;
  std::string setting;
  std::string price; ///< besides time
  PlanSize size;
  double seconds; ///< an image
};

/// Looks for changes of a spec with which its plan takes `limit` at most.
class Search {
public:
  /// `ways` are what may be compiled, the fastest first and the smallest, of
  /// `bytes`, last.
  Search(const LoadedSpec &given, ArrayRef<LoadedSpec> ways, PlanSizes &sizes,
         MLIRContext &context, uint64_t limit, uint64_t bytes)
      : now(given.spec), ways(ways), sizes(sizes), context(context),
        limit(limit), bytes(bytes) {}

  /// The cheapest that help, in order: all of a kind are tried, but no kind
  /// behind those of which there are enough.
  SmallVector<Change> run();

private:
  using Edit = std::function<void(TrainSpec &)>;
  using EditNumber = std::function<void(TrainSpec &, double)>;

  using Measure = llvm::function_ref<FailureOr<PlanSize>(const LoadedSpec &)>;

  PlanSize sizeWith(const LoadedSpec &way, const Edit &edit, Measure measure);
  /// Of all variants, compiled the smallest way.
  uint64_t leastBytes(const Edit &edit);
  bool fits(const Edit &edit) { return leastBytes(edit) <= limit; }
  void addIfFits(Alters alters, std::string setting, const Edit &edit,
                 std::string price = "");
  void addRecomputation();
  void addRounding();
  void addNumber(StringRef key, double from, double least, StringRef price,
                 const EditNumber &edit,
                 llvm::function_ref<double(double)> round);
  void addRanks();
  bool hasEnough() const { return changes.size() >= kNamed; }

  const TrainSpec &now;
  ArrayRef<LoadedSpec> ways;
  PlanSizes &sizes;
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
PlanSize Search::sizeWith(const LoadedSpec &way, const Edit &edit,
                          Measure measure) {
  const PlanSize none{std::numeric_limits<uint64_t>::max(), 0, 0};
  LoadedSpec changed = way;
  edit(changed.spec);
  if (!isAllowed(changed))
    return none;
  ScopedDiagnosticHandler silence(&context,
                                  [](Diagnostic &) { return success(); });
  FailureOr<PlanSize> size = measure(changed);
  return succeeded(size) ? *size : none;
}

uint64_t Search::leastBytes(const Edit &edit) {
  return sizeWith(ways.back(), edit,
                  [&](const LoadedSpec &changed) {
                    return sizes.of(changed, limit);
                  })
      .bytes;
}

/// For each variant the fastest of the ways to compile it that the edit makes
/// fit: it is looked for between that and the smallest, as the slower ones are
/// the smaller ones. Time is the first variant's, which a machine takes if it
/// can.
void Search::addIfFits(Alters alters, std::string setting, const Edit &edit,
                       std::string price) {
  if (!fits(edit))
    return;
  LoadedSpec changed = ways.back();
  edit(changed.spec);
  PlanSize plan;
  auto choices = precisionChoices(changed.spec);
  for (const PrecisionChoice &choice : llvm::reverse(choices)) {
    auto sizeOf = [&](const LoadedSpec &way) {
      return sizeWith(way, edit, [&](const LoadedSpec &spec) {
        return sizes.ofVariant(spec, choice);
      });
    };
    const LoadedSpec *way =
        llvm::partition_point(ways.drop_back(), [&](const LoadedSpec &faster) {
          return sizeOf(faster).bytes > limit;
        });
    PlanSize size = sizeOf(*way);
    plan.bytes = std::max(plan.bytes, size.bytes);
    plan.hostBytes = std::max(plan.hostBytes, size.hostBytes);
    plan.seconds = size.seconds;
  }
  double seconds =
      plan.seconds / static_cast<double>(changed.spec.train.batchPerRank);
  if (plan.hostBytes > 0 && now.head.placement != PlacementSpec::Host)
    price = rt::bytesText(plan.hostBytes) + " of the host's memory";
  changes.push_back(
      {alters, std::move(setting), std::move(price), plan, seconds});
}

/// Of what the spec forbids to recompute.
void Search::addRecomputation() {
  if (now.head.logits == LogitsSpec::Keep)
    addIfFits(
        Alters::Nothing, "head.logits = \"recompute\"",
        [](TrainSpec &spec) { spec.head.logits = LogitsSpec::Recompute; });
  if (now.train.recompute == RecomputeSpec::None)
    addIfFits(Alters::Nothing, "train.recompute = \"batch_norms\"",
              [](TrainSpec &spec) {
                spec.train.recompute = RecomputeSpec::BatchNorms;
              });
  if (now.train.recompute == RecomputeSpec::None ||
      now.train.recompute == RecomputeSpec::BatchNorms)
    addIfFits(
        Alters::Nothing, "train.recompute = \"blocks\"",
        [](TrainSpec &spec) { spec.train.recompute = RecomputeSpec::Blocks; });
}

void Search::addRounding() {
  // Not where the spec gives a loss scale: isAllowed.
  if (now.train.precision == PrecisionSpec::FP32 ||
      now.train.precision == PrecisionSpec::Auto)
    addIfFits(
        Alters::Rounding, "train.precision = \"bf16\"",
        [](TrainSpec &spec) { spec.train.precision = PrecisionSpec::BF16; },
        "never fp32");
  if (now.head.momentum == StorageSpec::FP32)
    addIfFits(
        Alters::Rounding, "head.momentum_dtype = \"bf16\"",
        [](TrainSpec &spec) { spec.head.momentum = StorageSpec::BF16; },
        "rounds the class centers' momentum");
  if (now.head.weight == StorageSpec::FP32)
    addIfFits(
        Alters::Rounding, "head.weight_dtype = \"bf16\"",
        [](TrainSpec &spec) { spec.head.weight = StorageSpec::BF16; },
        "rounds the class centers");
}

/// The largest value of a key below `from` that fits, nearly. Memory is made of
/// straight lines in it: where the line between a value that fits and one that
/// does not meets the limit is tried next.
void Search::addNumber(StringRef key, double from, double least,
                       StringRef price, const EditNumber &edit,
                       llvm::function_ref<double(double)> round) {
  auto bytesAt = [&](double value) {
    return static_cast<double>(
        leastBytes([&](TrainSpec &spec) { edit(spec, value); }));
  };
  const auto most = static_cast<double>(limit);
  double low = least, lowBytes = bytesAt(least);
  if (least >= from || lowBytes > most)
    return;
  double high = from, highBytes = static_cast<double>(bytes);
  for (int attempt = 0; attempt < 3; ++attempt) {
    double value =
        round(low + (high - low) * (most - lowBytes) / (highBytes - lowBytes));
    if (value <= low || value >= high)
      break;
    double valueBytes = bytesAt(value);
    (valueBytes <= most ? low : high) = value;
    (valueBytes <= most ? lowBytes : highBytes) = valueBytes;
  }
  addIfFits(
      Alters::Training, fmt::format("{} = {:g}", key.str(), low),
      [&](TrainSpec &spec) { edit(spec, low); },
      fmt::format("{:.0f} % of the {}", 100 * low / from, price.str()));
}

/// The smallest power of two times as many that fits.
void Search::addRanks() {
  auto times = [&](int64_t factor) -> Edit {
    return [=](TrainSpec &spec) { spec.cluster.worldSize *= factor; };
  };
  SmallVector<int64_t> factors;
  for (int64_t factor = 2; factor <= 64; factor *= 2) {
    LoadedSpec changed = ways.back();
    times(factor)(changed.spec);
    if (isAllowed(changed))
      factors.push_back(factor);
  }
  if (factors.empty() || !fits(times(factors.back())))
    return;
  int64_t factor =
      *llvm::partition_point(ArrayRef(factors).drop_back(),
                             [&](int64_t few) { return !fits(times(few)); });
  addIfFits(
      Alters::Machines,
      fmt::format("cluster.world_size = {}", now.cluster.worldSize * factor),
      times(factor), fmt::format("{} times the ranks", factor));
}

SmallVector<Change> Search::run() {
  addRecomputation();
  if (now.head.placement == PlacementSpec::Device)
    addIfFits(
        Alters::Nothing, "head.placement = \"host\"",
        [](TrainSpec &spec) { spec.head.placement = PlacementSpec::Host; });
  if (!hasEnough())
    addRounding();
  if (!hasEnough()) {
    addNumber(
        "train.batch_per_rank", static_cast<double>(now.train.batchPerRank), 2,
        "batch",
        [](TrainSpec &spec, double value) {
          spec.train.batchPerRank = static_cast<int64_t>(value);
        },
        [](double value) { return 2 * std::floor(value / 2); });
    addNumber(
        "head.sample_rate", now.head.sampleRate, 0.001, "sample",
        [](TrainSpec &spec, double value) { spec.head.sampleRate = value; },
        [](double value) { return std::floor(value * 1000) / 1000; });
  }
  if (!hasEnough())
    addRanks();
  llvm::stable_sort(changes, [](const Change &a, const Change &b) {
    return std::pair(a.alters, a.seconds) < std::pair(b.alters, b.seconds);
  });
  changes.truncate(std::min(changes.size(), kNamed));
  return changes;
}

/// "+12 % of time an image, twice the ranks"
static std::string costOf(const Change &change, double seconds) {
  // Zero has no sign but +.
  double percent = std::round(100 * (change.seconds / seconds - 1)) + 0.0;
  return fmt::format("{:+.0f} % of time an image{}{}", percent,
                     change.price.empty() ? "" : ", ", change.price);
}

std::vector<MemoryAdvice>
pfc::adviseOnMemory(const LoadedSpec &given, ArrayRef<LoadedSpec> ways,
                    uint64_t bytes, uint64_t limit, double imageSeconds,
                    PlanSizes &sizes, MLIRContext &context) {
  std::vector<MemoryAdvice> advice;
  for (const Change &change :
       Search(given, ways, sizes, context, limit, bytes).run())
    advice.push_back(
        {change.setting, costOf(change, imageSeconds), change.size.bytes});
  return advice;
}

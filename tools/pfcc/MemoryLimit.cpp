#include "MemoryLimit.h"

#include "frontend/spec/SpecChecks.h"
#include "frontend/spec/SpecKeys.h"
#include "frontend/spec/SpecWriter.h"
#include "mlir/IR/Diagnostics.h"
#include "runtime/plan/Shape.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <fmt/format.h>
#include <functional>

using namespace pfc;
using namespace mlir;

namespace {

/// What specs take. Each variant is compiled once, and only if it is needed.
class Sizes {
public:
  explicit Sizes(MLIRContext &context) : context(context) {}

  FailureOr<PlanSize> ofVariant(const LoadedSpec &loaded,
                                const PrecisionChoice &choice);
  /// Bytes are those of the largest variant, or of one that takes more than
  /// `enough`.
  FailureOr<PlanSize> of(const LoadedSpec &loaded, uint64_t enough);

private:
  MLIRContext &context;
  llvm::StringMap<PlanSize> known;
};

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
  Search(const LoadedSpec &given, ArrayRef<LoadedSpec> ways, Sizes &sizes,
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
  Sizes &sizes;
  MLIRContext &context;
  uint64_t limit, bytes;
  SmallVector<Change> changes;
};

} // namespace

FailureOr<PlanSize> Sizes::ofVariant(const LoadedSpec &loaded,
                                     const PrecisionChoice &choice) {
  std::string key = choice.name.str() + "\n";
  llvm::raw_string_ostream os(key);
  writeSpec(loaded.spec, os);
  if (auto found = known.find(key); found != known.end())
    return found->second;
  FailureOr<PlanSize> size = planSize(loaded, choice, context);
  if (succeeded(size))
    known[key] = *size;
  return size;
}

FailureOr<PlanSize> Sizes::of(const LoadedSpec &loaded, uint64_t enough) {
  PlanSize all;
  // The last one, fp32, is the largest.
  auto choices = precisionChoices(loaded.spec);
  for (const PrecisionChoice &choice : llvm::reverse(choices)) {
    FailureOr<PlanSize> size = ofVariant(loaded, choice);
    if (failed(size))
      return failure();
    all.bytes = std::max(all.bytes, size->bytes);
    all.hostBytes = std::max(all.hostBytes, size->hostBytes);
    if (all.bytes > enough)
      break;
  }
  return all;
}

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

/// "+12 % of time an image, twice the ranks"
static std::string costOf(const Change &change, double seconds) {
  // Zero has no sign but +.
  double percent = std::round(100 * (change.seconds / seconds - 1)) + 0.0;
  return fmt::format("{:+.0f} % of time an image{}{}", percent,
                     change.price.empty() ? "" : ", ", change.price);
}

/// `ways` do not fit, for one variant at least.
static LogicalResult refuse(const LoadedSpec &loaded, ArrayRef<LoadedSpec> ways,
                            uint64_t limit, Sizes &sizes,
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
  SmallVector<Change> changes =
      Search(loaded, smaller, sizes, context, limit, least).run();
  if (changes.empty())
    error << "; no change of one key makes it fit";
  double seconds =
      free->seconds / static_cast<double>(loaded.spec.train.batchPerRank);
  for (const Change &change : changes)
    error.attachNote() << "it fits with " << change.setting << " ("
                       << costOf(change, seconds)
                       << "): " << rt::bytesText(change.size.bytes);
  return error;
}

/// The fastest of `ways` that takes `limit` at most; null if none does.
static FailureOr<const LoadedSpec *> fastestWay(ArrayRef<LoadedSpec> ways,
                                                const PrecisionChoice &choice,
                                                uint64_t limit, Sizes &sizes) {
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
  Sizes sizes(context);
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

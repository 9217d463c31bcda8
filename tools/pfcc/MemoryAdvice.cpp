#include "MemoryAdvice.h"

#include "frontend/spec/SpecChecks.h"
#include "frontend/spec/SpecKeys.h"
#include "mlir/IR/Diagnostics.h"
#include "runtime/plan/Shape.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>
#include <fmt/format.h>
#include <functional>
#include <limits>

using namespace pfc;
using namespace mlir;

namespace {

/// So many changes are named.
constexpr size_t kNamed = 3;

/// The bytes of a plan that there isn't.
constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();

/// How a change alters the training; what alters more costs more.
enum class Alters { Nothing, Rounding, Training, Machines };

/// Another value of one key.
struct KeyChange {
  Alters alters;
  StringRef key;
  std::string value;
  std::string price; ///< besides time
  std::function<void(TrainSpec &)> edit;
};

/// A key whose value may be anything between what is given and `least`.
struct NumberKey {
  StringRef name;
  double given, least;
  StringRef of; ///< what less of it is less of
  void (*edit)(TrainSpec &, double);
  double (*round)(double);
  double alone = 0; ///< the largest that fits if no other key changes

  KeyChange at(double value) const;
};

/// Keys that are changed together, with which a plan fits.
struct Change {
  SmallVector<KeyChange> keys;
  PlanSize size;
  double seconds; ///< an image

  Alters alters() const;
};

/// Looks for changes of a spec with which its plan takes `limit` at most.
class Search {
public:
  /// `ways` are what may be compiled, the fastest first, the smallest last.
  Search(const LoadedSpec &given, ArrayRef<LoadedSpec> ways, PlanSizes &sizes,
         MLIRContext &context, uint64_t limit);

  /// The cheapest that help, in order: of one key, with those of two where
  /// there are too few, else of as few keys as it takes.
  SmallVector<Change> run();

private:
  using Keys = ArrayRef<KeyChange>;
  using Measure = llvm::function_ref<FailureOr<PlanSize>(const LoadedSpec &)>;

  LoadedSpec with(Keys keys, const LoadedSpec &way) const;
  PlanSize sizeWith(Keys keys, const LoadedSpec &way, Measure measure);
  /// Of all variants, compiled the smallest way.
  uint64_t leastBytes(Keys keys);
  bool fits(Keys keys) { return leastBytes(keys) <= limit; }
  bool isKnownToFit(Keys keys) const;
  bool anythingFits();
  SmallVector<SmallVector<KeyChange>> choose(unsigned count) const;
  void addIfFits(Keys keys);
  void addNumber(NumberKey &number, Keys others);
  SmallVector<int64_t> rankFactors(Keys others) const;
  void addRanks(Keys others);
  void add(unsigned count, Alters alters);
  bool hasEnough() const { return changes.size() >= kNamed; }

  const TrainSpec &now;
  ArrayRef<LoadedSpec> ways;
  PlanSizes &sizes;
  MLIRContext &context;
  uint64_t limit;
  SmallVector<KeyChange> values;  ///< the others of keys that have few
  SmallVector<NumberKey> numbers; ///< those that have many
  int64_t ranksAlone = 0;         ///< times that many fit, without another key
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

KeyChange NumberKey::at(double value) const {
  return {Alters::Training, name, fmt::format("{:g}", value),
          fmt::format("{:.0f} % of the {}", 100 * value / given, of.str()),
          [edit = edit, value](TrainSpec &spec) { edit(spec, value); }};
}

static Alters altersMost(ArrayRef<KeyChange> keys) {
  Alters most = Alters::Nothing;
  for (const KeyChange &key : keys)
    most = std::max(most, key.alters);
  return most;
}

static KeyChange moreRanks(const TrainSpec &now, int64_t factor) {
  return {Alters::Machines, "cluster.world_size",
          std::to_string(now.cluster.worldSize * factor),
          fmt::format("{} times the ranks", factor),
          [=](TrainSpec &spec) { spec.cluster.worldSize *= factor; }};
}

Alters Change::alters() const { return altersMost(keys); }

static SmallVector<KeyChange> withKey(ArrayRef<KeyChange> keys,
                                      KeyChange another) {
  SmallVector<KeyChange> all(keys);
  all.push_back(std::move(another));
  return all;
}

Search::Search(const LoadedSpec &given, ArrayRef<LoadedSpec> ways,
               PlanSizes &sizes, MLIRContext &context, uint64_t limit)
    : now(given.spec), ways(ways), sizes(sizes), context(context),
      limit(limit) {
  auto add = [&](bool isAnother, Alters alters, StringRef key, StringRef value,
                 StringRef price, void (*edit)(TrainSpec &)) {
    if (isAnother)
      values.push_back(
          {alters, key, "\"" + value.str() + "\"", price.str(), edit});
  };
  const HeadSpec &head = now.head;
  const StepsSpec &train = now.train;
  // Of what the spec forbids to recompute.
  add(head.logits == LogitsSpec::Keep, Alters::Nothing, "head.logits",
      "recompute", "",
      [](TrainSpec &spec) { spec.head.logits = LogitsSpec::Recompute; });
  add(train.recompute == RecomputeSpec::None, Alters::Nothing,
      "train.recompute", "batch_norms", "", [](TrainSpec &spec) {
        spec.train.recompute = RecomputeSpec::BatchNorms;
      });
  add(train.recompute == RecomputeSpec::None ||
          train.recompute == RecomputeSpec::BatchNorms,
      Alters::Nothing, "train.recompute", "blocks", "",
      [](TrainSpec &spec) { spec.train.recompute = RecomputeSpec::Blocks; });
  add(head.placement == PlacementSpec::Device, Alters::Nothing,
      "head.placement", "host", "",
      [](TrainSpec &spec) { spec.head.placement = PlacementSpec::Host; });
  // Not where the spec gives a loss scale: isAllowed.
  add(train.precision == PrecisionSpec::FP32 ||
          train.precision == PrecisionSpec::Auto,
      Alters::Rounding, "train.precision", "bf16", "never fp32",
      [](TrainSpec &spec) { spec.train.precision = PrecisionSpec::BF16; });
  add(head.momentum == StorageSpec::FP32, Alters::Rounding,
      "head.momentum_dtype", "bf16", "rounds the class centers' momentum",
      [](TrainSpec &spec) { spec.head.momentum = StorageSpec::BF16; });
  add(head.weight == StorageSpec::FP32, Alters::Rounding, "head.weight_dtype",
      "bf16", "rounds the class centers",
      [](TrainSpec &spec) { spec.head.weight = StorageSpec::BF16; });
  numbers = {
      NumberKey{"train.batch_per_rank", static_cast<double>(train.batchPerRank),
                2, "batch",
                [](TrainSpec &spec, double value) {
                  spec.train.batchPerRank = static_cast<int64_t>(value);
                },
                [](double value) { return 2 * std::floor(value / 2); }},
      NumberKey{
          "head.sample_rate", head.sampleRate, 0.001, "sample",
          [](TrainSpec &spec, double value) { spec.head.sampleRate = value; },
          [](double value) { return std::floor(value * 1000) / 1000; }}};
}

LoadedSpec Search::with(Keys keys, const LoadedSpec &way) const {
  LoadedSpec changed = way;
  for (const KeyChange &key : keys)
    key.edit(changed.spec);
  return changed;
}

/// More than anything where there is no such plan.
PlanSize Search::sizeWith(Keys keys, const LoadedSpec &way, Measure measure) {
  const PlanSize none{kNone, 0, 0};
  LoadedSpec changed = with(keys, way);
  if (!isAllowed(changed))
    return none;
  ScopedDiagnosticHandler silence(&context,
                                  [](Diagnostic &) { return success(); });
  FailureOr<PlanSize> size = measure(changed);
  return succeeded(size) ? *size : none;
}

uint64_t Search::leastBytes(Keys keys) {
  return sizeWith(keys, ways.back(),
                  [&](const LoadedSpec &spec) { return sizes.of(spec, limit); })
      .bytes;
}

/// Whether some of `keys` are enough.
bool Search::isKnownToFit(Keys keys) const {
  return llvm::any_of(changes, [&](const Change &change) {
    return llvm::all_of(change.keys, [&](const KeyChange &needed) {
      return llvm::any_of(keys, [&](const KeyChange &key) {
        return key.key == needed.key && key.value == needed.value;
      });
    });
  });
}

/// Whether it fits with as many changes as a spec may have.
bool Search::anythingFits() {
  SmallVector<KeyChange> all;
  auto addIfAllowed = [&](const KeyChange &key) {
    LoadedSpec changed = with(withKey(all, key), ways.back());
    if (isAllowed(changed))
      all.push_back(key);
  };
  for (const NumberKey &number : numbers)
    if (number.least < number.given)
      addIfAllowed(number.at(number.least));
  for (const KeyChange &value : values)
    addIfAllowed(value);
  SmallVector<int64_t> factors = rankFactors(all);
  return fits(all) || (!factors.empty() &&
                       fits(withKey(all, moreRanks(now, factors.back()))));
}

/// So many of `values`, no two of one key, in their order.
SmallVector<SmallVector<KeyChange>> Search::choose(unsigned count) const {
  SmallVector<SmallVector<KeyChange>> chosen(1);
  SmallVector<size_t> next = {0}; // of each of those
  for (; count > 0; --count) {
    SmallVector<SmallVector<KeyChange>> longer;
    SmallVector<size_t> nextOfLonger;
    for (auto [keys, first] : llvm::zip_equal(chosen, next))
      for (size_t i = first; i < values.size(); ++i) {
        if (!keys.empty() && keys.back().key == values[i].key)
          continue;
        longer.push_back(withKey(keys, values[i]));
        nextOfLonger.push_back(i + 1);
      }
    chosen = std::move(longer);
    next = std::move(nextOfLonger);
  }
  return chosen;
}

/// For each variant the fastest of the ways to compile it that `keys` make fit:
/// it is looked for between that and the smallest, as the slower ones are the
/// smaller ones. Time is the first variant's, which a machine takes if it can.
void Search::addIfFits(Keys keys) {
  if (!fits(keys))
    return;
  LoadedSpec changed = with(keys, ways.back());
  PlanSize plan;
  auto choices = precisionChoices(changed.spec);
  for (const PrecisionChoice &choice : llvm::reverse(choices)) {
    auto sizeOf = [&](const LoadedSpec &way) {
      return sizeWith(keys, way, [&](const LoadedSpec &spec) {
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
  changes.push_back(
      {SmallVector<KeyChange>(keys), plan,
       plan.seconds / static_cast<double>(changed.spec.train.batchPerRank)});
}

/// The largest value that fits, nearly. Memory is made of straight lines in it:
/// where the line between a value that fits and one that does not meets the
/// limit is tried next. `others` have to make a difference.
void Search::addNumber(NumberKey &number, Keys others) {
  auto bytesAt = [&](double value) {
    return leastBytes(withKey(others, number.at(value)));
  };
  double low = number.alone > 0 ? number.alone : number.least;
  if (low >= number.given)
    return;
  uint64_t lowBytes = bytesAt(low);
  if (lowBytes > limit)
    return;
  double high = number.given;
  uint64_t highBytes = leastBytes(others);
  for (int attempt = 0; attempt < 3; ++attempt) {
    double share = highBytes == kNone
                       ? 0.5
                       : static_cast<double>(limit - lowBytes) /
                             static_cast<double>(highBytes - lowBytes);
    double value = number.round(low + (high - low) * share);
    if (value <= low || value >= high)
      break;
    uint64_t valueBytes = bytesAt(value);
    (valueBytes <= limit ? low : high) = value;
    (valueBytes <= limit ? lowBytes : highBytes) = valueBytes;
  }
  if (others.empty())
    number.alone = low;
  else if (low < 1.1 * number.alone)
    return;
  addIfFits(withKey(others, number.at(low)));
}

/// The powers of two that a spec with `others` may multiply its ranks by.
SmallVector<int64_t> Search::rankFactors(Keys others) const {
  SmallVector<int64_t> factors;
  for (int64_t factor = 2; factor <= 64; factor *= 2) {
    LoadedSpec changed =
        with(withKey(others, moreRanks(now, factor)), ways.back());
    if (isAllowed(changed))
      factors.push_back(factor);
  }
  return factors;
}

/// The smallest that fits. `others` have to make a difference.
void Search::addRanks(Keys others) {
  SmallVector<int64_t> factors = rankFactors(others);
  if (ranksAlone > 0)
    llvm::erase_if(factors, [&](int64_t many) { return many >= ranksAlone; });
  auto fitWith = [&](int64_t factor) {
    return fits(withKey(others, moreRanks(now, factor)));
  };
  if (factors.empty() || !fitWith(factors.back()))
    return;
  int64_t factor =
      *llvm::partition_point(ArrayRef(factors).drop_back(),
                             [&](int64_t few) { return !fitWith(few); });
  if (others.empty())
    ranksAlone = factor;
  addIfFits(withKey(others, moreRanks(now, factor)));
}

/// Those of so many keys that alter this much.
void Search::add(unsigned count, Alters alters) {
  if (alters <= Alters::Rounding) {
    for (Keys keys : choose(count))
      if (altersMost(keys) == alters && !isKnownToFit(keys))
        addIfFits(keys);
    return;
  }
  for (Keys others : choose(count - 1)) {
    if (isKnownToFit(others))
      continue;
    if (alters == Alters::Machines)
      addRanks(others);
    else
      for (NumberKey &number : numbers)
        addNumber(number, others);
  }
}

SmallVector<Change> Search::run() {
  if (!anythingFits())
    return {};
  for (unsigned count = 1; count <= values.size() + 1; ++count) {
    // All of a kind are tried, but no kind behind those of which there are
    // enough.
    for (Alters alters : {Alters::Nothing, Alters::Rounding, Alters::Training,
                          Alters::Machines})
      if (!hasEnough())
        add(count, alters);
    if (hasEnough() || (count > 1 && !changes.empty()))
      break;
  }
  llvm::stable_sort(changes, [](const Change &a, const Change &b) {
    return std::pair(a.alters(), a.seconds) < std::pair(b.alters(), b.seconds);
  });
  changes.truncate(std::min(changes.size(), kNamed));
  return changes;
}

/// "+12 % of time an image, twice the ranks"
static std::string costOf(const Change &change, double seconds,
                          const TrainSpec &now) {
  // Zero has no sign but +.
  double percent = std::round(100 * (change.seconds / seconds - 1)) + 0.0;
  std::string text = fmt::format("{:+.0f} % of time an image", percent);
  for (const KeyChange &key : change.keys)
    if (!key.price.empty())
      text += ", " + key.price;
  if (change.size.hostBytes > 0 && now.head.placement != PlacementSpec::Host)
    text +=
        ", " + rt::bytesText(change.size.hostBytes) + " of the host's memory";
  return text;
}

std::vector<MemoryAdvice>
pfc::adviseOnMemory(const LoadedSpec &given, ArrayRef<LoadedSpec> ways,
                    uint64_t limit, double imageSeconds, PlanSizes &sizes,
                    MLIRContext &context) {
  std::vector<MemoryAdvice> advice;
  for (const Change &change :
       Search(given, ways, sizes, context, limit).run()) {
    auto settings = llvm::map_range(change.keys, [](const KeyChange &key) {
      return key.key.str() + " = " + key.value;
    });
    advice.push_back({llvm::join(settings, " and "),
                      costOf(change, imageSeconds, given.spec),
                      change.size.bytes});
  }
  return advice;
}

#include "runtime/eval/Verification.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace pfc::rt {
namespace {

constexpr int64_t foldCount = 10;

/// Half-open range of the pairs in fold `fold`.
std::pair<int64_t, int64_t> foldRange(int64_t pairs, int64_t fold) {
  int64_t size = pairs / foldCount, extra = pairs % foldCount;
  int64_t begin = fold * size + std::min(fold, extra);
  return {begin, begin + size + (fold < extra)};
}

double squaredNorm(std::span<const float> row) {
  double sum = 0;
  for (float value : row)
    sum += double{value} * value;
  return sum;
}

/// Squared distances of normalised pairs, [n], and the mean length of a row.
std::vector<double> distances(std::span<const float> embeddings, int64_t dim,
                              int64_t pairs, double &meanNorm) {
  std::vector<double> result(pairs);
  double normSum = 0;
  for (int64_t pair = 0; pair < pairs; ++pair) {
    auto a = embeddings.subspan(2 * pair * dim, dim);
    auto b = embeddings.subspan((2 * pair + 1) * dim, dim);
    double lengthA = std::sqrt(squaredNorm(a));
    double lengthB = std::sqrt(squaredNorm(b));
    if (!std::isfinite(lengthA) || !std::isfinite(lengthB))
      throw NotFiniteEmbedding(fmt::format(
          "verification: the embedding of pair {} is not finite; the network "
          "has diverged, lower the learning rate",
          pair));
    normSum += lengthA + lengthB;
    double scaleA = lengthA > 0 ? 1 / lengthA : 1;
    double scaleB = lengthB > 0 ? 1 / lengthB : 1;
    double sum = 0;
    for (int64_t i = 0; i < dim; ++i) {
      double difference = a[i] * scaleA - b[i] * scaleB;
      sum += difference * difference;
    }
    result[pair] = sum;
  }
  meanNorm = normSum / (2.0 * pairs);
  return result;
}

/// How many pairs of each kind are accepted at each threshold.
struct Counts {
  std::vector<int64_t> sameAccepted, differentAccepted;
  int64_t same = 0, different = 0;

  explicit Counts(size_t thresholds)
      : sameAccepted(thresholds), differentAccepted(thresholds) {}

  void add(const Counts &other, int64_t sign) {
    for (size_t t = 0; t < sameAccepted.size(); ++t) {
      sameAccepted[t] += sign * other.sameAccepted[t];
      differentAccepted[t] += sign * other.differentAccepted[t];
    }
    same += sign * other.same;
    different += sign * other.different;
  }

  /// Fraction of right answers at threshold index t.
  double accuracy(size_t t) const {
    return static_cast<double>(sameAccepted[t] + different -
                               differentAccepted[t]) /
           static_cast<double>(same + different);
  }

  double falseAcceptRate(size_t t) const {
    return different ? static_cast<double>(differentAccepted[t]) / different
                     : 0;
  }
};

/// Thresholds 0, step, 2 step, ..., below 4.
std::vector<double> thresholdGrid(int64_t count) {
  std::vector<double> grid(count);
  double step = 4.0 / static_cast<double>(count);
  for (int64_t i = 0; i < count; ++i)
    grid[i] = static_cast<double>(i) * step;
  return grid;
}

/// The protocol's two measurements on one set of distances.
class Folds {
public:
  Folds(std::vector<double> distance, const std::vector<bool> &same)
      : distance(std::move(distance)), same(same) {}

  void accuracy(VerificationResult &result) const;
  double tarAtFar(double far) const;
  double rocTarAtFar(double far) const;

private:
  std::vector<Counts> count(const std::vector<double> &grid) const;
  double acceptedAt(double threshold, int64_t fold) const;

  std::vector<double> distance;
  const std::vector<bool> &same;
};

/// Counts of each fold, then of all pairs (last entry).
std::vector<Counts> Folds::count(const std::vector<double> &grid) const {
  std::vector<Counts> folds(foldCount + 1, Counts(grid.size()));
  int64_t pairs = static_cast<int64_t>(distance.size());
  for (int64_t fold = 0; fold < foldCount; ++fold) {
    Counts &counts = folds[fold];
    auto [begin, end] = foldRange(pairs, fold);
    for (int64_t pair = begin; pair < end; ++pair) {
      ++(same[pair] ? counts.same : counts.different);
      // The first threshold above the distance accepts it, and all later do.
      size_t first =
          std::upper_bound(grid.begin(), grid.end(), distance[pair]) -
          grid.begin();
      if (first < grid.size())
        ++(same[pair] ? counts.sameAccepted : counts.differentAccepted)[first];
    }
    auto accumulate = [](std::vector<int64_t> &bins) {
      std::partial_sum(bins.begin(), bins.end(), bins.begin());
    };
    accumulate(counts.sameAccepted);
    accumulate(counts.differentAccepted);
    folds[foldCount].add(counts, +1);
  }
  return folds;
}

void Folds::accuracy(VerificationResult &result) const {
  std::vector<double> grid = thresholdGrid(400);
  std::vector<Counts> folds = count(grid);
  std::vector<double> accuracies;
  for (int64_t fold = 0; fold < foldCount; ++fold) {
    Counts training = folds[foldCount];
    training.add(folds[fold], -1);
    size_t best = 0;
    for (size_t t = 1; t < grid.size(); ++t)
      if (training.accuracy(t) > training.accuracy(best))
        best = t;
    accuracies.push_back(folds[fold].accuracy(best));
    result.accuracy += accuracies.back();
    result.threshold += grid[best] / foldCount;
  }
  result.accuracy /= foldCount;
  double variance = 0;
  for (double accuracy : accuracies)
    variance += (accuracy - result.accuracy) * (accuracy - result.accuracy);
  result.accuracyStd = std::sqrt(variance / foldCount);
}

/// Where the false accept rate crosses `far`, 0 if it never reaches it.
double thresholdAtFar(const Counts &counts, const std::vector<double> &grid,
                      double far) {
  size_t above = 0;
  while (above < grid.size() && counts.falseAcceptRate(above) <= far)
    ++above;
  if (above == grid.size()) // it ends at `far` exactly, or below
    return counts.falseAcceptRate(above - 1) == far ? grid.back() : 0;
  if (above == 0)
    return grid[0];
  double low = counts.falseAcceptRate(above - 1);
  double high = counts.falseAcceptRate(above);
  double weight = (far - low) / (high - low);
  return grid[above - 1] + weight * (grid[above] - grid[above - 1]);
}

double Folds::tarAtFar(double far) const {
  std::vector<double> grid = thresholdGrid(4000);
  std::vector<Counts> folds = count(grid);
  double sum = 0;
  int64_t used = 0;
  for (int64_t fold = 0; fold < foldCount; ++fold) {
    if (folds[fold].same == 0)
      continue;
    Counts training = folds[foldCount];
    training.add(folds[fold], -1);
    sum += acceptedAt(thresholdAtFar(training, grid, far), fold);
    ++used;
  }
  return used ? sum / used : 0;
}

/// Fraction of a fold's "same" pairs closer than `threshold`.
double Folds::acceptedAt(double threshold, int64_t fold) const {
  auto [begin, end] = foldRange(static_cast<int64_t>(distance.size()), fold);
  int64_t accepted = 0, total = 0;
  for (int64_t pair = begin; pair < end; ++pair) {
    total += same[pair];
    accepted += same[pair] && distance[pair] < threshold;
  }
  return static_cast<double>(accepted) / total;
}

double Folds::rocTarAtFar(double far) const {
  std::vector<double> positives, negatives;
  for (size_t pair = 0; pair < distance.size(); ++pair)
    (same[pair] ? positives : negatives).push_back(distance[pair]);
  if (positives.empty())
    return 0;
  // With the threshold on the (k+1)-th nearest "different" pair, at most
  // k = floor(far * count) of them are nearer.
  size_t allowed = static_cast<size_t>(far * negatives.size());
  if (allowed >= negatives.size())
    return 1;
  std::nth_element(negatives.begin(), negatives.begin() + allowed,
                   negatives.end());
  int64_t accepted =
      std::count_if(positives.begin(), positives.end(),
                    [&](double d) { return d < negatives[allowed]; });
  return static_cast<double>(accepted) / positives.size();
}

} // namespace

VerificationResult evaluateVerification(std::span<const float> embeddings,
                                        int64_t dim,
                                        const std::vector<bool> &same) {
  int64_t pairs = static_cast<int64_t>(same.size());
  require(pairs >= foldCount,
          "verification: {} pairs, but ten folds need at least {}", pairs,
          foldCount);
  require(dim > 0 && embeddings.size() == static_cast<size_t>(2 * pairs * dim),
          "verification: {} floats are not 2 x {} embeddings of size {}",
          embeddings.size(), pairs, dim);
  VerificationResult result{.pairs = pairs};
  Folds folds(distances(embeddings, dim, pairs, result.xnorm), same);
  folds.accuracy(result);
  result.tarAtFar1e3 = folds.tarAtFar(1e-3);
  result.tarAtFar1e4 = folds.tarAtFar(1e-4);
  result.rocTarAtFar1e3 = folds.rocTarAtFar(1e-3);
  result.rocTarAtFar1e4 = folds.rocTarAtFar(1e-4);
  return result;
}

} // namespace pfc::rt

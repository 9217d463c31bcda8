#include "runtime/eval/Roc.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace pfc::rt {
namespace {

/// How many pairs of each kind a threshold accepts.
struct Accepted {
  int64_t different = 0, same = 0;
};

/// One entry for each distinct score, from the largest on.
std::vector<Accepted> acceptedAtScores(std::span<const ScoredPair> pairs) {
  std::vector<Accepted> points;
  Accepted so_far;
  for (size_t i = 0; i < pairs.size(); ++i) {
    ++(pairs[i].same ? so_far.same : so_far.different);
    if (i + 1 == pairs.size() || pairs[i + 1].score != pairs[i].score)
      points.push_back(so_far);
  }
  return points;
}

/// Leaves out points whose two neighbours are one and the same step away, and
/// puts (0, 0) first.
std::vector<Accepted> curveOf(const std::vector<Accepted> &points) {
  std::vector<Accepted> curve = {{0, 0}};
  for (size_t i = 0; i < points.size(); ++i) {
    bool end = i == 0 || i + 1 == points.size() || points.size() <= 2;
    auto bends = [&](int64_t Accepted::*count) {
      return points[i + 1].*count - points[i].*count !=
             points[i].*count - points[i - 1].*count;
    };
    if (end || bends(&Accepted::different) || bends(&Accepted::same))
      curve.push_back(points[i]);
  }
  return curve;
}

} // namespace

std::vector<double> tarAtFar(std::span<ScoredPair> pairs,
                             std::span<const double> fars) {
  std::sort(pairs.begin(), pairs.end(),
            [](const ScoredPair &a, const ScoredPair &b) {
              return a.score > b.score;
            });
  std::vector<Accepted> points = acceptedAtScores(pairs);
  require(!points.empty() && points.back().same > 0 &&
              points.back().different > 0,
          "a curve needs pairs of the same and of different identities");
  auto same = static_cast<double>(points.back().same);
  auto different = static_cast<double>(points.back().different);
  std::vector<Accepted> curve = curveOf(points);

  std::vector<double> tars;
  for (double far : fars) {
    double nearest = HUGE_VAL, tar = 0;
    for (size_t i = curve.size(); i-- > 0;) {
      double distance =
          std::abs(static_cast<double>(curve[i].different) / different - far);
      if (distance < nearest) {
        nearest = distance;
        tar = static_cast<double>(curve[i].same) / same;
      }
    }
    tars.push_back(tar);
  }
  return tars;
}

void LargestScores::keep(float score) {
  if (capacity == 0)
    return;
  scores.push_back(score);
  // Twice the room, so that shrinking costs little for each score.
  if (static_cast<int64_t>(scores.size()) >= 2 * capacity + 64)
    shrink();
}

void LargestScores::shrink() {
  if (static_cast<int64_t>(scores.size()) < capacity)
    return;
  auto last = scores.begin() + (capacity - 1);
  std::nth_element(scores.begin(), last, scores.end(), std::greater<float>());
  least = *last;
  scores.resize(capacity);
}

float LargestScores::largest(int64_t k) {
  shrink();
  require(k >= 1 && k <= static_cast<int64_t>(scores.size()),
          "the {}-th of {} scores was asked for", k, scores.size());
  auto at = scores.begin() + (k - 1);
  std::nth_element(scores.begin(), at, scores.end(), std::greater<float>());
  return *at;
}

} // namespace pfc::rt

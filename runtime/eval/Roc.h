//===- Roc.h - True accept rates at false accept rates ----------*- C++ -*-===//
#ifndef PFC_RUNTIME_EVAL_ROC_H
#define PFC_RUNTIME_EVAL_ROC_H

#include <cstdint>
#include <span>
#include <vector>

namespace pfc::rt {

/// One comparison's result.
struct ScoredPair {
  double score; ///< larger: more alike
  bool same;
};

/// The true accept rate at each of `fars`, as InsightFace's eval_ijbc.py reads
/// it: of the ROC curve's points (those of scikit-learn's roc_curve, which
/// leaves out points amid a straight run) the one whose false accept rate is
/// nearest, of equally near ones the largest. Sorts `pairs`; both kinds must be
/// among them.
std::vector<double> tarAtFar(std::span<ScoredPair> pairs,
                             std::span<const double> fars);

/// The `capacity` largest of many numbers.
class LargestScores {
public:
  explicit LargestScores(int64_t capacity) : capacity(capacity) {}

  void add(float score) {
    if (score > least)
      keep(score);
  }

  /// The k-th largest, counted from 1; k at most capacity and what was added.
  float largest(int64_t k);

private:
  void keep(float score);
  void shrink();

  int64_t capacity;
  std::vector<float> scores; ///< the largest are among them
  /// As many as `capacity` are at least this.
  float least = -__builtin_inff();
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_EVAL_ROC_H

//===- StepMetrics.h - What one training step reports -----------*- C++ -*-===//
#ifndef PFC_RUNTIME_TRAIN_PROGRESS_STEPMETRICS_H
#define PFC_RUNTIME_TRAIN_PROGRESS_STEPMETRICS_H

#include <cstdint>
#include <optional>

namespace pfc::rt {

struct StepMetrics {
  int64_t step = 0;        ///< counted from 1
  double loss = 0;         ///< mean over the global batch
  double learningRate = 0; ///< used by this step
  int64_t images = 0;      ///< in the global batch
  /// Wall time of this step. Verification and checkpoints don't count, so that
  /// images/s is the training speed.
  double seconds = 0;
  /// Before clipping; none where the plan doesn't clip, or skipped the step.
  std::optional<double> gradNorm = {};
  /// Of the next step; none where the plan doesn't scale its loss.
  std::optional<double> lossScale = {};
  bool skipped = false; ///< a gradient overflowed: nothing was updated
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_PROGRESS_STEPMETRICS_H

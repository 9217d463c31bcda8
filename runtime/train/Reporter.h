//===- Reporter.h - Console, metrics.jsonl and curves of a run --*- C++ -*-===//
#ifndef PFC_RUNTIME_TRAIN_REPORTER_H
#define PFC_RUNTIME_TRAIN_REPORTER_H

#include "runtime/train/Job.h"
#include "runtime/train/ModelFolder.h"
#include "runtime/train/checkpoint/Checkpoint.h"
#include "runtime/train/progress/ConsoleProgress.h"
#include "runtime/train/progress/CurvePlot.h"
#include "runtime/train/progress/JsonLog.h"

#include <string>
#include <vector>

namespace pfc::rt {

/// Tells a person and other programs how a run goes. Only rank 0 has one.
class Reporter {
public:
  /// `stepsPerEpoch` is 0 where the run isn't counted in epochs; `synthetic` is
  /// whether its data are. `resumed`, where given, is what the run goes on
  /// from: metrics.jsonl and the curves continue its.
  Reporter(const Job &job, const ModelFolder &folder, int64_t totalSteps,
           int64_t stepsPerEpoch, const std::string &dataSummary,
           bool synthetic, Checkpoint *resumed);
  ~Reporter();

  void step(const StepMetrics &metrics);
  void verification(int64_t step,
                    const std::vector<VerificationResult> &results);
  /// A step that was left out, and why.
  void skipped(int64_t step, const std::string &why);
  void message(const std::string &text) { console.message(text); }

  /// Ends the console's line, writes the curves and what memory it came to;
  /// then the summary line, from the first set of the last verification.
  void finish(int64_t step);
  /// The same for a run that ends early, and why.
  void stop(const std::string &why);

private:
  void restoreCurves();

  const ModelFolder &folder;
  ConsoleProgress console;
  JsonLog log;
  CurvePlot plot;
  std::vector<VerificationResult> last;
  bool finished = false;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_REPORTER_H

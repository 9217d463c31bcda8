//===- Reporter.h - What a run says of itself -------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_TRAIN_REPORTER_H
#define PFC_RUNTIME_TRAIN_REPORTER_H

#include "runtime/train/Job.h"
#include "runtime/train/ModelFolder.h"
#include "runtime/train/checkpoint/Checkpoint.h"
#include "runtime/train/progress/ConsoleProgress.h"
#include "runtime/train/progress/CurvePlot.h"
#include "runtime/train/progress/EventLog.h"
#include "runtime/train/progress/JsonLog.h"

#include <optional>
#include <string>
#include <vector>

namespace pfc::rt {

/// What a run is told to be.
struct RunSummary {
  int64_t totalSteps;
  int64_t stepsPerEpoch;   ///< 0 where it isn't counted in epochs
  std::string data;        ///< for people
  bool synthetic;          ///< the data are
  std::string tensorboard; ///< folder for its files; empty: none
};

/// Tells a person and other programs how a run goes. Only rank 0 has one.
class Reporter {
public:
  /// `resumed`, where given, is what the run goes on from: metrics.jsonl and
  /// the curves continue its.
  Reporter(const Job &job, const ModelFolder &folder, const RunSummary &run,
           Checkpoint *resumed);
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
  std::optional<EventLog> events;
  CurvePlot plot;
  std::vector<VerificationResult> last;
  bool finished = false;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_REPORTER_H

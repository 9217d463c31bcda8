//===- TrainLoop.h - Trains a plan on a data set ----------------*- C++ -*-===//
//
// One step t, the same on every rank:
//   batch of step t -> inputs "images", "labels", "lr" [1], "step" [1]
//   start "train_step" -> outputs "loss" [1]; "grad_norm" [1] if it clips;
//   "loss_scale" [1] and "skipped" [1] if it scales the loss; they are read
//   when step t + 1 has been enqueued
// Every settings.verify_every steps and at the end the network is verified;
// at the end the weights are written (ModelFolder). Checkpoints are written on
// the way, and when a signal ends the run.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_TRAINLOOP_H
#define PFC_RUNTIME_TRAIN_TRAINLOOP_H

#include "runtime/base/Error.h"
#include "runtime/data/BatchLoader.h"
#include "runtime/exec/Finite.h"
#include "runtime/train/FolderLock.h"
#include "runtime/train/InitialWeights.h"
#include "runtime/train/Job.h"
#include "runtime/train/LrSchedule.h"
#include "runtime/train/Preflight.h"
#include "runtime/train/Reporter.h"
#include "runtime/train/StepTracer.h"
#include "runtime/train/TrainData.h"
#include "runtime/train/Verifier.h"
#include "runtime/train/checkpoint/Checkpointer.h"
#include "runtime/train/checkpoint/Resume.h"

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace pfc::rt {

struct TrainOptions {
  std::string planPath;
  std::string dataDir; ///< or what syntheticData() takes
  std::string outDir;
  int64_t steps = -1;           ///< instead of the plan's; negative: the plan's
  bool profile = false;         ///< print where a step's time goes
  std::string trace = {};       ///< file for the times of a step; empty: none
  std::string tensorboard = {}; ///< folder for its files; empty: none
  ResultParts results = ResultParts::All;
  CheckpointOptions checkpoint = {};
  bool skipNotFinite = false; ///< leave out a step with NaN, and go on
  std::string planHash = {};  ///< of what was read of planPath
  std::optional<std::string> resume = {}; ///< from it; empty: from outDir
  InitialWeights init = {};               ///< where it isn't resumed
};

/// The program of a training step.
constexpr const char *trainProgram = "train_step";

/// What step t gave, or left, is NaN or infinite.
class NotFiniteError : public LastingError {
public:
  NotFiniteError(const std::string &message, int64_t t)
      : LastingError(message), t(t) {}
  int64_t t;
};

class TrainLoop {
public:
  TrainLoop(Job &job, const TrainOptions &options);

  /// Trains, verifies, and writes the results; or, when a signal says so,
  /// leaves with a checkpoint. Collective.
  void run();

private:
  /// A step that was enqueued.
  struct StartedStep {
    int64_t t;
    double rate;
    PendingOutput loss;
    std::optional<PendingOutput> gradNorm, lossScale, skipped;
  };

  std::optional<Checkpoint> choose(const TrainOptions &options);
  void lockFolder();
  void barrier(const char *name);
  uint64_t checkpointBytes() const;
  std::unique_ptr<data::BatchLoader> makeLoader(int64_t step,
                                                std::vector<int64_t> knownBad);
  int64_t firstStep() const { return resumed ? resumed->manifest().step : 0; }
  void prepareCheckpoints(bool resume);
  void initialize();
  /// Steps done when it ends: all, or fewer when a signal came.
  int64_t trainSteps();
  int64_t trainFrom(int64_t done);
  void startCheckpoint(int64_t stepsDone);
  std::vector<int64_t> badRecordsBefore() const;
  std::vector<int64_t> allBadRecords();
  void stop(int64_t stepsDone);
  void finish();
  double feed(int64_t t);
  void startStep(int64_t t);
  void meetInFolder();
  void runProgram(int64_t t);
  void finishStep();
  void uploadBatch(const data::Batch &batch);
  std::optional<PendingOutput> startOptionalOutput(const char *name);
  void checkLossScale(double scale, int64_t t) const;
  void checkFinite(const char *what, double value,
                   const StepMetrics &step) const;
  void verify(int64_t stepsDone);

  // When something isn't finite (Recovery.cpp):
  int64_t recover(const NotFiniteError &error);
  int64_t lastGoodStep() const;
  void goBackTo(int64_t step);
  std::optional<std::string> repeat(int64_t t);
  void replay(int64_t from, int64_t to);
  std::string agreeOnFirst(const std::vector<FiniteFinding> &findings);
  std::string stateNotFinite();
  void requireFiniteState(int64_t stepsDone);

  Job &job;
  ModelFolder folder;
  FolderLock lock; // rank 0's
  TrainData source;
  std::optional<Checkpoint> resumed;
  std::unique_ptr<Reporter> reporter; // rank 0's; the loader tells it
  std::unique_ptr<data::BatchLoader> loader;
  int64_t total;
  bool profile;
  ResultParts results;
  LrSchedule schedule;
  Verifier verifier;
  CheckpointOptions checkpointing;
  InitialWeights init;
  bool skipping;
  std::set<int64_t> skipped;             // steps left out
  std::set<FiniteFinding> harmless = {}; // what good steps have too
  std::string taken;                     // what the run starts from, for people
  std::optional<StepTracer> tracer;
  std::unique_ptr<Checkpointer> checkpointer;
  std::optional<StartedStep> running;
  std::chrono::steady_clock::time_point finishedAt; // the last step
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_TRAINLOOP_H

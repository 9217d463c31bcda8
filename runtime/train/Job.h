//===- Job.h - A plan, opened to be executed on this rank -------*- C++ -*-===//
#ifndef PFC_RUNTIME_TRAIN_JOB_H
#define PFC_RUNTIME_TRAIN_JOB_H

#include "runtime/comm/watch/Watch.h"
#include "runtime/exec/Executor.h"
#include "runtime/plan/PlanFile.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace pfc::rt {

struct JobOptions {
  std::string device = {};            ///< empty: the plan's
  std::string precision = "auto";     ///< or a variant's: "fp32", "bf16"
  int threads = 0;                    ///< 0: the rank's share of the processors
  std::vector<std::string> only = {}; ///< programs to prepare; empty: all
  std::string folder = {}; ///< of files that are mapped as host memory
};

/// Members are destroyed in the order that each needs: last made, first gone.
struct Job {
  Job(const PlanFile &file, Communicator &communicator,
      const JobOptions &options);

  const plan::fb::Plan &plan;
  const plan::fb::Settings &settings;
  Communicator &communicator;
  int processors; ///< this rank's share of its machine's
  int threads;
  std::unique_ptr<Device> device;
  const plan::fb::Variant &variant;
  Executor executor;

  bool isRoot() const { return communicator.rank() == 0; }
};

/// What a rank does. What it puts into `kept` lives until a failure has been
/// told: to end it may take long, as a writing thread is waited for.
using RankWork = std::function<void(Job &, std::shared_ptr<void> &kept)>;

/// Opens a job and does its work on this rank, while the ranks watch each
/// other; the exit status. An exception, or the loss of a rank, ends the whole
/// job, on every rank, with one line and a status other than 0:
/// statusWorthRestart when it trained. A job that fails is not closed, which on
/// GPUs would wait for the other ranks.
int runOnRank(const WatchOptions &watching, Communicator &communicator,
              const std::function<std::unique_ptr<Job>()> &open,
              const RankWork &work);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_JOB_H

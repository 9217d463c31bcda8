//===- StepTracer.h - pfc-run --trace ---------------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_TRAIN_STEPTRACER_H
#define PFC_RUNTIME_TRAIN_STEPTRACER_H

#include "runtime/train/Job.h"

#include <string>

namespace pfc::rt {

/// Runs one step so that every instruction is timed, and writes all ranks'
/// times into one file: the third step of the run, as the first touches new
/// memory and the second is recorded where a device can; the last one of a
/// shorter run.
class StepTracer {
public:
  /// Of steps [first, total). Rank 0 writes; no step, and a file that can't be
  /// written, are Errors now. Collective.
  StepTracer(Job &job, std::string path, int64_t first, int64_t total);

  /// Whether step t is to be traced.
  bool wants(int64_t t) const { return t == traced && !done; }
  /// Runs `program` once, to completion. Collective.
  void run(const std::string &program);
  const std::string &file() const { return path; }

private:
  Job &job;
  std::string path;
  int64_t traced;
  bool done = false;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_STEPTRACER_H

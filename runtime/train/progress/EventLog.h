//===- EventLog.h - A run's metrics for TensorBoard -------------*- C++ -*-===//
//
// FOLDER/events.out.tfevents.SECONDS.HOST.PID: TFRecords (u64 length, its
// checksum, the bytes, theirs) of Event messages (tensorboard.proto), flushed
// one by one. Numbers have metrics.jsonl's names; a verification's have its set
// behind: "accuracy/lfw".
//
// Each start of a run begins a file. TensorBoard reads the files of a folder as
// one, in the order of their names, so a later one gets a later time.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_PROGRESS_EVENTLOG_H
#define PFC_RUNTIME_TRAIN_PROGRESS_EVENTLOG_H

#include "runtime/train/progress/Numbers.h"
#include "runtime/train/progress/StepMetrics.h"

#include <cstdint>
#include <fstream>
#include <string>

namespace pfc::rt {

class EventLog {
public:
  /// Begins a file in `folder`, and makes that. What earlier ones have from
  /// `firstStep` on doesn't count any more: the steps come again.
  EventLog(const std::string &folder, int64_t firstStep);

  void step(const StepMetrics &metrics);
  void verification(int64_t step, const VerificationResult &result);

private:
  void write(int64_t step, const Numbers &numbers);
  void writeRecord(const std::string &event);

  std::string path;
  std::ofstream file;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_PROGRESS_EVENTLOG_H

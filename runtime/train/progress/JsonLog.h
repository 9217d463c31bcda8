//===- JsonLog.h - metrics.jsonl --------------------------------*- C++ -*-===//
//
// One JSON object a line, flushed line by line, so that another program can
// follow a run and a crash loses nothing. Kinds:
//   {"kind":"step","step":1,"loss":30.1,"learning_rate":0.1,"images":256,
//    "seconds":0.3,"images_per_second":853.3}
//   {"kind":"verification","step":500,"set":"g_unseen","pairs":6000,
//    "accuracy":0.97,"accuracy_std":0.005,"threshold":1.4,
//    "tar_at_far_1e-3":0.9,"tar_at_far_1e-4":0.8,"roc_tar_at_far_1e-3":0.9,
//    "roc_tar_at_far_1e-4":0.8,"xnorm":7.1}
// and whatever else the caller writes ("run" first, "resume" where a run went
// on, "end" with the results). JSON has no NaN: it becomes null.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_PROGRESS_JSONLOG_H
#define PFC_RUNTIME_TRAIN_PROGRESS_JSONLOG_H

#include "runtime/eval/Verification.h"
#include "runtime/train/progress/StepMetrics.h"

#include <fstream>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace pfc::rt {

class JsonLog {
public:
  /// Starts a new file, or with `append` continues one (a resumed run).
  explicit JsonLog(std::string path, bool append = false);

  void step(const StepMetrics &metrics);
  void verification(int64_t step, const VerificationResult &result);
  void write(const nlohmann::ordered_json &object);

private:
  std::string path;
  std::ofstream file;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_PROGRESS_JSONLOG_H

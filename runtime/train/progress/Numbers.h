//===- Numbers.h - What a log calls a verification's numbers ----*- C++ -*-===//
#ifndef PFC_RUNTIME_TRAIN_PROGRESS_NUMBERS_H
#define PFC_RUNTIME_TRAIN_PROGRESS_NUMBERS_H

#include "runtime/eval/Verification.h"

#include <string>
#include <utility>
#include <vector>

namespace pfc::rt {

/// By name, in the order in which they are written.
using Numbers = std::vector<std::pair<std::string, double>>;

inline Numbers numbersOf(const VerificationResult &result) {
  return {{"accuracy", result.accuracy},
          {"accuracy_std", result.accuracyStd},
          {"threshold", result.threshold},
          {"tar_at_far_1e-3", result.tarAtFar1e3},
          {"tar_at_far_1e-4", result.tarAtFar1e4},
          {"roc_tar_at_far_1e-3", result.rocTarAtFar1e3},
          {"roc_tar_at_far_1e-4", result.rocTarAtFar1e4},
          {"xnorm", result.xnorm}};
}

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_PROGRESS_NUMBERS_H

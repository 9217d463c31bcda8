//===- SpecDifference.h - What two plans' specs differ in -------*- C++ -*-===//
#ifndef PFC_RUNTIME_TRAIN_CHECKPOINT_SPECDIFFERENCE_H
#define PFC_RUNTIME_TRAIN_CHECKPOINT_SPECDIFFERENCE_H

#include <string>
#include <string_view>
#include <vector>

namespace pfc::rt {

/// Each key that has another value, as "train.optimizer.lr 0.1 -> 0.02", by
/// name; "none" where a spec hasn't it. The texts are those that plans carry:
/// headers, and a line for each key.
std::vector<std::string> specDifferences(std::string_view before,
                                         std::string_view now);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_CHECKPOINT_SPECDIFFERENCE_H

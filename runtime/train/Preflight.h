//===- Preflight.h - What would go wrong later, found before ----*- C++ -*-===//
#ifndef PFC_RUNTIME_TRAIN_PREFLIGHT_H
#define PFC_RUNTIME_TRAIN_PREFLIGHT_H

#include "runtime/data/Dataset.h"
#include "runtime/train/Job.h"

#include <string>
#include <vector>

namespace pfc::rt {

/// Throws, with the ranks that differ, unless all have this plan. Before
/// anything depends on it. Collective.
void checkSamePlan(const PlanFile &file, Communicator &communicator);

/// The same for the libraries, and for this machine's memory (`stateBytes` for
/// a checkpoint's copy) and the labels of the data set; then one all_reduce on
/// the device. A line for people. The arena is used: before its initialization.
/// Collective.
std::string preflight(Job &job, const std::string &planHash,
                      const data::Dataset &dataset, uint64_t stateBytes);

/// The ranks whose text is not that of most: "rank 2", "ranks 0, 5"; empty when
/// all are equal.
std::string oddRanks(const std::vector<std::string> &texts);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_PREFLIGHT_H

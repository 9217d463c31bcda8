//===- InitialWeights.h - Weights that a new run starts from ----*- C++ -*-===//
//
// Fine-tuning: a run of its own, from step 0, whose network, and whose class
// centers where they are wanted, were trained before.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_INITIALWEIGHTS_H
#define PFC_RUNTIME_TRAIN_INITIALWEIGHTS_H

#include "runtime/exec/Executor.h"

#include <cstdint>
#include <string>

namespace pfc::rt {

/// Paths; empty: none.
struct InitialWeights {
  std::string model;    ///< a run's --out or a checkpoint: all its weights
  std::string backbone; ///< the same or a weights file: the network alone
  std::string classMap; ///< which of the model's classes is which (ClassMap.h)
};

/// The weights file that `path` means: itself, or the network's, checked, of a
/// run's --out or a checkpoint.
std::string networkFile(const std::string &path);

/// Writes them over the state that `executor` was initialized with: what they
/// don't have (new classes, momentum) stays. What was taken, for people; empty
/// without any. `seed` is the job's: of class centers that were never used.
std::string loadInitialWeights(const InitialWeights &from,
                               const plan::fb::Variant &variant, int rank,
                               uint64_t seed, Executor &executor);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_INITIALWEIGHTS_H

//===- Interchange.h - Weights from and for other programs ------*- C++ -*-===//
#ifndef PFC_RUNTIME_TRAIN_INTERCHANGE_H
#define PFC_RUNTIME_TRAIN_INTERCHANGE_H

#include <string>

namespace pfc::rt {

/// Writes the tensors of a weights file of any format that openWeights knows as
/// .safetensors, with the counters of batches that a state dict has.
void importWeights(const std::string &weights, const std::string &file);

/// Makes the folder `target` of the checkpoint that arcface_torch left in
/// `folder` (checkpoint_gpu_0.pt and so on, a rank each, by save_all_states):
/// the network and all class centers, in as many files, for `pfc-run --init`.
void importCheckpoint(const std::string &folder, const std::string &target);

/// Writes the network of a checkpoint, or of what a run left, as a state dict
/// that arcface_torch loads with strict=True: no optimizer state.
void exportNetwork(const std::string &folder, const std::string &file);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_INTERCHANGE_H

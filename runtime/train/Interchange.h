//===- Interchange.h - Weights from and for other programs ------*- C++ -*-===//
#ifndef PFC_RUNTIME_TRAIN_INTERCHANGE_H
#define PFC_RUNTIME_TRAIN_INTERCHANGE_H

#include <string>

namespace pfc::rt {

/// Writes the tensors of a weights file of any format that openWeights knows as
/// .safetensors, with the counters of batches that a state dict has.
void importWeights(const std::string &weights, const std::string &file);

/// Writes the network of a checkpoint, or of what a run left, as a state dict
/// that arcface_torch loads with strict=True: no optimizer state.
void exportNetwork(const std::string &folder, const std::string &file);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_INTERCHANGE_H

//===- Inputs.h - Numbers that every device starts from ---------*- C++ -*-===//
#ifndef PFC_TOOLS_PFC_DEVICE_INPUTS_H
#define PFC_TOOLS_PFC_DEVICE_INPUTS_H

#include "runtime/exec/Executor.h"

#include <cstdint>
#include <string>
#include <vector>

namespace pfc::rt {

/// A file's contents; throws an Error that names it.
std::string readText(const std::string &path);

/// Bytes of `view`'s element type from a seed: matrices and larger tensors
/// uniform in [-1, 1), vectors, which may be variances, in [0.1, 1). `view` is
/// of a floating-point type.
std::vector<std::byte> randomElements(const BufferView &view, uint64_t seed);

/// Bytes of `view`'s element type: 0, 1, 2, …
std::vector<std::byte> countingElements(const BufferView &view);

/// Whether randomElements takes it.
bool isFloating(plan::fb::DType dtype);

/// Sets the inputs of `program` for step t: random images and labels, a
/// learning rate, the step.
void setInputs(Executor &executor, const plan::fb::Settings &settings,
               const std::string &program, int64_t t);

} // namespace pfc::rt

#endif // PFC_TOOLS_PFC_DEVICE_INPUTS_H

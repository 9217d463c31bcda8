//===- Finite.h - Tensors without NaN and infinity --------------*- C++ -*-===//
#ifndef PFC_RUNTIME_EXEC_FINITE_H
#define PFC_RUNTIME_EXEC_FINITE_H

#include "runtime/exec/Executor.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pfc::rt {

/// Whether every element is a finite number; integers always are.
bool allFinite(plan::fb::DType dtype, std::span<const std::byte> contents);

/// A buffer that got a value which isn't finite, and what wrote it.
struct FiniteFinding {
  uint32_t instruction, buffer;

  auto operator<=>(const FiniteFinding &) const = default;
};

/// Runs `program` once, instruction by instruction, on what its inputs are;
/// every buffer that an instruction filled with something that isn't finite, in
/// their order. Slow: all buffers are looked at, before and after; `progress`
/// is called for each piece of one.
std::vector<FiniteFinding>
runLookingAtAll(Executor &executor, Device &device, const std::string &program,
                const std::function<void()> &progress);

/// "'layer1.0.conv1' (bf16 [8, 56, 56, 64]), written by instruction 12 of
/// train_step (layer1.0.conv1)"
std::string describe(Executor &executor, const std::string &program,
                     FiniteFinding finding);

} // namespace pfc::rt

#endif // PFC_RUNTIME_EXEC_FINITE_H

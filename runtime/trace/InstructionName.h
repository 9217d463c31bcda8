//===- InstructionName.h - What people call an instruction ------*- C++ -*-===//
#ifndef PFC_RUNTIME_TRACE_INSTRUCTIONNAME_H
#define PFC_RUNTIME_TRACE_INSTRUCTIONNAME_H

#include "runtime/plan/plan_generated.h"

#include <string>

namespace pfc::rt {

/// What makes two instructions the same work: "conv Forward 8x112x112 64->64
/// k3 s1", a kernel with its description, "all_reduce".
std::string workOf(const plan::fb::Variant &variant,
                   const plan::fb::Instruction &instruction);

/// What it is and where it belongs: "conv layer1.0.conv1", "matmul
/// head.cosine", "kernel_12 layer1.0.bn1", "wait for all_reduce head".
std::string instructionName(const plan::fb::Variant &variant,
                            const plan::fb::Program &program, uint32_t index);

/// "all_reduce"
const char *collectiveName(plan::fb::CollectiveKind kind);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRACE_INSTRUCTIONNAME_H

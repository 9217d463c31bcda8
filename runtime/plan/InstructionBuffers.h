//===- InstructionBuffers.h - What an instruction names ---------*- C++ -*-===//
#ifndef PFC_RUNTIME_PLAN_INSTRUCTIONBUFFERS_H
#define PFC_RUNTIME_PLAN_INSTRUCTIONBUFFERS_H

#include "runtime/plan/plan_generated.h"

#include <cstdint>
#include <vector>

namespace pfc::rt {

/// The indices of the buffers that an instruction names, read or written, in
/// its operands' order; one that it names twice stands there twice. Which of a
/// launch's it writes, a plan does not say.
std::vector<uint32_t> buffersOf(const plan::fb::Instruction &instruction);

/// Whether an instruction may go on under those behind it: a collective, or a
/// launch that is a transfer.
bool isTransfer(const plan::fb::Instruction &instruction);

/// Of the buffers of a transfer, in the order of buffersOf, whether it writes
/// them.
std::vector<bool> writtenBy(const plan::fb::Instruction &transfer);

/// Those of buffersOf that an instruction is known to write: all that it writes
/// but where it is a launch and no transfer.
std::vector<uint32_t>
knownToBeWritten(const plan::fb::Instruction &instruction);

/// Whether two buffers of a validated plan have a byte of the arena in common.
bool overlap(const plan::fb::Buffer &a, const plan::fb::Buffer &b);

} // namespace pfc::rt

#endif // PFC_RUNTIME_PLAN_INSTRUCTIONBUFFERS_H

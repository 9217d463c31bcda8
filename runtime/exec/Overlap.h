//===- Overlap.h - How long a collective may go on --------------*- C++ -*-===//
#ifndef PFC_RUNTIME_EXEC_OVERLAP_H
#define PFC_RUNTIME_EXEC_OVERLAP_H

#include "runtime/plan/plan_generated.h"

#include <cstdint>

namespace pfc::rt {

/// The first instruction after the collective at `index` that touches bytes of
/// its buffers, or that may; the number of instructions where none does. Until
/// then it and other instructions may run at the same time.
uint32_t firstUseAfter(const plan::fb::Program &program, uint32_t index);

} // namespace pfc::rt

#endif // PFC_RUNTIME_EXEC_OVERLAP_H

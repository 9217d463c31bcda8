//===- ValidateBranches.h - What goes on beside a branch --------*- C++ -*-===//
#ifndef PFC_RUNTIME_PLAN_VALIDATEBRANCHES_H
#define PFC_RUNTIME_PLAN_VALIDATEBRANCHES_H

#include "runtime/plan/plan_generated.h"

#include <string>

namespace pfc::rt {

/// Throws unless the branches of a program are launches, products and copies of
/// it, one after the other, and no instruction up to a branch's end touches
/// what the branch writes, or is known to write what it touches (a launch that
/// is no transfer does not say what it writes: pfcc proved that). The program's
/// instructions and alternatives were validated.
void validateBranches(const plan::fb::Program &program,
                      const std::string &where);

} // namespace pfc::rt

#endif // PFC_RUNTIME_PLAN_VALIDATEBRANCHES_H

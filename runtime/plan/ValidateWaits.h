//===- ValidateWaits.h - What goes on during a transfer ---------*- C++ -*-===//
#ifndef PFC_RUNTIME_PLAN_VALIDATEWAITS_H
#define PFC_RUNTIME_PLAN_VALIDATEWAITS_H

#include "runtime/plan/plan_generated.h"

#include <string>

namespace pfc::rt {

/// Throws unless each Wait names a transfer before it that no other Wait names,
/// and no instruction between the two touches what the transfer writes, or is
/// known to write what it reads (a launch that is no transfer does not say what
/// it writes).
/// `where`: "x.plan: program 'embed'". The instructions were validated.
void validateWaits(const plan::fb::Program &program, const std::string &where);

} // namespace pfc::rt

#endif // PFC_RUNTIME_PLAN_VALIDATEWAITS_H

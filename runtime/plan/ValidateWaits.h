//===- ValidateWaits.h - What goes on during a collective -------*- C++ -*-===//
#ifndef PFC_RUNTIME_PLAN_VALIDATEWAITS_H
#define PFC_RUNTIME_PLAN_VALIDATEWAITS_H

#include "runtime/plan/plan_generated.h"

#include <string>

namespace pfc::rt {

/// Throws unless each Wait names a collective before it that no other Wait
/// names, and no instruction between the two touches the collective's target,
/// or is known to write its source (a launch does not say what it writes).
/// `where`: "x.plan: program 'embed'". The instructions were validated.
void validateWaits(const plan::fb::Program &program, const std::string &where);

} // namespace pfc::rt

#endif // PFC_RUNTIME_PLAN_VALIDATEWAITS_H

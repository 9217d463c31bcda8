//===- PlanValidate.h - What a plan must mean -------------------*- C++ -*-===//
//
// FlatBuffers' verifier proves that a plan's bytes can be read; this proves
// that they make sense: every index names something, every buffer lies in the
// arena, persistent state overlaps nothing but views of itself, the shapes of
// every operation fit its arithmetic, and the ranks' shards tile the table
// they share. A damaged or hostile plan gets one clear error.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_PLAN_PLANVALIDATE_H
#define PFC_RUNTIME_PLAN_PLANVALIDATE_H

#include "runtime/plan/plan_generated.h"

#include <string>

namespace pfc::rt {

/// Throws an Error such as
///   x.plan: program 'train_step', instruction 12 (layer1.0.conv1): buffer 7
///   ends at byte 4096, beyond the arena of 2048 bytes
void validatePlan(const plan::fb::Plan &plan, const std::string &name);

} // namespace pfc::rt

#endif // PFC_RUNTIME_PLAN_PLANVALIDATE_H

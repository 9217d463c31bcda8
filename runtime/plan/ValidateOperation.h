//===- ValidateOperation.h - Arithmetic of one instruction ------*- C++ -*-===//
#ifndef PFC_RUNTIME_PLAN_VALIDATEOPERATION_H
#define PFC_RUNTIME_PLAN_VALIDATEOPERATION_H

#include "runtime/plan/plan_generated.h"

#include <cstdint>
#include <string>

namespace pfc::rt {

/// What an instruction's indices refer to.
struct OperationScope {
  const plan::fb::Variant &variant;
  const plan::fb::Program &program; // its buffers were validated
  int64_t worldSize;
  std::string where; // "x.plan: program 'embed', instruction 3 (bn1)"
};

/// Throws unless indices exist and shapes, element types and overlaps are what
/// the operation needs.
void validateOperation(const plan::fb::Instruction &instruction,
                       const OperationScope &scope);

} // namespace pfc::rt

#endif // PFC_RUNTIME_PLAN_VALIDATEOPERATION_H

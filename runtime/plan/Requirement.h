//===- Requirement.h - What a variant or a form asks of a chip --*- C++ -*-===//
#ifndef PFC_RUNTIME_PLAN_REQUIREMENT_H
#define PFC_RUNTIME_PLAN_REQUIREMENT_H

#include <string>

namespace pfc::rt {

/// Whether GPUs of `architecture` ("sm_80", "sm_90a") can do what `requires_`
/// of a plan says: "" is nothing, "sm_80" what chips can from 8.0 on, "sm_90a"
/// what 9.0 alone can.
bool architectureSupports(const std::string &architecture,
                          const std::string &requirement);

} // namespace pfc::rt

#endif // PFC_RUNTIME_PLAN_REQUIREMENT_H

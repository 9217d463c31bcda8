//===- PlanPrint.h - A plan for people to read ------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_PLAN_PLANPRINT_H
#define PFC_RUNTIME_PLAN_PLANPRINT_H

#include "runtime/plan/plan_generated.h"

#include <string>

namespace pfc::rt {

enum class PlanDetail {
  Summary, ///< settings, totals per variant and program, kernels
  Full,    ///< and every variable, memory region and instruction
  Spec,    ///< only the resolved spec, which pfcc compiles to the plan again
};

/// `plan` (validated) as text.
std::string printPlan(const plan::fb::Plan &plan, PlanDetail detail);

/// Opens, checks and prints a plan file, for callers without exceptions:
/// false and the message in `text` when the file is no good.
bool printPlanFile(const std::string &path, PlanDetail detail,
                   std::string &text) noexcept;

} // namespace pfc::rt

#endif // PFC_RUNTIME_PLAN_PLANPRINT_H

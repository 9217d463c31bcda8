//===- RankInteger.h - Integers that depend on the rank ---------*- C++ -*-===//
//
// A plan is one file for all ranks; what differs between them (how many class
// centers a rank holds, the number of its first one) is a small formula:
//
//   value(rank) = base + per_rank * rank
//               + (rank < threshold ? below : 0)
//               + per_capped_rank * min(rank, threshold)
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_PLAN_RANKINTEGER_H
#define PFC_RUNTIME_PLAN_RANKINTEGER_H

#include "runtime/plan/plan_generated.h"

#include <cstdint>
#include <optional>

namespace pfc::rt {

/// The formula's value at `rank`; nothing when it overflows 64 bits.
std::optional<int64_t> checkedRankInteger(const plan::fb::RankInteger &formula,
                                          int64_t rank);

/// The formula's value at `rank`, for a plan that was validated.
inline int64_t rankInteger(const plan::fb::RankInteger &formula, int64_t rank) {
  return checkedRankInteger(formula, rank).value();
}

} // namespace pfc::rt

#endif // PFC_RUNTIME_PLAN_RANKINTEGER_H

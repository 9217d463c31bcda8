#include "runtime/plan/RankInteger.h"

#include <algorithm>

namespace pfc::rt {

std::optional<int64_t> checkedRankInteger(const plan::fb::RankInteger &formula,
                                          int64_t rank) {
  int64_t slope, step;
  int64_t capped = std::min(rank, formula.threshold());
  if (__builtin_mul_overflow(formula.per_rank(), rank, &slope) ||
      __builtin_mul_overflow(formula.per_capped_rank(), capped, &step))
    return std::nullopt;
  int64_t value = formula.base();
  int64_t below = rank < formula.threshold() ? formula.below() : 0;
  for (int64_t term : {slope, below, step})
    if (__builtin_add_overflow(value, term, &value))
      return std::nullopt;
  return value;
}

} // namespace pfc::rt

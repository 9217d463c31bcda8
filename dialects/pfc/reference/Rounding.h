//===- Rounding.h - Class centers in bf16, rounded at random ----*- C++ -*-===//
#ifndef DIALECTS_PFC_REFERENCE_ROUNDING_H
#define DIALECTS_PFC_REFERENCE_ROUNDING_H

#include "dialects/pfc/reference/Registry.h"
#include "runtime/base/Philox.h"

#include <bit>
#include <cmath>

namespace pfc::reference {

/// As `pfc.update_rows` describes it; the value itself where `op` rounds none.
class Rounding {
public:
  /// Of update_rows, coast_rows or store_rows.
  template <typename Op>
  Rounding(Op op, const Call &call)
      : rounds(op.getStep() != nullptr), seed(op.getSeed()),
        step(static_cast<uint32_t>(call.integer(op.getStep(), 0))),
        first(call.integer(op.getFirstRow(), 0)) {}

  /// Of the table's element [row, d] on this rank.
  double operator()(double value, int64_t row, int64_t d) const {
    auto single = static_cast<float>(value);
    if (!rounds || !std::isfinite(single))
      return value;
    auto center = static_cast<uint64_t>(first + row);
    uint32_t word = rt::philox(seed, rt::RandomPurpose::RoundCenters,
                               static_cast<uint32_t>(center),
                               static_cast<uint32_t>(center >> 32), step)[0];
    uint32_t noise =
        rt::mixBits(word + static_cast<uint32_t>(d) * 0x9E3779B9u) >> 16;
    uint32_t bits = std::bit_cast<uint32_t>(single) + noise;
    return std::bit_cast<float>(bits & 0xFFFF0000u);
  }

private:
  bool rounds;
  uint64_t seed;
  uint32_t step;
  int64_t first;
};

} // namespace pfc::reference

#endif // DIALECTS_PFC_REFERENCE_ROUNDING_H

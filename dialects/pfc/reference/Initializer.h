//===- Initializer.h - What state starts with -------------------*- C++ -*-===//
//
// In float64, by the formulas of State.h.
//
//===----------------------------------------------------------------------===//
#ifndef DIALECTS_PFC_REFERENCE_INITIALIZER_H
#define DIALECTS_PFC_REFERENCE_INITIALIZER_H

#include "dialects/pfc/ir/PfcDialect.h"
#include "runtime/base/Bfloat16.h"
#include "runtime/base/Philox.h"

#include <cmath>
#include <numbers>

namespace pfc::reference {

/// The initial value of each element of a variable.
struct Initializer {
  InitAttr init;
  uint64_t key;
  double noise; ///< added to constants: up to this

  double value(int64_t row, int64_t column) const {
    auto index = static_cast<uint64_t>(row);
    rt::PhiloxBlock words = rt::philox(
        key, rt::RandomPurpose::Initialize, static_cast<uint32_t>(column / 4),
        static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32));
    unsigned lane = column % 4;
    double a = init.getA(), b = init.getB(), unit = rt::unitFloat(words[lane]);
    switch (init.getKind()) {
    case InitKind::Constant:
      return a + noise * unit;
    case InitKind::Uniform:
      return a + (b - a) * unit;
    case InitKind::Normal:
      return a + b * normal(words, lane);
    }
    return a;
  }

  /// As a variable of such elements holds it.
  double value(int64_t row, int64_t column, mlir::Type element) const {
    double x = value(row, column);
    return element.isBF16()
               ? rt::bfloat16ToFloat(rt::floatToBfloat16(static_cast<float>(x)))
               : x;
  }

private:
  static double normal(const rt::PhiloxBlock &words, unsigned lane) {
    unsigned first = lane / 2 * 2;
    double radius =
        std::sqrt(-2.0 * std::log(1.0 - double(rt::unitFloat(words[first]))));
    double angle = 2.0 * std::numbers::pi * rt::unitFloat(words[first + 1]);
    return radius * (lane % 2 ? std::sin(angle) : std::cos(angle));
  }
};

} // namespace pfc::reference

#endif // DIALECTS_PFC_REFERENCE_INITIALIZER_H

//===- Margin.h - The margin and its derivative in float64 ------*- C++ -*-===//
#ifndef DIALECTS_PFC_REFERENCE_MARGIN_H
#define DIALECTS_PFC_REFERENCE_MARGIN_H

#include "dialects/pfc/ir/PfcDialect.h"
#include "dialects/pfc/reference/Registry.h"
#include <algorithm>
#include <cmath>
#include <numbers>

namespace pfc::reference {

inline double clampCosine(double cosine) {
  return std::clamp(cosine, -1.0, 1.0);
}

/// The margin of one row: #pfc.margin's, or the row's own m2 and m3.
class RowMargin {
public:
  /// `op` has a margin and, perhaps, row_margins.
  template <typename Op>
  RowMargin(Op op, const Call &call, int64_t row)
      : margin(op.getMargin()), m2(margin.getM2()), m3(margin.getM3()),
        isOwn(op.getRowMargins() != nullptr) {
    if (!isOwn)
      return;
    m2 = call[op.getRowMargins()].reals[2 * row];
    m3 = call[op.getRowMargins()].reals[2 * row + 1];
  }

  /// ψ(c), c = cos θ clamped to [−1, 1].
  double psi(double cosine) const {
    double c = clampCosine(cosine);
    if (!isOwn && margin.isAdditiveCosine())
      return c - m3;
    double angle = margin.getM1() * std::acos(c) + m2;
    return std::cos(isOwn ? std::clamp(angle, least, most) : angle) - m3;
  }

  /// ψ'(c) by the margin's convention: m1·sin(m1·θ + m2)/max(sin θ, 1e-6), 0
  /// where the angle is cut off, or 1. ψ(c) = c − m3 has the derivative 1 at
  /// |c| = 1 too.
  double psiDerivative(double cosine) const {
    if (margin.getGradient() == MarginGradient::StraightThrough ||
        (!isOwn && margin.isAdditiveCosine()))
      return 1.0;
    double theta = std::acos(clampCosine(cosine));
    double angle = margin.getM1() * theta + m2;
    if (isOwn && (angle < least || angle > most))
      return 0.0;
    return margin.getM1() * std::sin(angle) / std::max(std::sin(theta), 1e-6);
  }

private:
  static constexpr double least = 1e-3, most = std::numbers::pi - least;
  MarginAttr margin;
  double m2, m3;
  bool isOwn;
};

/// Whether inter-class filtering takes out the cosine of another class.
inline bool isFiltered(MarginAttr margin, double cosine) {
  return margin.getFilter() > 0.0 && cosine > margin.getFilter();
}

} // namespace pfc::reference

#endif // DIALECTS_PFC_REFERENCE_MARGIN_H

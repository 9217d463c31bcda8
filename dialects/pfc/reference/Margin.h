//===- Margin.h - The margin and its derivative in float64 ------*- C++ -*-===//
#ifndef DIALECTS_PFC_REFERENCE_MARGIN_H
#define DIALECTS_PFC_REFERENCE_MARGIN_H

#include "dialects/pfc/ir/PfcDialect.h"
#include <algorithm>
#include <cmath>

namespace pfc::reference {

inline double clampCosine(double cosine) {
  return std::clamp(cosine, -1.0, 1.0);
}

/// ψ(c) = cos(m1·θ + m2) − m3, c = cos θ clamped to [−1, 1].
inline double psi(MarginAttr margin, double cosine) {
  double c = clampCosine(cosine);
  if (margin.isAdditiveCosine())
    return c - margin.getM3();
  return std::cos(margin.getM1() * std::acos(c) + margin.getM2()) -
         margin.getM3();
}

/// ψ'(c) by the margin's convention: m1·sin(m1·θ + m2)/max(sin θ, 1e-6), or 1.
/// ψ(c) = c − m3 has the derivative 1 at |c| = 1 too.
inline double psiDerivative(MarginAttr margin, double cosine) {
  if (margin.getGradient() == MarginGradient::StraightThrough ||
      margin.isAdditiveCosine())
    return 1.0;
  double theta = std::acos(clampCosine(cosine));
  return margin.getM1() * std::sin(margin.getM1() * theta + margin.getM2()) /
         std::max(std::sin(theta), 1e-6);
}

/// Whether inter-class filtering takes out the cosine of another class.
inline bool isFiltered(MarginAttr margin, double cosine) {
  return margin.getFilter() > 0.0 && cosine > margin.getFilter();
}

} // namespace pfc::reference

#endif // DIALECTS_PFC_REFERENCE_MARGIN_H

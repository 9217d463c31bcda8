//===- Compare.h - How far two tensors are apart ----------------*- C++ -*-===//
#ifndef DIALECTS_PFC_REFERENCE_COMPARE_H
#define DIALECTS_PFC_REFERENCE_COMPARE_H

#include "dialects/pfc/reference/Tensor.h"

namespace pfc::reference {

struct Difference {
  /// max |a − b| / max over both tensors of |element|; infinite where shapes or
  /// kinds differ or an element is not finite. Integers differ by 0 or 1.
  double relative = 0.0;
  std::string description; ///< where it is largest; empty if there is none
};

Difference compare(const Tensor &a, const Tensor &b);

} // namespace pfc::reference

#endif // DIALECTS_PFC_REFERENCE_COMPARE_H

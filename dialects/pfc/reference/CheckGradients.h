//===- CheckGradients.h - Gradients by finite differences -------*- C++ -*-===//
//
// Along a random direction d of a parameter p, the gradient g says that the
// loss changes by g·d; five evaluations of the loss say
//
//   (8·(L(p + hd) − L(p − hd)) − (L(p + 2hd) − L(p − 2hd))) / (12·h),
//
// exact to h⁴ where the loss is smooth. Where h crosses the kink of a PReLU the
// error is of order h, and rounding errors grow with 1/h: h goes from 1e-4 of
// the parameter's root mean square down to 1e-8 until both agree, and the best
// counts. A wrong gradient agrees at none.
//
//===----------------------------------------------------------------------===//
#ifndef DIALECTS_PFC_REFERENCE_CHECKGRADIENTS_H
#define DIALECTS_PFC_REFERENCE_CHECKGRADIENTS_H

#include "dialects/pfc/reference/Interpreter.h"

namespace pfc::reference {

struct GradientCheck {
  std::string parameter;
  double computed = 0.0, differences = 0.0; ///< where they are furthest apart
  double relative = 0.0; ///< |computed − differences| / max(‖g‖, 1e-3)
};

/// Checks every pfc.gradient of a function with the output "loss" along
/// `directions` random directions each.
mlir::FailureOr<std::vector<GradientCheck>>
checkGradients(mlir::func::FuncOp function, const TensorMap &inputs,
               const State &state, int64_t directions, uint64_t seed);

} // namespace pfc::reference

#endif // DIALECTS_PFC_REFERENCE_CHECKGRADIENTS_H

//===- AdamW.h - AdamW of one element, as generated code --------*- C++ -*-===//
//
// What pfc.adamw does to a parameter's elements and pfc.update_rows to those of
// class centers. The formula is theirs, in ops/Optimizer.td.
//
//===----------------------------------------------------------------------===//
#ifndef DIALECTS_PFC_IR_ADAMW_H
#define DIALECTS_PFC_IR_ADAMW_H

#include "dialects/pfc/ir/KernelBuilder.h"

namespace pfc {

struct AdamWFactors {
  double beta1, beta2, eps, decay;
};

/// An element's new values.
struct AdamWElement {
  mlir::Value parameter, momentum, squares;
};

/// One step: what all its elements have in common.
class AdamWStep {
public:
  AdamWStep() = default;
  AdamWStep(Scalars &s, mlir::Value lr, mlir::Value correction1,
            mlir::Value correction2, AdamWFactors factors)
      : rate(s.div(lr, correction1)),
        decay(s.mul(lr, s.constant(factors.decay))),
        scale(s.div(s.constant(1.0), s.sqrt(correction2))), factors(factors) {}

  /// p' = p − lr·weight_decay·p − (lr/c1)·m'/(√v'/√c2 + eps)
  AdamWElement apply(Scalars &s, mlir::Value parameter, mlir::Value momentum,
                     mlir::Value squares, mlir::Value gradient) const {
    mlir::Value m = average(s, momentum, gradient, factors.beta1);
    mlir::Value v =
        average(s, squares, s.mul(gradient, gradient), factors.beta2);
    mlir::Value root = s.mul(s.sqrt(v), scale);
    mlir::Value step =
        s.div(s.mul(rate, m), s.add(root, s.constant(factors.eps)));
    mlir::Value decayed = s.sub(parameter, s.mul(decay, parameter));
    return {s.sub(decayed, step), m, v};
  }

  /// beta·old + (1 − beta)·value
  static mlir::Value average(Scalars &s, mlir::Value old, mlir::Value value,
                             double beta) {
    return s.add(s.mul(old, s.constant(beta)),
                 s.mul(value, s.constant(1.0 - beta)));
  }

private:
  mlir::Value rate, decay, scale;
  AdamWFactors factors{};
};

} // namespace pfc

#endif // DIALECTS_PFC_IR_ADAMW_H

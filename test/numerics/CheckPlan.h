//===- CheckPlan.h - A compiled step against float64 ------------*- C++ -*-===//
//
// The same steps twice, from the same state and inputs (rounded to fp32):
//
//   module ─┬─ reference interpreter, float64 ──────────────────┬─ compare
//           └─ the compiler's passes, plan, executor, a device ───┘
//
// The interpreter takes the module before pfc-partition where there is one, so
// that everything after differentiation is under test.
//
//===----------------------------------------------------------------------===//
#ifndef TEST_NUMERICS_CHECKPLAN_H
#define TEST_NUMERICS_CHECKPLAN_H

#include "mlir/IR/BuiltinOps.h"
#include "passes/Pipelines.h"
#include "test/numerics/RunPlan.h"

namespace pfc::test {

struct CheckOptions {
  std::string from = "graph"; ///< the module's stage: see compileStages()
  CompileOptions compile;     ///< for CUDA the device is the emulated one
  int64_t steps = 1;
  uint64_t seed = 1;
  int threads = 1; ///< of a rank
  /// Labels of the steps in turn, each list repeated over the batch. Empty:
  /// random ones.
  std::vector<std::vector<int64_t>> labels;
  /// Adds noise to constant initial values, so that scales of 1 and momenta of
  /// 0 do not hide what is read.
  bool perturb = true;
  /// Largest ‖plan − reference‖₂/‖reference‖₂ of a tensor.
  double tolerance = 1e-5;
  /// Norms below this count as this: what is 0 in the reference is off by
  /// something.
  double smallestNorm = 0.0;
  /// Of an output in bf16: one rounding to 8 bits.
  double bf16Tolerance = 0x1p-8;
  /// Of one in fp16: to 11 bits.
  double fp16Tolerance = 0x1p-11;
  /// Whether the reference rounds where an op's result is narrow, too.
  bool roundNarrow = false;
};

/// How far one tensor is off after one step.
struct TensorError {
  std::string name; ///< with its function: "train_step: loss"
  int64_t step = 0;
  double plan = 0.0, oracle = 0.0; ///< ‖a‖, ‖b‖
  /// ‖a − b‖₂/‖b‖₂, NaN where a or b has one; of integers 0 or 1.
  double relative = 0.0;
  double tolerance = 0.0;

  bool isSmall() const { return relative <= tolerance; }
};

/// Errors of every output and variable at every step. `steps` calls of each
/// function, in their order. Throws rt::Error where anything cannot run.
std::vector<TensorError> checkPlan(mlir::ModuleOp module,
                                   const CheckOptions &options);

/// The error that is largest against its tolerance.
const TensorError &worst(const std::vector<TensorError> &errors);

/// The bytes of the plan that the passes after stage `from` make of `module`,
/// which they change.
std::string compileToPlan(mlir::ModuleOp module, const std::string &from,
                          const CompileOptions &options);

/// Runs the passes after stage `from` up to stage `to`. Throws where they fail.
void runStages(mlir::ModuleOp module, const std::string &from,
               const std::string &to, const CompileOptions &options);

/// ‖a − b‖₂/max(‖b‖₂, smallestNorm); 0 where a = b, infinite where shapes
/// differ.
double relativeError(const Tensor &a, const Tensor &b,
                     double smallestNorm = 0.0);

double norm(const Tensor &tensor);

/// To the values that fp32 has.
void roundToFloat(TensorMap &tensors);

} // namespace pfc::test

#endif // TEST_NUMERICS_CHECKPLAN_H

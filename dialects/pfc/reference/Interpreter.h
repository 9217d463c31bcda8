//===- Interpreter.h - pfc functions in float64 on R ranks ------*- C++ -*-===//
//
// Gives a step its meaning, as the oracle of every pass. A logical function is
// run once. A partitioned one is run op by op on all R ranks of the module's
// shard.grid at once, which makes collectives plain loops. Either way inputs,
// outputs and state are logical:
//
//   inputs     pfc.input arguments by name. Partitioned, "lr" and "step" go to
//              every rank, all others are split along dimension 0.
//   outputs    pfc.output values by name, and results as "result0", …. A value
//              that depends on the rank is concatenated along dimension 0.
//   gradients  pfc.gradient values by the parameter's name, likewise.
//   state      see State.h
//
//===----------------------------------------------------------------------===//
#ifndef DIALECTS_PFC_REFERENCE_INTERPRETER_H
#define DIALECTS_PFC_REFERENCE_INTERPRETER_H

#include "dialects/pfc/reference/State.h"
#include "dialects/pfc/reference/Tensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace pfc::reference {

struct RunOptions {
  /// Rounds the results of ops to bf16 and f16 where they have that type.
  bool roundNarrow = false;
};

struct RunResult {
  TensorMap outputs, gradients;
};

/// Ranks that the function runs on: those of the module's grid where the module
/// is partitioned, else 1. A module is partitioned if it carries
/// `pfc.partitioned` or has a collective, a rank constant or a local sample.
int64_t ranksOf(mlir::func::FuncOp function);

/// Whether an argument's blocks of rows go to the ranks of a partitioned
/// function, as opposed to all of it to every rank.
bool isSplitInput(llvm::StringRef name);

/// Runs `function` once. `state` becomes the next step's.
mlir::FailureOr<RunResult> runFunction(mlir::func::FuncOp function,
                                       const TensorMap &inputs, State &state,
                                       const RunOptions &options = {});

} // namespace pfc::reference

#endif // DIALECTS_PFC_REFERENCE_INTERPRETER_H

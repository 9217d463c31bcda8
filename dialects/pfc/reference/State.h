//===- State.h - Persistent state, logical and on ranks ---------*- C++ -*-===//
//
// A variable starts as a function of (seed, name, global row, column), as in
// training, so logical and partitioned functions start from the same state at
// any world size. With rows = dimension 0 and columns = all others:
//
//   key      seed XOR FNV-1a-64(name)
//   words    Philox(key; column/4, row low, row high; purpose Initialize)
//   uniform  a + (b − a)·unit(words[column%4])
//   normal   a + b·n, n by Box-Muller from words (0,1) and (2,3):
//            r = √(−2 ln(1 − unit(first))), r cos(2π·unit(second)), r sin(…)
//
// A `sharded` variable of local shape [⌈rows/R⌉, …] holds, on each rank, its
// part of the `rows`; rows it has no use for are zero. A `host` variable is
// zero altogether.
//
//===----------------------------------------------------------------------===//
#ifndef DIALECTS_PFC_REFERENCE_STATE_H
#define DIALECTS_PFC_REFERENCE_STATE_H

#include "dialects/pfc/ir/PfcDialect.h"
#include "dialects/pfc/reference/Tensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace pfc::reference {

/// How the state of a run begins.
struct StateOptions {
  uint64_t seed = 1;
  /// Adds noise in [0, 0.25) to constant initial values, so that tests see
  /// which of two variables an op reads.
  bool perturbConstants = false;
};

class State {
public:
  /// The initial values of the variables that `function` reads. Two reads of
  /// one name must agree.
  static mlir::FailureOr<State> initial(mlir::func::FuncOp function,
                                        const StateOptions &options);

  /// One tensor a rank; a logical function has one rank.
  const std::vector<Tensor> &local(const std::string &name) const;
  std::vector<Tensor> &local(const std::string &name);

  /// Replaces a variable's value, given as one logical tensor.
  void set(const std::string &name, const Tensor &logical);

  /// The variable as one tensor. An error, at `loc`, where the variable is
  /// replicated and ranks disagree on a bit of it.
  mlir::FailureOr<Tensor> logical(const std::string &name,
                                  mlir::Location loc) const;

  bool has(const std::string &name) const { return variables.count(name); }
  std::vector<std::string> names() const;

private:
  struct Variable {
    std::vector<Tensor> ranks;
    bool split = false; ///< over ranks: logical rows are ranks' first rows
    int64_t rows = 0;   ///< logical rows
  };
  std::map<std::string, Variable> variables;
};

} // namespace pfc::reference

#endif // DIALECTS_PFC_REFERENCE_STATE_H

//===- Registry.h - Op name to its meaning ----------------------*- C++ -*-===//
//
// An op's meaning is one function: it reads its operands and fills its results,
// which are there already, all zero. Most ops need one rank's values:
//
//   static void prelu(PReluOp op, Call &call);
//
// Collectives need those of all ranks and take a Group instead. Adding an op is
// one such function and its name in the list at the end of its file.
//
//===----------------------------------------------------------------------===//
#ifndef DIALECTS_PFC_REFERENCE_REGISTRY_H
#define DIALECTS_PFC_REFERENCE_REGISTRY_H

#include "dialects/pfc/reference/Tensor.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"
#include <functional>

namespace pfc::reference {

/// The values of a function's run: for each, one tensor a rank.
using Values = llvm::DenseMap<mlir::Value, std::vector<Tensor>>;

/// An op, with its operands and results on all ranks.
class Group {
public:
  Group(mlir::Operation *op, Values &values, int64_t ranks)
      : ranks(ranks), op(op), values(values) {}

  const std::vector<Tensor> &operator[](mlir::Value operand) const {
    return values.find(operand)->second;
  }
  std::vector<Tensor> &result(mlir::Value value) {
    return values.find(value)->second;
  }

  /// Says at the op why it cannot be evaluated; the run stops after it.
  void fail(const llvm::Twine &message) {
    if (!failed)
      op->emitOpError(message);
    failed = true;
  }
  bool hasFailed() const { return failed; }

  const int64_t ranks;

private:
  mlir::Operation *op;
  Values &values;
  bool failed = false;
};

/// An op on one rank.
class Call {
public:
  Call(Group &group, int64_t rank) : rank(rank), group(group) {}

  const Tensor &operator[](mlir::Value operand) const {
    return group[operand][rank];
  }
  Tensor &result(mlir::Value value) { return group.result(value)[rank]; }

  /// The first element of an optional operand.
  int64_t integer(mlir::Value operand, int64_t otherwise) const {
    return operand ? (*this)[operand].integers[0] : otherwise;
  }
  double real(mlir::Value operand, double otherwise) const {
    return operand ? (*this)[operand].reals[0] : otherwise;
  }
  void fail(const llvm::Twine &message) { group.fail(message); }

  const int64_t rank;

private:
  Group &group;
};

class Registry {
public:
  using Evaluate = std::function<void(mlir::Operation *, Group &)>;

  template <typename Op>
  void add(void (*evaluate)(Op, Call &)) {
    entries[Op::getOperationName()] = [evaluate](mlir::Operation *op,
                                                 Group &group) {
      for (int64_t rank = 0; rank < group.ranks; ++rank) {
        Call call(group, rank);
        evaluate(llvm::cast<Op>(op), call);
      }
    };
  }
  template <typename Op>
  void add(void (*evaluate)(Op, Group &)) {
    entries[Op::getOperationName()] = [evaluate](mlir::Operation *op,
                                                 Group &group) {
      evaluate(llvm::cast<Op>(op), group);
    };
  }

  /// Null where the interpreter does not know the op.
  const Evaluate *find(llvm::StringRef name) const {
    auto entry = entries.find(name);
    return entry == entries.end() ? nullptr : &entry->second;
  }

  /// All ops; see the add…Ops below.
  static const Registry &get();

private:
  llvm::StringMap<Evaluate> entries;
};

void addElementwiseOps(Registry &registry); ///< ElementwiseOps.cpp
void addProductOps(Registry &registry);     ///< ProductOps.cpp
void addBatchNormOps(Registry &registry);   ///< BatchNormOps.cpp
void addTokenOps(Registry &registry);       ///< TokenOps.cpp
void addSamplingOps(Registry &registry);    ///< SamplingOps.cpp
void addHeadOps(Registry &registry);        ///< HeadOps.cpp
void addFusedHeadOps(Registry &registry);   ///< FusedHeadOps.cpp
void addOptimizerOps(Registry &registry);   ///< OptimizerOps.cpp
void addGridOps(Registry &registry);        ///< GridOps.cpp

} // namespace pfc::reference

#endif // DIALECTS_PFC_REFERENCE_REGISTRY_H

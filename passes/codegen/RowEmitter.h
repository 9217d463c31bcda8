//===- RowEmitter.h - A generic on one row of buffers -----------*- C++ -*-===//
//
//   generic on tensors [R,…]  ─▶  generic on memrefs […], of row %row of each
//
// with one dimension less: what touches row d0 alone becomes a subview of it.
//
//===----------------------------------------------------------------------===//
#ifndef PASSES_CODEGEN_ROWEMITTER_H
#define PASSES_CODEGEN_ROWEMITTER_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseMap.h"

namespace pfc {

/// Whether operand `map` touches row d0 alone: (d0, …) without d0 elsewhere.
bool touchesOwnRow(mlir::AffineMap map);

/// Emits the generics of a run on buffers, in a kernel's row loop. In a serial
/// kernel, whose loop has one iteration, they stay whole.
class RowEmitter {
public:
  RowEmitter(mlir::OpBuilder &builder, bool serial, mlir::Value row)
      : builder(builder), serial(serial), row(row) {}

  /// `buffer` holds the whole tensor.
  void bindWhole(mlir::Value tensor, mlir::Value buffer) {
    whole[tensor] = buffer;
  }
  /// `buffer` holds one row of it (all of it in a serial kernel).
  void bindRow(mlir::Value tensor, mlir::Value buffer) {
    local[tensor] = buffer;
  }

  /// Its operands and results are bound.
  void emit(mlir::linalg::GenericOp op);

private:
  mlir::Value view(mlir::Value tensor, mlir::AffineMap map, mlir::Location loc);
  mlir::AffineMap withoutRows(mlir::AffineMap map);
  mlir::Value constant(mlir::Value outside);

  mlir::OpBuilder &builder;
  bool serial;
  mlir::Value row;
  llvm::DenseMap<mlir::Value, mlir::Value> whole, local;
};

} // namespace pfc

#endif // PASSES_CODEGEN_ROWEMITTER_H

//===- RowCode.h - Short ways to write row kernels --------------*- C++ -*-===//
//
// The body of a RowKernelOpInterface's loop: code on buffers whose addresses
// depend on data.
//
//===----------------------------------------------------------------------===//
#ifndef DIALECTS_PFC_IR_ROWCODE_H
#define DIALECTS_PFC_IR_ROWCODE_H

#include "dialects/pfc/ir/KernelBuilder.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <limits>

namespace pfc {

/// Loops, loads and stores at the builder, f32 in between.
class RowCode {
public:
  RowCode(mlir::OpBuilder &builder, mlir::Location loc)
      : builder(builder), loc(loc), scalars(builder, loc) {}

  mlir::Value index(int64_t value) {
    return mlir::arith::ConstantIndexOp::create(builder, loc, value);
  }
  mlir::Value integer(int64_t value) {
    return mlir::arith::ConstantOp::create(builder, loc,
                                           builder.getI64IntegerAttr(value));
  }
  mlir::Value toIndex(mlir::Value value) {
    return mlir::arith::IndexCastOp::create(builder, loc,
                                            builder.getIndexType(), value);
  }
  /// Whether an index is that of a row this rank has: another's is -1.
  mlir::Value isOwned(mlir::Value integerValue) {
    return mlir::arith::CmpIOp::create(builder, loc,
                                       mlir::arith::CmpIPredicate::sge,
                                       integerValue, integer(0));
  }
  /// Float elements come as f32, and go back converted.
  mlir::Value load(mlir::Value buffer, mlir::ValueRange at) {
    mlir::Value value = mlir::memref::LoadOp::create(builder, loc, buffer, at);
    return llvm::isa<mlir::FloatType>(value.getType()) ? scalars.toF32(value)
                                                       : value;
  }
  void store(mlir::Value value, mlir::Value buffer, mlir::ValueRange at) {
    mlir::Type element =
        llvm::cast<mlir::MemRefType>(buffer.getType()).getElementType();
    if (llvm::isa<mlir::FloatType>(element))
      value = scalars.fromF32(value, element);
    mlir::memref::StoreOp::create(builder, loc, value, buffer, at);
  }
  /// body(i) for from <= i < to.
  void loop(mlir::Value from, mlir::Value to,
            llvm::function_ref<void(RowCode &, mlir::Value)> body) {
    mlir::scf::ForOp::create(builder, loc, from, to, index(1),
                             mlir::ValueRange{},
                             [&](mlir::OpBuilder &b, mlir::Location l,
                                 mlir::Value i, mlir::ValueRange) {
                               RowCode code(b, l);
                               body(code, i);
                               mlir::scf::YieldOp::create(b, l);
                             });
  }
  using Term = llvm::function_ref<mlir::Value(RowCode &, mlir::Value)>;
  /// Σ over from <= i < to of body(i), from `start`.
  mlir::Value sum(mlir::Value from, mlir::Value to, mlir::Value start,
                  Term body) {
    return reduce(from, to, start, body, &Scalars::sum);
  }
  /// The largest of body(i) for from <= i < to.
  mlir::Value max(mlir::Value from, mlir::Value to, Term body) {
    mlir::Value least = scalars.constant(std::numeric_limits<float>::lowest());
    return reduce(from, to, least, body, &Scalars::max);
  }
  void when(mlir::Value condition, llvm::function_ref<void(RowCode &)> yes,
            llvm::function_ref<void(RowCode &)> no = {}) {
    auto branch = [](llvm::function_ref<void(RowCode &)> body) {
      return [body](mlir::OpBuilder &b, mlir::Location l) {
        RowCode code(b, l);
        body(code);
        mlir::scf::YieldOp::create(b, l);
      };
    };
    if (no)
      mlir::scf::IfOp::create(builder, loc, condition, branch(yes), branch(no));
    else
      mlir::scf::IfOp::create(builder, loc, condition, branch(yes));
  }

  mlir::OpBuilder &builder;
  mlir::Location loc;
  Scalars scalars;

private:
  mlir::Value
  reduce(mlir::Value from, mlir::Value to, mlir::Value start, Term body,
         mlir::Value (Scalars::*combine)(mlir::Value, mlir::Value)) {
    return mlir::scf::ForOp::create(
               builder, loc, from, to, index(1), mlir::ValueRange{start},
               [&](mlir::OpBuilder &b, mlir::Location l, mlir::Value i,
                   mlir::ValueRange before) {
                 RowCode code(b, l);
                 mlir::Value term = body(code, i);
                 mlir::scf::YieldOp::create(
                     b, l, (code.scalars.*combine)(before[0], term));
               })
        .getResult(0);
  }
};

/// Of a tensor or its buffer.
inline int64_t extent(mlir::Value value, unsigned dimension) {
  return llvm::cast<mlir::ShapedType>(value.getType()).getDimSize(dimension);
}

/// What stands for `operand` of `op` among `buffers`; null where it has none.
inline mlir::Value bufferOf(mlir::Operation *op, mlir::Value operand,
                            mlir::ValueRange buffers) {
  for (auto [i, value] : llvm::enumerate(op->getOperands()))
    if (operand && value == operand)
      return buffers[i];
  return {};
}

/// 1/max(‖table[at]‖₂, 1e-12).
inline mlir::Value inverseLength(RowCode &code, mlir::Value table,
                                 mlir::Value at) {
  mlir::Value squares =
      code.sum(code.index(0), code.index(extent(table, 1)),
               code.scalars.constant(0.0), [&](RowCode &c, mlir::Value d) {
                 mlir::Value w = c.load(table, {at, d});
                 return c.scalars.mul(w, w);
               });
  return reciprocalLength(code.scalars, squares);
}

} // namespace pfc

#endif // DIALECTS_PFC_IR_ROWCODE_H

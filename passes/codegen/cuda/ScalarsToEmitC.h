//===- ScalarsToEmitC.h - Arithmetic as C++ expressions ---------*- C++ -*-===//
#ifndef PASSES_CODEGEN_CUDA_SCALARSTOEMITC_H
#define PASSES_CODEGEN_CUDA_SCALARSTOEMITC_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributeInterfaces.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"

namespace pfc::cuda {

/// Rewrites what upstream's conversion has no pattern for, or one that takes
/// more than an operator; leaves the rest.
class ScalarLowering {
public:
  /// Indices become `indexType`.
  ScalarLowering(mlir::OpBuilder &builder, mlir::IntegerType indexType)
      : builder(builder), indexType(indexType) {}

  /// `onIndices`: whether an operand or result of `op` was an index.
  void lower(mlir::Operation *op, bool onIndices);

private:
  bool lowerIndexOp(mlir::Operation *op);
  bool lowerFloatOp(mlir::Operation *op);
  bool lowerFloatConstant(mlir::Operation *op, llvm::APFloat value);
  bool lowerIntegerOp(mlir::Operation *op);
  template <typename Target>
  bool binary(mlir::Operation *op, mlir::Type type);
  bool compare(mlir::Operation *op, bool isUnsigned);
  bool call(mlir::Operation *op, llvm::StringRef callee);
  bool choose(mlir::Operation *op, llvm::StringRef callee, mlir::Type type);
  bool shift(mlir::Operation *op, bool left);
  bool multiplyExtended(mlir::Operation *op);
  bool cast(mlir::Operation *op, mlir::Type type);
  bool literal(mlir::Operation *op, mlir::Type type, llvm::StringRef text);
  bool number(mlir::Operation *op, mlir::TypedAttr value, llvm::StringRef text);
  mlir::Value castTo(mlir::Value value, mlir::Type type);
  mlir::Type unsignedOf(mlir::Type type);
  bool replace(mlir::Operation *op, mlir::Value value);

  mlir::OpBuilder &builder;
  mlir::IntegerType indexType;
};

} // namespace pfc::cuda

#endif // PASSES_CODEGEN_CUDA_SCALARSTOEMITC_H

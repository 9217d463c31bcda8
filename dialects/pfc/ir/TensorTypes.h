//===- TensorTypes.h - The types of the dialect's values --------*- C++ -*-===//
#ifndef DIALECTS_PFC_IR_TENSORTYPES_H
#define DIALECTS_PFC_IR_TENSORTYPES_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"

namespace pfc {

/// All values are ranked tensors of static shapes.
inline mlir::RankedTensorType typeOf(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType());
}

inline llvm::ArrayRef<int64_t> shapeOf(mlir::Value value) {
  return typeOf(value).getShape();
}

} // namespace pfc

#endif // DIALECTS_PFC_IR_TENSORTYPES_H

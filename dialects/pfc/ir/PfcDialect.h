//===- PfcDialect.h - The training-step dialect -----------------*- C++ -*-===//
#ifndef DIALECTS_PFC_IR_PFCDIALECT_H
#define DIALECTS_PFC_IR_PFCDIALECT_H

#include "dialects/pfc/ir/OpCost.h"
#include "dialects/pfc/ir/Partitioner.h"
#include "dialects/pfc/ir/Real.h"
#include "dialects/pfc/ir/Sweep.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Shard/IR/ShardDialect.h"
#include "mlir/Dialect/Shard/IR/ShardOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/pfc/ir/PfcDialect.h.inc"
#include "dialects/pfc/ir/PfcEnums.h.inc"
#include "dialects/pfc/ir/PfcInterfaces.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/pfc/ir/PfcAttrs.h.inc"

#define GET_OP_CLASSES
#include "dialects/pfc/ir/PfcOps.h.inc"

namespace pfc {

/// Tensors of a bucket begin at multiples of this: a cache line, and what the
/// widest accesses need.
constexpr int64_t bucketRowBytes = 64;

/// Whether a tensor of that type ends where another may begin.
inline bool fillsBucketRows(mlir::RankedTensorType type) {
  return type.getNumElements() * (type.getElementTypeBitWidth() / 8) %
             bucketRowBytes ==
         0;
}

} // namespace pfc

#endif // DIALECTS_PFC_IR_PFCDIALECT_H

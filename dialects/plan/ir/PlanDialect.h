//===- PlanDialect.h - What a rank executes ---------------------*- C++ -*-===//
#ifndef DIALECTS_PLAN_IR_PLANDIALECT_H
#define DIALECTS_PLAN_IR_PLANDIALECT_H

#include "dialects/pfc/ir/PfcDialect.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"

#include "dialects/plan/ir/PlanDialect.h.inc"
#include "dialects/plan/ir/PlanEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/plan/ir/PlanAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/plan/ir/PlanTypes.h.inc"

#include "dialects/plan/ir/PlanInterfaces.h.inc"

#define GET_OP_CLASSES
#include "dialects/plan/ir/PlanOps.h.inc"

namespace pfc::plan {

/// First bytes of buffers are multiples of this (a cache line, an AVX-512
/// register).
constexpr int64_t bufferAlignment = 64;

/// Module attributes.
constexpr llvm::StringLiteral arenaBytesAttrName = "plan.arena_bytes";
constexpr llvm::StringLiteral hostBytesAttrName = "plan.host_bytes";
constexpr llvm::StringLiteral kernelIrAttrName = "plan.kernel_ir";
constexpr llvm::StringLiteral kernelCudaAttrName = "plan.kernel_cuda";
/// Function attribute of a kernel: what was fused.
constexpr llvm::StringLiteral descriptionAttrName = "plan.description";
/// The module of kernels.
constexpr llvm::StringLiteral kernelsModuleName = "kernels";

/// Ranks of the job: the size of the module's shard.grid, 1 without one.
int64_t worldSize(mlir::ModuleOp module);

/// Bytes of a buffer.
int64_t byteSize(mlir::MemRefType type);

/// The buffer that `buffer` is a view of, itself if it is none.
mlir::Value viewedBuffer(mlir::Value buffer);

/// Whether `buffer`, no view, is state or a span of state.
bool isState(mlir::Value buffer);

/// Host memory begins at a multiple of this in the arena (a page of any
/// processor).
constexpr int64_t hostAlignment = 64 << 10;

/// Whether `op` may go on under the instructions behind it: a collective, a
/// launch that is a transfer, or a branch (`plan.beside`).
bool isTransfer(mlir::Operation *op);
/// The op that waits for transfer `op`; null: it is done where it stands.
WaitOp waitOf(mlir::Operation *op);

/// The name of the layer or step at a location; empty without a NameLoc.
std::string locationName(mlir::Location loc);

} // namespace pfc::plan

#endif // DIALECTS_PLAN_IR_PLANDIALECT_H

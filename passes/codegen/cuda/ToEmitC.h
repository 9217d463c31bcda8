//===- ToEmitC.h - A thread's code as C++ -----------------------*- C++ -*-===//
//
// Names, types and helper functions are those of prelude.cuh, with which every
// plan's CUDA text begins.
//
//===----------------------------------------------------------------------===//
#ifndef PASSES_CODEGEN_CUDA_TOEMITC_H
#define PASSES_CODEGEN_CUDA_TOEMITC_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace pfc::cuda {

/// Replaces a scheduled kernel (DeviceCode.h) by an `extern "C" __global__`
/// emitc.func of the same name.
llvm::LogicalResult convertToEmitC(mlir::func::FuncOp kernel, int64_t threads);

/// The text of a module of such functions, prelude first.
mlir::FailureOr<std::string> printCuda(mlir::ModuleOp kernels);

} // namespace pfc::cuda

#endif // PASSES_CODEGEN_CUDA_TOEMITC_H

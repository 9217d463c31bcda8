//===- ShareKernels.h - One kernel for many sizes ---------------*- C++ -*-===//
#ifndef PASSES_CODEGEN_CUDA_SHAREKERNELS_H
#define PASSES_CODEGEN_CUDA_SHAREKERNELS_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

namespace pfc::cuda {

/// On a literal that is a number: its value, an index or an f32.
inline constexpr llvm::StringLiteral numberAttrName = "pfc.number";

/// A kernel to launch, and the numbers it takes behind its buffers: integers
/// of an index's width, and f32.
struct KernelCall {
  mlir::StringAttr kernel;
  llvm::SmallVector<mlir::Attribute> numbers;
};

/// Of kernels (ToEmitC.h) that differ in numbers alone, keeps the first and
/// makes those numbers its parameters. What is to be launched for each kernel
/// that was there, by its name.
///
/// A number stays in the text if the code around it relies on it: what bounds
/// a loop that is unrolled whole, what indexes an array of registers, and a
/// divisor, unless it is a power of 2, which becomes a shift or a mask.
llvm::StringMap<KernelCall> shareKernels(mlir::ModuleOp kernels);

} // namespace pfc::cuda

#endif // PASSES_CODEGEN_CUDA_SHAREKERNELS_H

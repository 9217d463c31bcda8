//===- Passes.h - The passes' declarations ----------------------*- C++ -*-===//
//
// Passes.td is their manual; Pipelines.h puts them in order.
//
//===----------------------------------------------------------------------===//
#ifndef PASSES_PASSES_H
#define PASSES_PASSES_H

#include "dialects/pfc/ir/PfcDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/CommandLine.h"

namespace pfc {

/// Element type of products and activations.
enum class Precision { Fp32, Bf16, Fp16 };

/// What an update of a parameter is.
enum class Optimizer { SGD, AdamW };

/// What becomes of the head's exponentials between forward and backward.
enum class LogitsStrategy { Keep, Recompute };

/// Which activations the backward pass makes again instead of keeping them.
enum class Recompute { None, BatchNorms, Blocks };

/// What kernels are compiled for.
enum class KernelTarget { Cpu, Cuda };

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

} // namespace pfc

#endif // PASSES_PASSES_H

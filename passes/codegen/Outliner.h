//===- Outliner.h - The kernels of a module ---------------------*- C++ -*-===//
//
//   BufferTable   which buffer holds a tensor
//   InPlace       what may be written where it was read
//   Outliner      the module of kernels; equal kernels are one
//   KernelGroup   a run of linalg.generic ops that one kernel executes
//   RowEmitter    what the run does to one row
//
// A kernel is a parallel loop over *rows*, dimension 0 of what it computes:
//
//   func.func @k(buffers…, %begin: index, %end: index) {
//     scf.for %row = %begin to %end { one linalg op on that row; the next … }
//   }
//
// so that a run of ops touches a row while it is in the cache, and a value
// used only inside the run needs one row of memory. Small or awkward ops make
// serial kernels, whose loop has one iteration. For CUDA every op is a serial
// kernel of its own, over whole buffers, but for runs on channels
// (codegen/cuda/ChannelRuns.h); codegen-cuda schedules it.
//
//===----------------------------------------------------------------------===//
#ifndef PASSES_CODEGEN_OUTLINER_H
#define PASSES_CODEGEN_OUTLINER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "passes/codegen/BufferTable.h"

namespace pfc {

namespace cuda {
struct TileForm;
} // namespace cuda

/// What becomes one kernel.
enum class Grouping {
  Rows,     ///< for the CPU: a run of ops, row by row
  Channels, ///< for CUDA: one op over whole buffers, or a run on channels
};

/// The kernels of a module.
class Outliner {
public:
  Outliner(mlir::ModuleOp kernels, Grouping grouping)
      : kernels(kernels), grouping(grouping) {}

  /// Makes `op` a kernel of its own and launches it.
  llvm::LogicalResult outlineRows(RowKernelOpInterface op, BufferTable &buffers,
                                  mlir::OpBuilder &builder);

  /// The same as a product and `op`, which alone reads it: the forms of
  /// codegen/cuda/Products.h. `matmul` is the product; what stands behind it
  /// up to the builder, at the end, names buffers.
  llvm::LogicalResult outlineProduct(MarginExpOp op, plan::MatmulOp matmul,
                                     BufferTable &buffers,
                                     mlir::OpBuilder &builder);

  /// An empty kernel over `argumentTypes`; the builder is set into its row
  /// loop.
  struct Kernel {
    mlir::func::FuncOp function;
    mlir::Value row;
  };
  Kernel begin(mlir::OpBuilder &builder, mlir::Location loc,
               mlir::TypeRange argumentTypes);
  /// Names the finished kernel, or drops it for an equal one: its symbol.
  mlir::SymbolRefAttr finish(Kernel kernel, llvm::StringRef description);

  unsigned kernelCount() const { return count; }
  Grouping getGrouping() const { return grouping; }

private:
  plan::LaunchOp outlineTiles(const cuda::TileForm &form, MarginExpOp op,
                              plan::MatmulOp matmul, mlir::Value parts,
                              BufferTable &buffers, mlir::OpBuilder &builder);
  plan::LaunchOp outlineSumOfParts(MarginExpOp op, mlir::Value parts,
                                   BufferTable &buffers,
                                   mlir::OpBuilder &builder);

  mlir::ModuleOp kernels;
  Grouping grouping;
  llvm::StringMap<std::string> names; ///< text of a kernel -> its symbol
  unsigned count = 0;
};

} // namespace pfc

#endif // PASSES_CODEGEN_OUTLINER_H

//===- KernelGroup.h - A run of generics becomes a kernel -------*- C++ -*-===//
//
// Ops come one by one, in program order. One joins the run before it where the
// rows of both, or for CUDA their channels, stay independent of one another,
// and where nothing has to wait for other ranks that would not without it.
//
//===----------------------------------------------------------------------===//
#ifndef PASSES_CODEGEN_KERNELGROUP_H
#define PASSES_CODEGEN_KERNELGROUP_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "passes/codegen/Outliner.h"

namespace pfc {

/// A run of generics in program order that becomes one kernel.
class KernelGroup {
public:
  KernelGroup(Outliner &outliner, BufferTable &buffers,
              mlir::OpBuilder &builder)
      : outliner(outliner), buffers(buffers), builder(builder) {}

  /// Takes `op` into the run, ending the run before it where it must.
  llvm::LogicalResult add(mlir::linalg::GenericOp op);
  /// Ends the run: builds its kernel and the launch.
  llvm::LogicalResult flush();

private:
  struct Access {
    mlir::Value key; ///< buffer, or the tensor while it has none
    bool own;        ///< iteration i touches row, or channel, i alone
    bool write;
  };
  struct Operands;

  llvm::SmallVector<Access> accessesOf(mlir::linalg::GenericOp op);
  bool conflicts(mlir::linalg::GenericOp op);
  bool readsOwn(mlir::linalg::GenericOp op);
  bool waitsAlike(mlir::linalg::GenericOp op);
  bool joins(mlir::linalg::GenericOp op);
  void start(mlir::linalg::GenericOp op);
  bool isLocal(mlir::Value result);
  bool isLastToRead(mlir::Value tensor, size_t last);
  mlir::Value dyingInput(size_t at, mlir::OpResult result);
  void overwriteInputs();
  Operands collectOperands();
  mlir::SymbolRefAttr buildKernel(const Operands &operands);

  Outliner &outliner;
  BufferTable &buffers;
  mlir::OpBuilder &builder;
  llvm::SmallVector<mlir::linalg::GenericOp> ops;
  llvm::SmallVector<Access> accesses;
  bool serial = false;
  bool waits = false; ///< reads what ranks exchange
  int64_t extent = 1;
};

} // namespace pfc

#endif // PASSES_CODEGEN_KERNELGROUP_H

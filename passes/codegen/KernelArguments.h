//===- KernelArguments.h - A kernel's buffers, and its launch ---*- C++ -*-===//
#ifndef PASSES_CODEGEN_KERNELARGUMENTS_H
#define PASSES_CODEGEN_KERNELARGUMENTS_H

#include "dialects/pfc/ir/PfcDialect.h"
#include "dialects/plan/ir/PlanDialect.h"
#include "mlir/IR/Builders.h"

namespace pfc {

/// The distinct buffers of a kernel, in order of first use.
class KernelArguments {
public:
  /// The position of `buffer` among the arguments. So many of its elements, or
  /// all, are read or written. What the kernel itself wrote is not read from
  /// memory.
  unsigned add(mlir::Value buffer, bool write, uint64_t elements);
  unsigned add(mlir::Value buffer, bool write);
  mlir::TypeRange types() const { return mlir::ValueRange(buffers).getTypes(); }

  /// What is read and written once, with `flops` operations.
  OpCost costOf(uint64_t flops) const;

  /// The launch, with its predicted cost. A transfer goes on beside other
  /// instructions, up to a plan.wait.
  plan::LaunchOp launch(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::SymbolRefAttr kernel, int64_t extent,
                        const OpCost &cost, bool isTransfer = false);

private:
  /// Elements of a buffer.
  struct Touched {
    uint64_t read = 0, written = 0;
  };
  mlir::SmallVector<mlir::Value> buffers;
  mlir::SmallVector<Touched> touched;
};

} // namespace pfc

#endif // PASSES_CODEGEN_KERNELARGUMENTS_H

//===- Outline.h - Runs of generated code become kernels --------*- C++ -*-===//
//
//   BufferTable   which buffer holds a tensor
//   KernelGroup   a run of linalg.generic ops that one kernel executes
//   Outliner      the module of kernels; equal kernels are one
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
#ifndef PASSES_CODEGEN_OUTLINE_H
#define PASSES_CODEGEN_OUTLINE_H

#include "dialects/pfc/ir/KernelBuilder.h"
#include "dialects/pfc/ir/PfcDialect.h"
#include "dialects/plan/ir/PlanDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"

namespace pfc {

namespace cuda {
struct TileForm;
} // namespace cuda

/// The buffer of a tensor: the same shape, bytes as i8.
mlir::MemRefType bufferTypeOf(mlir::Type tensorType);

/// Whether `use`, an operand of the op that defines `value`, is read at exactly
/// the elements of `value` it contributes to, so that it may be overwritten.
bool updatesElementwise(mlir::OpOperand &use, mlir::Value value);

/// Which buffer holds a tensor value. A value gets one when an instruction
/// first needs it.
class BufferTable {
public:
  BufferTable(mlir::OpBuilder &builder, plan::ProgramOp program)
      : builder(builder), program(program) {}

  /// The buffer of `value`, allocated now if it has none.
  mlir::Value get(mlir::Value value);
  /// The buffer of `value`, or null.
  mlir::Value find(mlir::Value value);

  void bind(mlir::Value value, mlir::Value buffer) {
    buffers[canonical(value)] = buffer;
  }
  /// `value` is `source` under another name.
  void alias(mlir::Value value, mlir::Value source) { aliases[value] = source; }
  mlir::Value canonical(mlir::Value value);

  /// The state buffer of a variable.
  mlir::Value state(llvm::StringRef name, mlir::Location loc,
                    mlir::Type tensorType);
  /// `value`, or the bucket of several, is to be written into the state buffers
  /// of the variables `names`.
  void writeInPlace(mlir::Value value, llvm::ArrayRef<mlir::Value> variables,
                    llvm::ArrayRef<llvm::StringRef> names);
  /// The span of `parts`, which are its for good; one for the same parts.
  mlir::Value span(llvm::ArrayRef<mlir::Value> parts, mlir::Location loc);
  /// `bucket` is the span of its tensors' buffers, copies where they can't be.
  void bindBucket(BucketOp bucket);
  /// The tensors of `op` are parts of the span that holds its bucket.
  llvm::LogicalResult bindTensors(UnbucketOp op);

  /// The buffer that `buffer` is a part or a view of, itself if of none.
  mlir::Value whole(mlir::Value buffer);

  /// Whether `buffer` is a plan.alloc or a span of such, which no variable or
  /// input is.
  static bool isTemporary(mlir::Value buffer) {
    if (auto span = buffer.getDefiningOp<plan::SpanOp>())
      return isTemporary(span.getParts().front());
    return buffer.getDefiningOp<plan::AllocOp>() != nullptr;
  }

private:
  mlir::Value allocate(mlir::Value value);
  mlir::Value copyOf(mlir::Value tensor);
  bool ownsBuffer(mlir::Value tensor);
  mlir::Value shaped(mlir::Value span, mlir::Value bucket);

  mlir::OpBuilder &builder;
  plan::ProgramOp program;
  llvm::DenseMap<mlir::Value, mlir::Value> buffers;
  llvm::DenseMap<mlir::Value, mlir::Value> aliases;
  llvm::StringMap<mlir::Value> states;
  llvm::DenseMap<mlir::Value, plan::SpanOp> spans; ///< by part
};

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

#endif // PASSES_CODEGEN_OUTLINE_H

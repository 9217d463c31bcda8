//===- BufferTable.h - Which buffer holds a tensor --------------*- C++ -*-===//
//
// A tensor gets a buffer when an instruction first needs it: a plan.alloc, a
// variable's plan.state, or another tensor's, of which it is a view or that it
// overwrites (InPlace.h). The tensors of a bucket are parts of one plan.span.
//
//===----------------------------------------------------------------------===//
#ifndef PASSES_CODEGEN_BUFFERTABLE_H
#define PASSES_CODEGEN_BUFFERTABLE_H

#include "dialects/pfc/ir/PfcDialect.h"
#include "dialects/plan/ir/PlanDialect.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"

namespace pfc {

/// The buffer of a tensor: the same shape, bytes as i8.
mlir::MemRefType bufferTypeOf(mlir::Type tensorType);

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

} // namespace pfc

#endif // PASSES_CODEGEN_BUFFERTABLE_H

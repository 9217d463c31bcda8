#include "passes/codegen/Outliner.h"
#include "passes/codegen/InPlace.h"
#include "passes/codegen/KernelArguments.h"
#include "passes/codegen/cuda/DeviceCode.h"
#include "passes/codegen/cuda/Sampling.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace pfc {

Outliner::Kernel Outliner::begin(OpBuilder &builder, Location loc,
                                 TypeRange argumentTypes) {
  SmallVector<Type> types(argumentTypes);
  types.append(2, builder.getIndexType());
  builder.setInsertionPointToEnd(kernels.getBody());
  auto function = func::FuncOp::create(builder, loc, "kernel",
                                       builder.getFunctionType(types, {}));
  Block *entry = function.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  Value one = arith::ConstantIndexOp::create(builder, loc, 1);
  Value begin = entry->getArgument(types.size() - 2);
  Value end = entry->getArgument(types.size() - 1);
  auto loop = scf::ForOp::create(builder, loc, begin, end, one);
  func::ReturnOp::create(builder, loc);
  builder.setInsertionPoint(loop.getBody()->getTerminator());
  return {function, loop.getInductionVar()};
}

/// "batch_norm, prelu" as part of a symbol.
static std::string symbolPart(StringRef description) {
  std::string part;
  for (char c : description.take_front(48))
    if (llvm::isAlnum(c) || c == '_')
      part += c;
    else if (c == ' ')
      part += '_';
  return part;
}

SymbolRefAttr Outliner::finish(Kernel kernel, StringRef description) {
  MLIRContext *context = kernels.getContext();
  std::string text;
  llvm::raw_string_ostream(text) << kernel.function;
  auto [it, fresh] = names.try_emplace(text);
  if (fresh) {
    it->second = "k" + std::to_string(count++) + "_" + symbolPart(description);
    kernel.function.setSymName(it->second);
    kernel.function->setAttr(plan::descriptionAttrName,
                             StringAttr::get(context, description));
  } else {
    kernel.function.erase();
  }
  return SymbolRefAttr::get(context, kernels.getSymNameAttr().getValue(),
                            {FlatSymbolRefAttr::get(context, it->second)});
}

/// The buffers of `op`'s operands. A result that overwrites an operand gets the
/// operand's, if this is the operand's last use; else a copy, which the kernel
/// takes for the operand.
static SmallVector<Value> bindOperands(RowKernelOpInterface op,
                                       BufferTable &buffers,
                                       OpBuilder &builder) {
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(buffers.get(operand));
  for (OpResult result : op->getResults()) {
    int position = op.getInPlaceOperand(result.getResultNumber());
    if (position < 0)
      continue;
    Value source = operands[position], target = buffers.find(result);
    if (!target && BufferTable::isTemporary(source) &&
        readsLast(op, op->getOperand(position))) {
      buffers.bind(result, source);
      continue;
    }
    target = buffers.get(result);
    if (target != source) {
      plan::CopyOp::create(builder, op.getLoc(), source, target,
                           plan::CostAttr());
      operands[position] = target;
    }
  }
  return operands;
}

/// `op` if it is the sampler and for a GPU, where its serial passes over all
/// classes are another algorithm, of one block; else null.
static SampleLocalCentersOp samplerOfOneBlock(RowKernelOpInterface op,
                                              Grouping grouping) {
  return grouping == Grouping::Channels
             ? dyn_cast<SampleLocalCentersOp>(op.getOperation())
             : SampleLocalCentersOp();
}

/// What `op` does in a kernel on its buffers `operands` and `results`.
static LogicalResult buildRows(RowKernelOpInterface op, Grouping grouping,
                               Outliner::Kernel kernel, OpBuilder &builder,
                               ValueRange operands, ValueRange results) {
  SampleLocalCentersOp sampler = samplerOfOneBlock(op, grouping);
  if (!sampler)
    return op.buildRow(builder, operands, results, kernel.row);
  kernel.function->setAttr(cuda::blockThreadsAttrName,
                           builder.getI64IntegerAttr(cuda::kSamplingThreads));
  return cuda::buildSamplingBlock(sampler, builder, operands, results);
}

LogicalResult Outliner::outlineRows(RowKernelOpInterface op,
                                    BufferTable &buffers, OpBuilder &builder) {
  Location loc = op.getLoc();
  KernelArguments arguments;
  SmallVector<unsigned> operandAt, resultAt;
  for (Value buffer : bindOperands(op, buffers, builder))
    operandAt.push_back(arguments.add(buffer, /*write=*/false));
  for (Value result : op->getResults())
    resultAt.push_back(arguments.add(buffers.get(result), /*write=*/true));

  SymbolRefAttr symbol;
  {
    OpBuilder::InsertionGuard guard(builder);
    Kernel kernel = begin(builder, loc, arguments.types());
    auto values = [&](ArrayRef<unsigned> positions) {
      return llvm::map_to_vector(positions, [&](unsigned position) -> Value {
        return kernel.function.getArgument(position);
      });
    };
    if (failed(buildRows(op, grouping, kernel, builder, values(operandAt),
                         values(resultAt))))
      return failure();
    symbol = finish(kernel, op->getName().stripDialect());
  }
  // Which rows it touches, only the op knows.
  auto costed = dyn_cast<CostOpInterface>(op.getOperation());
  // While one block samples, the others have the backbone to do.
  bool isTransfer = isa<FetchRowsOp, StoreRowsOp>(op.getOperation()) ||
                    samplerOfOneBlock(op, grouping);
  arguments.launch(builder, loc, symbol, op.getRowExtent(),
                   costed ? costed.getCost() : arguments.costOf(0), isTransfer);
  return success();
}

} // namespace pfc

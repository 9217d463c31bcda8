//===- OutlineProduct.cpp - A product and its reader in two forms ---------===//
//
// See codegen/cuda/Products.h.
//
//===----------------------------------------------------------------------===//
#include "passes/codegen/KernelArguments.h"
#include "passes/codegen/Outliner.h"
#include "passes/codegen/cuda/Products.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace pfc {

using Instructions = SmallVector<Operation *>;

/// plan.either of what stands before the builder.
static void moveIntoForms(OpBuilder &builder, Location loc,
                          ArrayRef<Instructions> forms,
                          ArrayRef<StringRef> requirements) {
  llvm::SetVector<Value> touched, written;
  for (ArrayRef<Operation *> form : forms)
    for (Operation *op : form)
      for (OpOperand &operand : op->getOpOperands()) {
        touched.insert(operand.get());
        if (cast<plan::InstructionOpInterface>(op).writesOperand(
                operand.getOperandNumber()))
          written.insert(operand.get());
      }
  SmallVector<int64_t> writes;
  for (auto [i, buffer] : llvm::enumerate(touched))
    if (written.contains(buffer))
      writes.push_back(i);
  auto either = plan::EitherOp::create(
      builder, loc, touched.getArrayRef(), writes,
      builder.getStrArrayAttr(requirements), forms.size());
  for (auto [form, region] : llvm::zip(forms, either.getForms())) {
    Block &block = region.emplaceBlock();
    for (Operation *op : form)
      op->moveBefore(&block, block.end());
  }
}

/// From `first` on, up to the builder, which is at its block's end.
static Instructions instructionsFrom(Operation *first) {
  Instructions found;
  for (Operation *op = first; op; op = op->getNextNode())
    if (isa<plan::InstructionOpInterface>(op))
      found.push_back(op);
  return found;
}

/// E, and the sums of each tile's rows if `parts` isn't null.
plan::LaunchOp Outliner::outlineTiles(const cuda::TileForm &form,
                                      MarginExpOp op, plan::MatmulOp matmul,
                                      Value parts, BufferTable &buffers,
                                      OpBuilder &builder) {
  SmallVector<Value> all = {matmul.getLhs(), matmul.getRhs()};
  for (Value read : {op.getColumns(), op.getCount(), op.getFirst()})
    all.push_back(buffers.get(read));
  KernelArguments arguments;
  SmallVector<unsigned> at;
  for (Value read : all)
    at.push_back(arguments.add(read, /*write=*/false));
  Value exps = buffers.get(op.getExps());
  at.push_back(arguments.add(exps, /*write=*/true));
  if (parts)
    at.push_back(arguments.add(parts, /*write=*/true));
  SymbolRefAttr symbol;
  {
    OpBuilder::InsertionGuard guard(builder);
    Kernel kernel = begin(builder, op.getLoc(), arguments.types());
    auto argument = [&](unsigned i) -> Value {
      return i < at.size() ? kernel.function.getArgument(at[i])
                           : BlockArgument();
    };
    cuda::buildProduct(op, form, kernel.function, builder,
                       {argument(0), argument(1), argument(2), argument(3),
                        argument(4), argument(5), argument(6)});
    symbol = finish(kernel, form.description);
  }
  ArrayRef<int64_t> tile = cast<MemRefType>(exps.getType()).getShape();
  uint64_t flops = cast<CostOpInterface>(op.getOperation()).getCost().flops +
                   matmul.getCostAttr().getFlops();
  return arguments.launch(builder, op.getLoc(), symbol,
                          cuda::productTiles(tile[0], tile[1]),
                          arguments.costOf(flops));
}

plan::LaunchOp Outliner::outlineSumOfParts(MarginExpOp op, Value parts,
                                           BufferTable &buffers,
                                           OpBuilder &builder) {
  KernelArguments arguments;
  unsigned partsAt = arguments.add(parts, /*write=*/false), sumsAt = 0;
  if (op.getSums())
    sumsAt = arguments.add(buffers.get(op.getSums()), /*write=*/false);
  unsigned newSumsAt =
      arguments.add(buffers.get(op.getNewSums()), /*write=*/true);
  SymbolRefAttr symbol;
  {
    OpBuilder::InsertionGuard guard(builder);
    Kernel kernel = begin(builder, op.getLoc(), arguments.types());
    auto argument = [&](unsigned i) -> Value {
      return kernel.function.getArgument(i);
    };
    cuda::buildSumOfParts(builder, op.getLoc(), argument(partsAt),
                          op.getSums() ? argument(sumsAt) : Value(),
                          argument(newSumsAt), kernel.row);
    symbol = finish(kernel, "sums of tiles");
  }
  auto type = cast<MemRefType>(parts.getType());
  return arguments.launch(builder, op.getLoc(), symbol, type.getDimSize(1),
                          arguments.costOf(type.getNumElements()));
}

LogicalResult Outliner::outlineProduct(MarginExpOp op, plan::MatmulOp matmul,
                                       BufferTable &buffers,
                                       OpBuilder &builder) {
  if (failed(outlineRows(op, buffers, builder)))
    return failure();
  Instructions apart = instructionsFrom(matmul);
  Value parts;
  if (!op.getNewSums().use_empty()) {
    ArrayRef<int64_t> tile = matmul.getOut().getType().getShape();
    int64_t tiles = llvm::divideCeil(tile[1], cuda::kProductTile);
    parts = plan::AllocOp::create(
        builder, op.getLoc(),
        MemRefType::get({tiles, tile[0]}, builder.getF32Type()), IntegerAttr());
  }
  SmallVector<Instructions> forms = {apart};
  SmallVector<StringRef> requirements = {""};
  for (const cuda::TileForm &form : cuda::tileForms()) {
    Instructions together = {
        outlineTiles(form, op, matmul, parts, buffers, builder)};
    if (parts)
      together.push_back(outlineSumOfParts(op, parts, buffers, builder));
    forms.push_back(std::move(together));
    requirements.push_back(form.requirement);
  }
  moveIntoForms(builder, op.getLoc(), forms, requirements);
  return success();
}

} // namespace pfc

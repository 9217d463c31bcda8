#include "passes/codegen/RowEmitter.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace pfc {

bool touchesOwnRow(AffineMap map) {
  if (map.getNumResults() == 0 ||
      map.getResult(0) != getAffineDimExpr(0, map.getContext()))
    return false;
  return llvm::none_of(map.getResults().drop_front(),
                       [](AffineExpr expr) { return expr.isFunctionOfDim(0); });
}

/// Row `row` of a whole buffer, without its dimension 0.
Value RowEmitter::view(Value tensor, AffineMap map, Location loc) {
  if (Value buffer = local.lookup(tensor))
    return buffer;
  Value buffer = whole.lookup(tensor);
  if (serial || !touchesOwnRow(map))
    return buffer;
  auto type = cast<MemRefType>(buffer.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), builder.getIndexAttr(0));
  SmallVector<OpFoldResult> sizes,
      strides(type.getRank(), builder.getIndexAttr(1));
  for (int64_t size : type.getShape())
    sizes.push_back(builder.getIndexAttr(size));
  offsets[0] = row;
  sizes[0] = builder.getIndexAttr(1);
  auto rowType = memref::SubViewOp::inferRankReducedResultType(
      type.getShape().drop_front(), type, offsets, sizes, strides);
  return memref::SubViewOp::create(builder, loc, rowType, buffer, offsets,
                                   sizes, strides);
}

/// The map over the remaining dimensions of what `view` gives.
AffineMap RowEmitter::withoutRows(AffineMap map) {
  if (serial)
    return map;
  MLIRContext *context = map.getContext();
  SmallVector<AffineExpr> shifted{getAffineConstantExpr(0, context)};
  for (unsigned d = 1; d < map.getNumDims(); ++d)
    shifted.push_back(getAffineDimExpr(d - 1, context));
  SmallVector<AffineExpr> exprs;
  ArrayRef<AffineExpr> results = map.getResults();
  if (touchesOwnRow(map))
    results = results.drop_front();
  for (AffineExpr expr : results)
    exprs.push_back(expr.replaceDims(shifted));
  return AffineMap::get(map.getNumDims() - 1, 0, exprs, context);
}

/// A scalar constant defined outside the kernel.
Value RowEmitter::constant(Value outside) {
  return builder.clone(*outside.getDefiningOp())->getResult(0);
}

void RowEmitter::emit(linalg::GenericOp op) {
  Location loc = op.getLoc();
  SmallVector<Value> inputs, outputs;
  SmallVector<AffineMap> maps;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(operand);
    inputs.push_back(view(operand->get(), map, loc));
    maps.push_back(withoutRows(map));
  }
  for (OpResult result : op->getResults()) {
    AffineMap map = op.getIndexingMapMatchingResult(result);
    Value output = view(result, map, loc);
    outputs.push_back(output);
    maps.push_back(withoutRows(map));
    Value init = op.getDpsInits()[result.getResultNumber()];
    if (auto fill = init.getDefiningOp<linalg::FillOp>())
      linalg::FillOp::create(builder, loc, constant(fill.value()), output);
  }
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  if (!serial)
    iterators.erase(iterators.begin());
  // Constants used inside come in before the op.
  IRMapping mapping;
  Block *source = op.getBody();
  for (Operation &inner : *source)
    for (Value operand : inner.getOperands())
      if (operand.getParentBlock() != source && !mapping.contains(operand))
        mapping.map(operand, constant(operand));
  linalg::GenericOp::create(
      builder, loc, inputs, outputs, maps, iterators,
      [&](OpBuilder &nested, Location, ValueRange arguments) {
        mapping.map(source->getArguments(), arguments);
        for (Operation &inner : *source) {
          auto index = dyn_cast<linalg::IndexOp>(inner);
          if (index && !serial) {
            Value value =
                index.getDim() == 0
                    ? row
                    : linalg::IndexOp::create(nested, loc, index.getDim() - 1)
                          .getResult();
            mapping.map(index.getResult(), value);
            continue;
          }
          nested.clone(inner, mapping);
        }
      });
}

} // namespace pfc

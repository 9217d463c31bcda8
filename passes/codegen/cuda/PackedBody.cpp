#include "passes/codegen/cuda/PackedBody.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/IR/IRMapping.h"

#include <numeric>

using namespace mlir;

namespace pfc::cuda {

/// Bytes of the widest access a thread can make.
static constexpr int64_t kAccessBytes = 16;

PackedBody::PackedBody(linalg::GenericOp op, DeviceCode &code,
                       int64_t mostWidth)
    : op(op), code(code), ranges(op.getStaticLoopRanges()) {
  chooseWidth(mostWidth);
}

PackedBody::Reach PackedBody::reachOf(AffineMap map) const {
  unsigned last = map.getNumDims() - 1;
  if (!map.isFunctionOfDim(last))
    return Reach::Uniform;
  ArrayRef<AffineExpr> exprs = map.getResults();
  bool elsewhere = llvm::any_of(exprs.drop_back(), [&](AffineExpr expr) {
    return expr.isFunctionOfDim(last);
  });
  bool plain = exprs.back() == getAffineDimExpr(last, map.getContext());
  return plain && !elsewhere ? Reach::Neighbours : Reach::Scattered;
}

/// Whether the body needs more of the position than its linear index.
bool PackedBody::dependsOnPosition() {
  auto differs = [](AffineMap map) {
    return !map.isIdentity() && !map.isConstant();
  };
  return llvm::any_of(op.getIndexingMapsArray(), differs) ||
         op.hasIndexSemantics();
}

static bool dependsOnReduction(linalg::GenericOp op, AffineMap map) {
  for (auto [d, iterator] : llvm::enumerate(op.getIteratorTypesArray()))
    if (iterator == utils::IteratorType::reduction && map.isFunctionOfDim(d))
      return true;
  return false;
}

void PackedBody::chooseWidth(int64_t most) {
  int64_t bytes = kAccessBytes;
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    auto type = cast<MemRefType>(operand.get().getType());
    if (map.isIdentity() ||
        (reachOf(map) == Reach::Neighbours && dependsOnReduction(op, map)))
      bytes = std::min<int64_t>(bytes, type.getElementTypeBitWidth() / 8);
  }
  packWidth = std::min(kAccessBytes / bytes, most);
  int64_t extent = ranges.back();
  if (!dependsOnPosition())
    extent = std::accumulate(ranges.begin(), ranges.end(), int64_t(1),
                             std::multiplies<>());
  while (extent % packWidth != 0)
    packWidth /= 2;
}

SmallVector<OpOperand *> PackedBody::packs(bool invariant) {
  return llvm::filter_to_vector(
      op.getDpsInputOperands(), [&](OpOperand *input) {
        AffineMap map = op.getMatchingIndexingMap(input);
        return reachOf(map) == Reach::Neighbours &&
               dependsOnReduction(op, map) != invariant;
      });
}

int64_t PackedBody::countLoads() {
  int64_t loads = 0;
  for (OpOperand *input : packs(/*invariant=*/false))
    loads += llvm::divideCeilSigned(
        packWidth * getElementTypeOrSelf(input->get()).getIntOrFloatBitWidth() /
            8,
        kAccessBytes);
  return loads;
}

Position PackedBody::positionOf(Value linear) {
  Position at{SmallVector<Value>(ranges.size()), linear};
  Value rest = linear;
  for (size_t d = ranges.size() - 1; d > 0; --d) {
    at.dims[d] = code.rem(rest, ranges[d]);
    rest = code.div(rest, ranges[d]);
  }
  at.dims[0] = rest;
  return at;
}

Position PackedBody::positionOf(ValueRange dims) {
  Value linear = dims.front();
  for (auto [dim, range] : llvm::drop_begin(llvm::zip(dims, ranges)))
    linear = code.add(code.mul(linear, range), dim);
  return {SmallVector<Value>(dims), linear};
}

SmallVector<Value> PackedBody::expand(AffineMap map, ValueRange dims) {
  return *affine::expandAffineMap(code.builder, code.loc, map, dims);
}

/// The element of the flat buffer at `at`.
Value PackedBody::linearAt(Value buffer, AffineMap map, const Position &at) {
  if (map.isIdentity())
    return at.linear;
  ArrayRef<int64_t> shape = cast<MemRefType>(buffer.getType()).getShape();
  SmallVector<Value> indices = expand(map, at.dims);
  Value linear = indices.front();
  for (auto [index, extent] : llvm::drop_begin(llvm::zip(indices, shape)))
    linear = code.add(code.mul(linear, extent), index);
  return linear;
}

void PackedBody::load(const Position &at, bool invariant) {
  loaded.resize(op.getNumDpsInputs());
  for (auto [i, input] : llvm::enumerate(op.getDpsInputOperands())) {
    AffineMap map = op.getMatchingIndexingMap(input);
    if (dependsOnReduction(op, map) == invariant)
      continue;
    Value buffer = input->get();
    Reach reach = reachOf(map);
    if (reach == Reach::Uniform) {
      loaded[i] = code.load(buffer, expand(map, at.dims));
    } else if (reach == Reach::Neighbours) {
      auto type = cast<MemRefType>(buffer.getType());
      loaded[i] = code.registers(packWidth, type.getElementType());
      code.loadPack(code.flat(buffer), linearAt(buffer, map, at), loaded[i]);
    }
  }
}

SmallVector<Value> PackedBody::body(const Position &at, Value j,
                                    ValueRange outs) {
  SmallVector<Value> dims(at.dims);
  dims.back() = code.add(dims.back(), j);
  IRMapping mapping;
  Block *source = op.getBody();
  for (auto [i, input] : llvm::enumerate(op.getDpsInputOperands())) {
    AffineMap map = op.getMatchingIndexingMap(input);
    Reach reach = reachOf(map);
    Value value = loaded[i];
    if (reach == Reach::Neighbours)
      value = code.load(value, j);
    else if (reach == Reach::Scattered)
      value = code.load(input->get(), expand(map, dims));
    mapping.map(source->getArgument(i), value);
  }
  mapping.map(source->getArguments().drop_front(op.getNumDpsInputs()), outs);
  for (Operation &inner : source->without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner))
      mapping.map(index.getResult(), dims[index.getDim()]);
    else
      code.builder.clone(inner, mapping);
  }
  return llvm::map_to_vector(
      source->getTerminator()->getOperands(),
      [&](Value value) { return mapping.lookupOrDefault(value); });
}

} // namespace pfc::cuda

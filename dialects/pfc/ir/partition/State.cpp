//===- State.cpp - Variables and outputs on one rank ----------------------===//
#include "dialects/pfc/ir/partition/Localize.h"

using namespace mlir;
using namespace pfc::partition;

namespace pfc {

LogicalResult VariableOp::partition(Partitioner &partitioner) {
  auto local = cast<VariableOp>(partitioner.builder().clone(**this));
  if (!getSharded()) {
    partitioner.set(getValue(), local.getValue(), replicated);
    return success();
  }
  // Not localType: the last row of a shard may be padding.
  RankedTensorType type = typeOf(getValue());
  SmallVector<int64_t> shape(type.getShape());
  shape[0] = llvm::divideCeil(shape[0], partitioner.worldSize());
  local.getValue().setType(RankedTensorType::get(shape, type.getElementType()));
  partitioner.set(getValue(), local.getValue(), splitRows);
  return success();
}

LogicalResult AssignOp::partition(Partitioner &partitioner) {
  return localize(partitioner, *this, {usable(partitioner, getValue())}, {});
}

/// A split value, such as the embeddings of the rank's images, stays split.
LogicalResult OutputOp::partition(Partitioner &partitioner) {
  return localize(partitioner, *this, {usable(partitioner, getValue())}, {});
}

} // namespace pfc

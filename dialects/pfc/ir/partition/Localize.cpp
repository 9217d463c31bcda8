#include "dialects/pfc/ir/partition/Localize.h"

using namespace mlir;

namespace pfc::partition {

LogicalResult localize(Partitioner &partitioner, Operation *op,
                       ArrayRef<Sharding> operands,
                       ArrayRef<Sharding> results) {
  IRMapping mapping;
  for (auto [operand, wanted] : llvm::zip_equal(op->getOperands(), operands)) {
    Value local = partitioner.get(operand, wanted);
    if (!local)
      return failure();
    mapping.map(operand, local);
  }
  Operation *local = partitioner.builder().clone(*op, mapping);
  for (auto [logical, result, sharding] :
       llvm::zip_equal(op->getResults(), local->getResults(), results)) {
    RankedTensorType type = partitioner.localType(logical, sharding);
    if (!type)
      return failure();
    result.setType(type);
    partitioner.set(logical, result, sharding);
  }
  return success();
}

} // namespace pfc::partition

//===- OpCost.h - Cost of one op --------------------------------*- C++ -*-===//
#ifndef DIALECTS_PFC_IR_OPCOST_H
#define DIALECTS_PFC_IR_OPCOST_H

#include <cstdint>

namespace mlir {
class Operation;
}

namespace pfc {

/// Exact integers for one execution of an op on one rank.
struct OpCost {
  uint64_t flops = 0;
  uint64_t bytesRead = 0;
  uint64_t bytesWritten = 0;
};

/// Every operand read once, every result written once, `flopsPerElement`
/// operations for each element of the largest result or operand.
OpCost pointwiseCost(mlir::Operation *op, uint64_t flopsPerElement);

} // namespace pfc

#endif // DIALECTS_PFC_IR_OPCOST_H

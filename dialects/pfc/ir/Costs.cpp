//===- Costs.cpp - FLOPs and bytes of one execution of each op ------------===//
//
// A multiply-add is two operations; exp, sqrt and division count as one each.
// Taps of a convolution that fall into the padding count like the others, as
// in the field's FLOP figures. Bytes are those of the algorithm: each operand
// read once, each result written once, whatever a cache does.
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/ir/PfcDialect.h"
#include "dialects/pfc/ir/TensorTypes.h"

using namespace mlir;

namespace pfc {

static uint64_t elementsOf(Value value) {
  return typeOf(value).getNumElements();
}

static uint64_t bytesOf(Value value) {
  return elementsOf(value) *
         llvm::divideCeil(typeOf(value).getElementTypeBitWidth(), 8);
}

/// All operands read, all results written, `flops` operations.
static OpCost costOf(Operation *op, uint64_t flops) {
  OpCost cost;
  cost.flops = flops;
  for (Value operand : op->getOperands())
    cost.bytesRead += bytesOf(operand);
  for (Value result : op->getResults())
    cost.bytesWritten += bytesOf(result);
  return cost;
}

OpCost pointwiseCost(Operation *op, uint64_t flopsPerElement) {
  uint64_t elements = 0;
  for (Value result : op->getResults())
    elements = std::max(elements, elementsOf(result));
  for (Value operand : op->getOperands())
    elements = std::max(elements, elementsOf(operand));
  return costOf(op, elements * flopsPerElement);
}

/// 2·(elements of the output)·(taps of the filter a channel of it has).
static uint64_t convolutionFlops(Value output, Value filter) {
  return 2 * elementsOf(output) *
         (elementsOf(filter) / typeOf(filter).getDimSize(0));
}

OpCost Conv2dOp::getCost() {
  return costOf(*this, convolutionFlops(getOutput(), getFilter()));
}
OpCost Conv2dInputGradOp::getCost() {
  return costOf(*this, convolutionFlops(getOutputGrad(), getFilter()));
}
OpCost Conv2dFilterGradOp::getCost() {
  return costOf(*this, convolutionFlops(getOutputGrad(), getFilterGrad()));
}

/// Σ(x − shift), Σ(x − shift)².
OpCost BatchStatsOp::getCost() { return pointwiseCost(*this, 4); }

/// Σdy, Σdy·(x − mean); the scale is applied once a channel.
OpCost BatchNormGradStatsOp::getCost() { return pointwiseCost(*this, 4); }

OpCost PReluSlopeGradOp::getCost() { return pointwiseCost(*this, 2); }

OpCost ChannelSumOp::getCost() { return pointwiseCost(*this, 1); }

/// Σ(x − x₀), Σ(x − x₀)².
OpCost LayerStatsOp::getCost() { return pointwiseCost(*this, 4); }

/// x̂, then Σγ·dy, Σγ·dy·x̂.
OpCost LayerNormGradStatsOp::getCost() { return pointwiseCost(*this, 6); }

OpCost LayerNormGainGradOp::getCost() { return pointwiseCost(*this, 4); }

/// The maximum; difference, scale, exp and sum; those again and the division.
OpCost SoftmaxOp::getCost() { return pointwiseCost(*this, 9); }

OpCost SoftmaxGradOp::getCost() { return pointwiseCost(*this, 5); }

/// 2·M·N·K, of each product.
static OpCost productCost(Operation *op, Value result, uint64_t contracted) {
  return costOf(op, 2 * elementsOf(result) * contracted);
}

OpCost MatmulOp::getCost() {
  RankedTensorType lhs = typeOf(getLhs());
  return productCost(
      *this, getResult(),
      lhs.getDimSize(lhs.getRank() - (getTransposeLhs() ? 2 : 1)));
}
OpCost LinearOp::getCost() {
  return productCost(*this, getOutput(), typeOf(getInput()).getDimSize(1));
}
OpCost CosineLogitsOp::getCost() {
  return productCost(*this, getCosines(),
                     typeOf(getEmbeddings()).getDimSize(1));
}

/// Bytes of as many rows of the table as there are indices.
template <typename Op>
static uint64_t bytesOfTableRows(Op op) {
  return bytesOf(op.getTable()) / typeOf(op.getTable()).getDimSize(0) *
         typeOf(op.getIndices()).getDimSize(0);
}

/// Only the rows it gathers are read, not the table.
OpCost GatherRowsOp::getCost() {
  OpCost cost;
  cost.bytesRead = bytesOfTableRows(*this) + bytesOf(getIndices());
  cost.bytesWritten = bytesOf(getRows());
  return cost;
}

/// Integer operations, about: keys go through all classes five times, in fours
/// that share a Philox block; a place of the permutation is six double rounds,
/// once or twice, and its bits are written, set and read.
OpCost SampleLocalCentersOp::getCost() {
  constexpr uint64_t ofClass = 340, ofPlace = 300;
  OpCost cost;
  uint64_t labels = elementsOf(getLabels());
  uint64_t depth = llvm::Log2_64_Ceil(std::max<uint64_t>(labels, 2));
  cost.flops = labels * depth * depth;
  if (getSampleRate().convertToDouble() < 1.0)
    cost.flops += getDraw() == Draw::Permutation
                      ? ofPlace * elementsOf(getIndices())
                      : ofClass * static_cast<uint64_t>(getShardSize());
  uint64_t drawn = getDrawn() ? bytesOf(getDrawn()) : 0;
  cost.bytesRead = bytesOf(getLabels()) + drawn;
  cost.bytesWritten = bytesOf(getIndices()) + bytesOf(getColumns()) + drawn;
  return cost;
}

/// As if all rows had been stored before.
OpCost FetchRowsOp::getCost() {
  OpCost cost;
  cost.bytesRead = bytesOfTableRows(*this) + bytesOf(getIndices());
  cost.bytesWritten = bytesOf(getRows()) + bytesOf(getSlots());
  return cost;
}

OpCost StoreRowsOp::getCost() {
  OpCost cost;
  cost.bytesRead = bytesOf(getRows()) + bytesOf(getIndices());
  cost.bytesWritten = bytesOfTableRows(*this);
  return cost;
}

/// Σw², then the division, of the rows it gathers.
OpCost GatherUnitRowsOp::getCost() {
  OpCost cost;
  cost.flops = 3 * elementsOf(getRows());
  cost.bytesRead = bytesOfTableRows(*this) + bytesOf(getIndices());
  cost.bytesWritten = bytesOf(getRows());
  return cost;
}

/// x̂·w and Σw² of a class a row.
OpCost TargetCosinesOp::getCost() {
  OpCost cost;
  cost.flops = 4 * elementsOf(getEmbeddings());
  cost.bytesRead = bytesOf(getEmbeddings()) + 4 * elementsOf(getEmbeddings()) +
                   2 * bytesOf(getColumns());
  cost.bytesWritten = bytesOf(getTargets());
  return cost;
}

/// Σw² of a class a row; its multiple added, and the sum scaled.
OpCost MarginEmbeddingsGradOp::getCost() {
  OpCost cost;
  cost.flops = 5 * elementsOf(getProducts());
  cost.bytesRead = 2 * bytesOf(getProducts()) + bytesOf(getStats()) +
                   bytesOf(getTargets()) + 2 * bytesOf(getColumns());
  cost.bytesWritten = bytesOf(getEmbeddingsGrad()) + bytesOf(getFactors());
  return cost;
}

/// Σx², then the division.
OpCost NormalizeOp::getCost() { return pointwiseCost(*this, 3); }

/// Σx², Σx·dy, then dy − x·factor, scaled.
OpCost NormalizeGradOp::getCost() { return pointwiseCost(*this, 7); }

/// log, two sums a row.
OpCost SoftmaxLossOp::getCost() {
  return costOf(*this, 3 * typeOf(getStats()).getDimSize(0));
}

/// The product; scale, exp and sum of each logit.
OpCost MarginSoftmaxOp::getCost() {
  uint64_t size = typeOf(getEmbeddings()).getDimSize(1);
  return costOf(*this, elementsOf(getExps()) * (2 * size + 3));
}

/// Two products; the row factors on both [B,D] sides.
OpCost MarginSoftmaxGradOp::getCost() {
  uint64_t size = typeOf(getEmbeddings()).getDimSize(1);
  return costOf(*this, elementsOf(getExps()) * 4 * size +
                           2 * elementsOf(getEmbeddings()));
}

/// Scale, exp and sum of each logit.
OpCost MarginExpOp::getCost() {
  return costOf(*this, 3 * elementsOf(getCosines()));
}

/// The row's factor on each element.
OpCost MarginCosinesGradOp::getCost() {
  return costOf(*this, elementsOf(getExps()));
}

/// One element a row of `exps`, in place.
OpCost MarginPatchOp::getCost() {
  uint64_t rows = elementsOf(getTargets());
  OpCost cost;
  cost.flops = 5 * rows;
  cost.bytesRead =
      bytesOf(getStats()) + bytesOf(getTargets()) + bytesOf(getColumns());
  cost.bytesWritten = rows * (bytesOf(getExps()) / elementsOf(getExps()));
  return cost;
}

/// The work of its ops on what a pass over its operands reads.
OpCost SweepOp::getCost() {
  uint64_t flops = 0;
  for (auto op : getBody().getOps<CostOpInterface>())
    flops += op.getCost().flops;
  return costOf(*this, flops);
}

OpCost SumSquaresOp::getCost() { return pointwiseCost(*this, 2); }

OpCost ChunkSumSquaresOp::getCost() { return pointwiseCost(*this, 2); }

/// Bytes of a row of the table and of the optimizer's state.
template <typename Op>
static uint64_t bytesOfRow(Op op) {
  uint64_t rows = typeOf(op.getTable()).getDimSize(0);
  uint64_t bytes = bytesOf(op.getTable());
  for (Value state : op.getState())
    bytes += bytesOf(state);
  return bytes / rows;
}

/// Of an element: three multiply-adds of SGD; of AdamW six, a root, a quotient
/// and two products.
template <typename Op>
static uint64_t updateFlops(Op op) {
  return op.getSquares() ? 16 : 6;
}

/// Of unit rows four multiply-adds more than the update's. `sampled` touches
/// the rows of the indices, `all` every row.
OpCost UpdateRowsOp::getCost() {
  bool all = getRowUpdate() == RowUpdate::All;
  uint64_t rows = typeOf(all ? getTable() : getRowsGrad()).getDimSize(0);
  OpCost cost;
  cost.flops =
      updateFlops(*this) * elementsOf(all ? getTable() : getRowsGrad());
  if (getOfUnitRows())
    cost.flops += 8 * elementsOf(getRowsGrad());
  cost.bytesWritten = rows * bytesOfRow(*this);
  cost.bytesRead =
      cost.bytesWritten + bytesOf(getRowsGrad()) + bytesOf(getIndices());
  return cost;
}

/// Of all rows but those of the indices, as if each were another row.
OpCost CoastRowsOp::getCost() {
  uint64_t rows = typeOf(getTable()).getDimSize(0);
  uint64_t touched = rows - std::min(rows, elementsOf(getIndices()));
  uint64_t size = typeOf(getTable()).getDimSize(1);
  OpCost cost;
  cost.flops = updateFlops(*this) * touched * size;
  cost.bytesWritten = touched * bytesOfRow(*this);
  cost.bytesRead = cost.bytesWritten + bytesOf(getIndices());
  return cost;
}

} // namespace pfc

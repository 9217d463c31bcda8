//===- GridOps.cpp - Collectives, rank constants, constants ---------------===//
//
// Upstream's collectives on the one-dimensional grid of ranks. Sums are in the
// order of ranks, so every rank gets the same bits.
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/ir/PfcDialect.h"
#include "dialects/pfc/reference/Registry.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinAttributes.h"

using namespace mlir;

namespace pfc::reference {

/// Whether the collective is a sum (or a gather) over all ranks, as are all
/// that the passes make.
static bool spansGrid(Group &group, ArrayRef<int16_t> axes) {
  if (axes == ArrayRef<int16_t>{0})
    return true;
  group.fail("the interpreter needs grid_axes = [0], the one axis of ranks");
  return false;
}
static bool isSum(Group &group, shard::ReductionKind reduction) {
  if (reduction == shard::ReductionKind::Sum)
    return true;
  group.fail("the interpreter only knows sums");
  return false;
}

static Tensor sumOverRanks(const std::vector<Tensor> &parts) {
  Tensor sum = parts.front();
  for (size_t rank = 1; rank < parts.size(); ++rank) {
    for (size_t i = 0; i < sum.reals.size(); ++i)
      sum.reals[i] += parts[rank].reals[i];
    for (size_t i = 0; i < sum.integers.size(); ++i)
      sum.integers[i] += parts[rank].integers[i];
  }
  return sum;
}

static void allGather(shard::AllGatherOp op, Group &group) {
  if (!spansGrid(group, op.getGridAxes()))
    return;
  Tensor whole =
      concatenate(group[op.getInput()], op.getGatherAxis().getZExtValue());
  for (Tensor &result : group.result(op.getResult()))
    result = whole;
}

static void allReduce(shard::AllReduceOp op, Group &group) {
  if (!spansGrid(group, op.getGridAxes()) || !isSum(group, op.getReduction()))
    return;
  Tensor sum = sumOverRanks(group[op.getInput()]);
  for (Tensor &result : group.result(op.getResult()))
    result = sum;
}

static void reduceScatter(shard::ReduceScatterOp op, Group &group) {
  if (!spansGrid(group, op.getGridAxes()) || !isSum(group, op.getReduction()))
    return;
  Tensor sum = sumOverRanks(group[op.getInput()]);
  unsigned axis = op.getScatterAxis().getZExtValue();
  int64_t part = sum.shape[axis] / group.ranks;
  for (int64_t rank = 0; rank < group.ranks; ++rank)
    group.result(op.getResult())[rank] = slice(sum, axis, rank * part, part);
}

static void rankConstant(RankConstantOp op, Call &call) {
  call.result(op.getValue()).integers[0] = op.evaluate(call.rank);
}

static void constant(arith::ConstantOp op, Call &call) {
  Tensor &result = call.result(op.getResult());
  auto elements = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!elements)
    return call.fail("the interpreter needs a dense constant");
  size_t i = 0;
  if (result.isInteger()) {
    bool isUnsigned = elements.getElementType().isUnsignedInteger();
    for (const APInt &value : elements.getValues<APInt>())
      result.integers[i++] = isUnsigned
                                 ? static_cast<int64_t>(value.getZExtValue())
                                 : value.getSExtValue();
  } else {
    for (APFloat value : elements.getValues<APFloat>()) {
      bool losesInfo;
      value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                    &losesInfo);
      result.reals[i++] = value.convertToDouble();
    }
  }
}

void addGridOps(Registry &registry) {
  registry.add(allGather);
  registry.add(allReduce);
  registry.add(reduceScatter);
  registry.add(rankConstant);
  registry.add(constant);
}

} // namespace pfc::reference

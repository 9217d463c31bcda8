//===- Products.cpp - Matrix products on one rank -------------------------===//
#include "dialects/pfc/ir/partition/Localize.h"

using namespace mlir;
using namespace pfc::partition;

namespace pfc {

namespace {
/// A matrix product result[m,n] = Σ_k lhs·rhs, and which dimension of each
/// operand is which extent.
struct Product {
  Value lhs, rhs, result;
  bool transposeLhs, transposeRhs;

  unsigned lhsOuter() const { return transposeLhs ? 1 : 0; }
  unsigned rhsOuter() const { return transposeRhs ? 0 : 1; }
  unsigned lhsInner() const { return 1 - lhsOuter(); }
  unsigned rhsInner() const { return 1 - rhsOuter(); }
};

struct ProductForms {
  Sharding lhs, rhs, result;
};
} // namespace

/// Operands stay as they are where the product can be taken so.
static ProductForms productForms(Partitioner &partitioner,
                                 const Product &product) {
  Sharding lhs = usable(partitioner, product.lhs);
  Sharding rhs = usable(partitioner, product.rhs);
  if (lhs.isSplit(product.lhsInner()))
    return {lhs, Sharding::split(product.rhsInner()), partial};
  if (rhs.isSplit(product.rhsOuter()))
    return {replicated, rhs, splitColumns};
  if (lhs.isSplit(product.lhsOuter()))
    return {lhs, replicated, splitRows};
  return {replicated, replicated, replicated};
}

static LogicalResult partitionProduct(Partitioner &partitioner,
                                      const Product &product, Location loc) {
  ProductForms forms = productForms(partitioner, product);
  Value lhs = partitioner.get(product.lhs, forms.lhs);
  Value rhs = partitioner.get(product.rhs, forms.rhs);
  RankedTensorType type = partitioner.localType(product.result, forms.result);
  if (!lhs || !rhs || !type)
    return failure();
  Value result = MatmulOp::create(partitioner.builder(), loc, type, lhs, rhs,
                                  product.transposeLhs, product.transposeRhs);
  partitioner.set(product.result, result, forms.result);
  return success();
}

/// Products for each g lie where their operands do.
static LogicalResult partitionBatched(Partitioner &partitioner, MatmulOp op) {
  Sharding lhs = partitioner.shardingOf(op.getLhs());
  Sharding rhs = partitioner.shardingOf(op.getRhs());
  // A sum over ranks can be made split, a replicated value can't.
  bool split = (lhs.isSplit() || rhs.isSplit()) && !lhs.isReplicated() &&
               !rhs.isReplicated();
  Sharding form = split ? splitRows : replicated;
  return localize(partitioner, op, {form, form}, {form});
}

LogicalResult MatmulOp::partition(Partitioner &partitioner) {
  if (isBatched())
    return partitionBatched(partitioner, *this);
  if (getAddend())
    return emitOpError("adds to a sum, which one rank alone does "
                       "(pfc-tile-head)");
  return partitionProduct(
      partitioner,
      {getLhs(), getRhs(), getResult(), getTransposeLhs(), getTransposeRhs()},
      getLoc());
}

LogicalResult LinearOp::partition(Partitioner &partitioner) {
  return partitionProduct(partitioner,
                          {getInput(), getWeight(), getOutput(), false, true},
                          getLoc());
}

LogicalResult CosineLogitsOp::partition(Partitioner &partitioner) {
  // Every rank scores all rows against its own class centers.
  return localize(partitioner, *this, {replicated, splitRows}, {splitColumns});
}

} // namespace pfc

//===- Partitioning.cpp - What one rank does of each op -------------------===//
//
// Forms (Partitioner.h) and the rules, with f the form of an op's data:
//
//   element-wise, statistics applied   f -> f; per-channel operands whole
//   sums over the batch                Split(0) -> Partial
//   product over a split extent        Split × Split -> Partial
//   products for each g                Split(0) × Split(0) -> Split(0)
//   indices, counts of sampled rows    Split(0), row numbers local to the shard
//   columns                            Owned
//   parameters                         whole, so that partial gradients meet
//                                      their all_reduce at pfc.sgd
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/ir/PfcDialect.h"

using namespace mlir;

namespace pfc {

static const Sharding replicated = Sharding::replicated();
static const Sharding partial = Sharding::partial();
static const Sharding owned = Sharding::owned();
static const Sharding splitRows = Sharding::split(0);
static const Sharding splitColumns = Sharding::split(1);

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// Builds `op` on one rank: operand i in form `operands[i]`, result i left in
/// form `results[i]`.
static LogicalResult localize(Partitioner &partitioner, Operation *op,
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

/// Sums over the batch: of a whole batch whole, of a split one partial.
static Sharding batchSum(Sharding batch) {
  return batch.isSplit() ? partial : batch;
}

/// The form an op that isn't linear can take `value` in: sums come whole.
static Sharding usable(Partitioner &partitioner, Value value) {
  Sharding sharding = partitioner.shardingOf(value);
  return sharding == partial ? replicated : sharding;
}

//===----------------------------------------------------------------------===//
// State
//===----------------------------------------------------------------------===//

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

//===----------------------------------------------------------------------===//
// Network
//===----------------------------------------------------------------------===//

LogicalResult ScalePixelsOp::partition(Partitioner &partitioner) {
  Sharding form = partitioner.shardingOf(getInput());
  return localize(partitioner, *this, {form}, {form});
}

LogicalResult Conv2dOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form, replicated}, {form});
}

LogicalResult Conv2dInputGradOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getOutputGrad());
  return localize(partitioner, *this, {form, replicated}, {form});
}

LogicalResult Conv2dFilterGradOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form, form}, {batchSum(form)});
}

LogicalResult BatchStatsOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  int64_t groups = typeOf(getMean()).getDimSize(0);
  if (form.isSplit() && groups != partitioner.worldSize())
    return emitOpError("has ")
           << groups << " groups, but a batch split over "
           << partitioner.worldSize()
           << " ranks needs one group for each; merge_stats makes them one";
  return localize(partitioner, *this, {form}, {form, form});
}

LogicalResult MergeStatsOp::partition(Partitioner &partitioner) {
  return localize(partitioner, *this, {replicated, replicated},
                  {replicated, replicated});
}

LogicalResult BatchNormOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  Sharding stats = usable(partitioner, getMean());
  return localize(partitioner, *this,
                  {form, stats, stats, replicated, replicated}, {form});
}

LogicalResult BatchNormGradStatsOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  Sharding stats = usable(partitioner, getMean());
  Sharding sums = stats.isReplicated() ? batchSum(form) : stats;
  return localize(partitioner, *this, {form, form, stats, stats}, {sums, sums});
}

LogicalResult BatchNormGradOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  Sharding stats = usable(partitioner, getMean());
  return localize(partitioner, *this,
                  {form, form, stats, stats, replicated, stats, stats}, {form});
}

LogicalResult PReluOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form, replicated}, {form});
}

LogicalResult PReluGradOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form, form, replicated}, {form});
}

LogicalResult PReluSlopeGradOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form, form}, {batchSum(form)});
}

LogicalResult AddOp::partition(Partitioner &partitioner) {
  Sharding lhs = partitioner.shardingOf(getLhs());
  Sharding rhs = partitioner.shardingOf(getRhs());
  // Linear: two partial sums may be added before they are reduced.
  Sharding form = lhs == rhs ? lhs : usable(partitioner, getLhs());
  return localize(partitioner, *this, {form, form}, {form});
}

/// A rank's rows are one behind the other: as many whole rows of the result,
/// where the ranks divide those.
LogicalResult ReshapeOp::partition(Partitioner &partitioner) {
  Sharding form = partitioner.shardingOf(getInput());
  if (form.form == Form::Split && !form.isSplit(0))
    form = replicated;
  return localize(partitioner, *this, {form}, {form});
}

LogicalResult AddBiasOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form, replicated}, {form});
}

LogicalResult ChannelSumOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form}, {batchSum(form)});
}

LogicalResult SumGroupsOp::partition(Partitioner &partitioner) {
  // Groups of synchronised statistics are partial sums that batch_norm_grad
  // needs whole anyway: the same all_reduce serves both.
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form}, {batchSum(form)});
}

/// What is drawn for a row is a function of its place in the whole batch.
template <typename Op>
static LogicalResult partitionDrawn(Partitioner &partitioner, Op op) {
  Sharding form = usable(partitioner, op.getInput());
  Value input = partitioner.get(op.getInput(), form);
  Value step = partitioner.get(op.getStep(), replicated);
  if (!input || !step)
    return failure();
  Value offset;
  if (form.isSplit())
    offset = partitioner.shardFirst(typeOf(op.getInput()).getDimSize(0));
  Value output = Op::create(partitioner.builder(), op.getLoc(), input, step,
                            offset, op.getRate(), op.getSeed(), op.getLayer());
  partitioner.set(op.getOutput(), output, form);
  return success();
}

LogicalResult DropoutOp::partition(Partitioner &partitioner) {
  return partitionDrawn(partitioner, *this);
}

//===----------------------------------------------------------------------===//
// Tokens
//===----------------------------------------------------------------------===//

/// Statistics of a token are where the token is.
LogicalResult LayerStatsOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form}, {form, form});
}

LogicalResult LayerNormOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this,
                  {form, form, form, replicated, replicated}, {form});
}

LogicalResult LayerNormGradStatsOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form, form, form, form, replicated},
                  {form, form});
}

LogicalResult LayerNormGradOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this,
                  {form, form, form, form, replicated, form, form}, {form});
}

LogicalResult LayerNormGainGradOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form, form, form, form},
                  {batchSum(form)});
}

LogicalResult Relu6Op::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form}, {form});
}

LogicalResult Relu6GradOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form, form}, {form});
}

LogicalResult DropPathOp::partition(Partitioner &partitioner) {
  return partitionDrawn(partitioner, *this);
}

/// An image's heads follow one another: split as the images are.
LogicalResult SplitHeadsOp::partition(Partitioner &partitioner) {
  Sharding form = partitioner.shardingOf(getInput());
  return localize(partitioner, *this, {form},
                  SmallVector<Sharding>(getNumResults(), form));
}

LogicalResult MergeHeadsOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getParts().front());
  return localize(partitioner, *this,
                  SmallVector<Sharding>(getNumOperands(), form), {form});
}

LogicalResult SoftmaxOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form}, {form});
}

LogicalResult SoftmaxGradOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getOutput());
  return localize(partitioner, *this, {form, form}, {form});
}

/// Each rank samples those of its own images.
LogicalResult SampleTokensOp::partition(Partitioner &partitioner) {
  Value step = partitioner.get(getStep(), replicated);
  RankedTensorType kept = partitioner.localType(getKept(), splitRows);
  RankedTensorType slots = partitioner.localType(getSlots(), splitRows);
  if (!step || !kept || !slots)
    return failure();
  Value offset = partitioner.shardFirst(typeOf(getSlots()).getDimSize(0));
  auto local = SampleTokensOp::create(partitioner.builder(), getLoc(), kept,
                                      slots, slots, step, offset, getSeed());
  for (auto [logical, result] : llvm::zip(getResults(), local.getResults()))
    partitioner.set(logical, result, splitRows);
  return success();
}

LogicalResult GatherTokensOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getKept());
  return localize(partitioner, *this, {form, form, form}, {form});
}

LogicalResult RestoreTokensOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getKept());
  SmallVector<Sharding> operands{form, form, form};
  if (getMask())
    operands.push_back(replicated);
  return localize(partitioner, *this, operands, {form});
}

LogicalResult MaskTokenGradOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getSlots());
  return localize(partitioner, *this, {form, form}, {batchSum(form)});
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

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

//===----------------------------------------------------------------------===//
// Head
//===----------------------------------------------------------------------===//

LogicalResult SampleCentersOp::partition(Partitioner &partitioner) {
  Value labels = partitioner.get(getLabels(), replicated);
  Value step = partitioner.get(getStep(), replicated);
  RankedTensorType indices = partitioner.localType(getIndices(), splitRows);
  RankedTensorType used = partitioner.localType(getCounts(), splitRows);
  if (!labels || !step || !indices || !used)
    return failure();
  int64_t classes = getClasses();
  Value first = partitioner.shardFirst(classes);
  Value count = partitioner.shardCount(classes);
  auto local = SampleLocalCentersOp::create(
      partitioner.builder(), getLoc(), indices, used, getColumns().getType(),
      labels, step, first, count, partitioner.rank(),
      llvm::divideCeil(classes, partitioner.worldSize()), getSampleRate(),
      getSeed(), getDraw());
  partitioner.set(getIndices(), local.getIndices(), splitRows);
  partitioner.set(getCounts(), local.getUsed(), splitRows);
  partitioner.set(getColumns(), local.getColumns(), owned);
  return success();
}

LogicalResult GatherRowsOp::partition(Partitioner &partitioner) {
  return localize(partitioner, *this, {splitRows, splitRows}, {splitRows});
}

LogicalResult NormalizeOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form}, {form});
}

LogicalResult NormalizeGradOp::partition(Partitioner &partitioner) {
  // The sum over ranks of an embedding's gradient is wanted where the
  // embedding is: a reduce_scatter, not an all_reduce.
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form, form}, {form});
}

LogicalResult RowNormsOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form}, {form});
}

LogicalResult AdaptiveMarginsOp::partition(Partitioner &partitioner) {
  // Statistics of the whole batch: the same on every rank.
  return localize(partitioner, *this, {replicated, replicated, replicated},
                  {replicated, replicated, replicated});
}

LogicalResult MarginOp::partition(Partitioner &partitioner) {
  SmallVector<Sharding> operands{splitColumns, owned};
  if (getRowMargins())
    operands.push_back(replicated);
  return localize(partitioner, *this, operands, {splitColumns});
}

LogicalResult MarginGradOp::partition(Partitioner &partitioner) {
  SmallVector<Sharding> operands{splitColumns, splitColumns, owned};
  if (getRowMargins())
    operands.push_back(replicated);
  return localize(partitioner, *this, operands, {splitColumns});
}

LogicalResult SoftmaxCrossEntropyOp::partition(Partitioner &partitioner) {
  Value logits = partitioner.get(getLogits(), splitColumns);
  Value columns = partitioner.get(getColumns(), owned);
  Value used = partitioner.get(getCounts(), splitRows);
  if (!logits || !columns || !used)
    return failure();
  OpBuilder &builder = partitioner.builder();
  Value part = SoftmaxStatsOp::create(builder, getLoc(), getStats().getType(),
                                      logits, columns, used, getShift());
  partitioner.set(getStats(), part, partial);
  Value stats = partitioner.get(getStats(), replicated);
  if (!stats)
    return failure();
  Value loss = SoftmaxLossOp::create(builder, getLoc(), getLoss().getType(),
                                     stats, getShift());
  partitioner.set(getLoss(), loss, replicated);
  return success();
}

LogicalResult SoftmaxCrossEntropyGradOp::partition(Partitioner &partitioner) {
  SmallVector<Sharding> operands{splitColumns, owned, splitRows, replicated};
  if (getLossScale())
    operands.push_back(replicated);
  return localize(partitioner, *this, operands, {splitColumns});
}

//===----------------------------------------------------------------------===//
// Optimizer
//===----------------------------------------------------------------------===//

LogicalResult MovingAverageOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getAverage());
  return localize(partitioner, *this, {form, form}, {form});
}

LogicalResult SumSquaresOp::partition(Partitioner &partitioner) {
  Sharding form = usable(partitioner, getInput());
  return localize(partitioner, *this, {form}, {batchSum(form)});
}

LogicalResult ClipFactorOp::partition(Partitioner &partitioner) {
  SmallVector<Sharding> operands(getNumOperands(), replicated);
  return localize(partitioner, *this, operands, {replicated, replicated});
}

/// Each rank looks at what it has; the flags are added.
LogicalResult FoundInfOp::partition(Partitioner &partitioner) {
  SmallVector<Sharding> operands;
  for (Value sum : getSums())
    operands.push_back(partitioner.shardingOf(sum));
  return localize(partitioner, *this, operands, {partial});
}

LogicalResult UpdateLossScaleOp::partition(Partitioner &partitioner) {
  SmallVector<Sharding> results(getNumResults(), replicated);
  return localize(partitioner, *this, {replicated, replicated, replicated},
                  results);
}

/// Each element by itself, where the parameter is.
static LogicalResult partitionOptimizer(Partitioner &partitioner,
                                        OptimizerOpInterface op) {
  Sharding form = usable(partitioner, op.getVariables().front());
  SmallVector<Sharding> results(op->getNumResults(), form);
  SmallVector<Sharding> operands(op->getNumResults() + 1, form);
  operands.append(op->getNumOperands() - operands.size(), replicated);
  return localize(partitioner, op, operands, results);
}

LogicalResult SgdOp::partition(Partitioner &partitioner) {
  return partitionOptimizer(partitioner, *this);
}

LogicalResult AdamWOp::partition(Partitioner &partitioner) {
  return partitionOptimizer(partitioner, *this);
}

LogicalResult BiasCorrectionsOp::partition(Partitioner &partitioner) {
  SmallVector<Sharding> operands(getNumOperands(), replicated);
  return localize(partitioner, *this, operands, {replicated, replicated});
}

LogicalResult UpdateRowsOp::partition(Partitioner &partitioner) {
  bool complete = true;
  auto operand = [&](Value value, const Sharding &form) {
    Value local = value ? partitioner.get(value, form) : Value();
    complete &= !value == !local;
    return local;
  };
  Value table = operand(getTable(), splitRows);
  Value momentum = operand(getMomentum(), splitRows);
  Value squares = operand(getSquares(), splitRows);
  Value correction1 = operand(getCorrection1(), replicated);
  Value correction2 = operand(getCorrection2(), replicated);
  Value indices = operand(getIndices(), splitRows);
  Value rows = operand(getRowsGrad(), splitRows);
  Value lr = operand(getLr(), replicated);
  Value unscale = operand(getUnscale(), replicated);
  Value foundInf = operand(getFoundInf(), replicated);
  Value step = operand(getStep(), replicated);
  if (!complete)
    return failure();
  int64_t classes = typeOf(getTable()).getDimSize(0);
  Value first = step ? partitioner.shardFirst(classes) : Value();
  Value count = partitioner.shardCount(classes);
  auto local = UpdateRowsOp::create(
      partitioner.builder(), getLoc(), table, momentum, squares, correction1,
      correction2, indices, rows, lr, count, unscale, foundInf, step, first,
      RowUpdate::Sampled, getOfUnitRows(), getMu(), getBeta2Attr(),
      getEpsAttr(), getWeightDecay(), getSeed());
  ResultRange updated = local->getResults();
  if (getRowUpdate() == RowUpdate::All)
    updated = CoastRowsOp::create(partitioner.builder(), getLoc(),
                                  local.getNewTable(), local.getNewMomentum(),
                                  local.getNewSquares(), correction1,
                                  correction2, indices, lr, count, foundInf,
                                  step, first, getMu(), getBeta2Attr(),
                                  getEpsAttr(), getWeightDecay(), getSeed())
                  ->getResults();
  for (auto [result, value] : llvm::zip_equal(getResults(), updated))
    partitioner.set(result, value, splitRows);
  return success();
}

} // namespace pfc

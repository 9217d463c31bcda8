//===- Verifiers.cpp - The constraints of the ops -------------------------===//
//
// Constraint numbers (C1) … are those of the op descriptions in ops/*.td.
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/ir/PfcDialect.h"
#include "runtime/base/ClassPermutation.h"

using namespace mlir;

namespace pfc {

/// The types of a table's state: `momentum bf16`, where the momentum's elements
/// are not the table's; squares are always f32.
static ParseResult
parseStateTypes(OpAsmParser &parser, Type &momentum, Type &squares,
                const std::optional<OpAsmParser::UnresolvedOperand> &adamw,
                Type table) {
  momentum = table;
  auto shaped = dyn_cast<RankedTensorType>(table);
  if (adamw)
    squares = shaped ? shaped.clone(parser.getBuilder().getF32Type()) : table;
  if (failed(parser.parseOptionalKeyword("momentum")))
    return success();
  Type element;
  SMLoc loc = parser.getCurrentLocation();
  if (failed(parser.parseType(element)))
    return failure();
  if (!shaped || !isa<FloatType>(element))
    return parser.emitError(loc,
                            "expected a float type of a tensor's elements");
  momentum = shaped.clone(element);
  return success();
}

static void printStateTypes(OpAsmPrinter &printer, Operation *, Type momentum,
                            Type, Value, Type table) {
  if (momentum != table)
    printer << " momentum "
            << cast<RankedTensorType>(momentum).getElementType();
}

} // namespace pfc

#define GET_OP_CLASSES
#include "dialects/pfc/ir/PfcOps.cpp.inc"

namespace pfc {

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

/// Checks that `value`, called `name`, has shape `expected`.
static LogicalResult verifyShape(Operation *op, Value value, StringRef name,
                                 ArrayRef<int64_t> expected) {
  if (shapeOf(value) == expected)
    return success();
  InFlightDiagnostic error = op->emitOpError(name) << " must be [";
  llvm::interleaveComma(expected, error);
  return error << "]";
}

static LogicalResult verifyMatrix(Operation *op, Value value, StringRef name) {
  if (shapeOf(value).size() == 2)
    return success();
  return op->emitOpError(name) << " must be a matrix";
}

int64_t RankConstantOp::evaluate(int64_t rank) {
  return getBase() + getPerRank() * rank +
         (rank < static_cast<int64_t>(getThreshold()) ? getBelow() : 0) +
         getPerCappedRank() * std::min<int64_t>(rank, getThreshold());
}

//===----------------------------------------------------------------------===//
// Convolution
//===----------------------------------------------------------------------===//

/// Checks the three tensors of a convolution, whichever op they belong to.
static LogicalResult verifyConv(Operation *op, ArrayRef<int64_t> input,
                                ArrayRef<int64_t> filter,
                                ArrayRef<int64_t> output, int64_t stride,
                                int64_t padding) {
  if (input.size() != 4 || filter.size() != 4 || output.size() != 4)
    return op->emitOpError("takes NHWC activations and OHWI filters, all of "
                           "four dimensions");
  if (stride < 1 || padding < 0)
    return op->emitOpError("needs stride >= 1 and padding >= 0");
  if (filter[3] < 1 || input[3] % filter[3] != 0) // (C1)
    return op->emitOpError("filter has ")
           << filter[3] << " input channels but the input has " << input[3];
  int64_t groups = input[3] / filter[3];
  if (groups < 1 || filter[0] % groups != 0) // (C1)
    return op->emitOpError("has ")
           << filter[0] << " filters for " << groups << " groups of channels";
  if (input[1] + 2 * padding < filter[1] || input[2] + 2 * padding < filter[2])
    return op->emitOpError("has a filter larger than the padded input");
  auto extent = [&](int64_t in, int64_t kernel) {
    return (in + 2 * padding - kernel) / stride + 1;
  };
  SmallVector<int64_t> expected{input[0], extent(input[1], filter[1]),
                                extent(input[2], filter[2]), filter[0]};
  if (output != ArrayRef<int64_t>(expected)) // (C2)
    return op->emitOpError("output shape must be [")
           << expected[0] << ", " << expected[1] << ", " << expected[2] << ", "
           << expected[3] << "]";
  return success();
}

LogicalResult Conv2dOp::verify() {
  return verifyConv(*this, shapeOf(getInput()), shapeOf(getFilter()),
                    shapeOf(getOutput()), getStride(), getPadding());
}
LogicalResult Conv2dInputGradOp::verify() {
  return verifyConv(*this, shapeOf(getInputGrad()), shapeOf(getFilter()),
                    shapeOf(getOutputGrad()), getStride(), getPadding());
}
LogicalResult Conv2dFilterGradOp::verify() {
  return verifyConv(*this, shapeOf(getInput()), shapeOf(getFilterGrad()),
                    shapeOf(getOutputGrad()), getStride(), getPadding());
}

//===----------------------------------------------------------------------===//
// Batch norm, PReLU
//===----------------------------------------------------------------------===//

/// Statistics [G,C] for an input [B,…,C] with G dividing B.
static LogicalResult verifyStats(Operation *op, ArrayRef<int64_t> input,
                                 Value stats) {
  ArrayRef<int64_t> shape = shapeOf(stats);
  if (input.size() < 2 || shape.size() != 2)
    return op->emitOpError("takes an input [B,…,C] and statistics [G,C]");
  if (shape[1] != input.back())
    return op->emitOpError("statistics are of ")
           << shape[1] << " channels but the input has " << input.back();
  if (shape[0] < 1 || input[0] % shape[0] != 0)
    return op->emitOpError("the number of groups (")
           << shape[0] << ") must divide the batch (" << input[0] << ")";
  return success();
}

static LogicalResult verifyPerChannel(Operation *op, ArrayRef<int64_t> input,
                                      Value vector, StringRef what) {
  if (shapeOf(vector) != ArrayRef<int64_t>{input.back()})
    return op->emitOpError(what)
           << " must have one element a channel (" << input.back() << ")";
  return success();
}

LogicalResult BatchStatsOp::verify() {
  return verifyStats(*this, shapeOf(getInput()), getMean());
}
LogicalResult MergeStatsOp::verify() {
  ArrayRef<int64_t> in = shapeOf(getMean()), out = shapeOf(getMergedMean());
  if (in.size() != 2 || out.size() != 2 || out[0] != 1 || in[1] != out[1])
    return emitOpError("merges statistics [G,C] to [1,C]");
  return success();
}
LogicalResult BatchNormOp::verify() {
  ArrayRef<int64_t> input = shapeOf(getInput());
  if (failed(verifyStats(*this, input, getMean())) ||
      failed(verifyPerChannel(*this, input, getGamma(), "gamma")))
    return failure();
  return success();
}
LogicalResult BatchNormGradStatsOp::verify() {
  return verifyStats(*this, shapeOf(getInput()), getMean());
}
LogicalResult BatchNormGradOp::verify() {
  ArrayRef<int64_t> input = shapeOf(getInput());
  if (failed(verifyStats(*this, input, getMean())) ||
      failed(verifyPerChannel(*this, input, getGamma(), "gamma")))
    return failure();
  if (getCount() < 1)
    return emitOpError("count must be the number of elements of a statistic");
  return success();
}
LogicalResult PReluGradOp::verify() {
  return verifyPerChannel(*this, shapeOf(getInput()), getSlope(), "slope");
}
LogicalResult PReluSlopeGradOp::verify() {
  return verifyPerChannel(*this, shapeOf(getInput()), getSlopeGrad(),
                          "slope_grad");
}
LogicalResult AddBiasOp::verify() {
  return verifyPerChannel(*this, shapeOf(getInput()), getBias(), "bias");
}
LogicalResult ChannelSumOp::verify() {
  return verifyPerChannel(*this, shapeOf(getInput()), getOutput(), "output");
}
LogicalResult SumGroupsOp::verify() {
  if (failed(verifyMatrix(*this, getInput(), "input")))
    return failure();
  return verifyPerChannel(*this, shapeOf(getInput()), getOutput(), "output");
}
LogicalResult PReluOp::verify() {
  return verifyPerChannel(*this, shapeOf(getInput()), getSlope(), "slope");
}

//===----------------------------------------------------------------------===//
// Tokens
//===----------------------------------------------------------------------===//

/// Statistics [B,…] of an input [B,…,C].
static LogicalResult verifyTokenStats(Operation *op, ArrayRef<int64_t> input,
                                      Value stats) {
  if (input.size() < 2)
    return op->emitOpError("takes an input [B,…,C]");
  return verifyShape(op, stats, "a statistic", input.drop_back());
}

LogicalResult LayerStatsOp::verify() {
  return verifyTokenStats(*this, shapeOf(getInput()), getMean());
}
LogicalResult LayerNormOp::verify() {
  ArrayRef<int64_t> input = shapeOf(getInput());
  if (failed(verifyTokenStats(*this, input, getMean())))
    return failure();
  return verifyPerChannel(*this, input, getGamma(), "gamma");
}
LogicalResult LayerNormGradStatsOp::verify() {
  ArrayRef<int64_t> input = shapeOf(getInput());
  if (failed(verifyTokenStats(*this, input, getMean())))
    return failure();
  return verifyPerChannel(*this, input, getGamma(), "gamma");
}
LogicalResult LayerNormGradOp::verify() {
  ArrayRef<int64_t> input = shapeOf(getInput());
  if (failed(verifyTokenStats(*this, input, getMean())))
    return failure();
  return verifyPerChannel(*this, input, getGamma(), "gamma");
}
LogicalResult LayerNormGainGradOp::verify() {
  ArrayRef<int64_t> input = shapeOf(getInput());
  if (failed(verifyTokenStats(*this, input, getMean())))
    return failure();
  return verifyPerChannel(*this, input, getGammaGrad(), "gamma_grad");
}

LogicalResult DropPathOp::verify() {
  double rate = getRate().convertToDouble();
  if (!(rate >= 0.0 && rate < 1.0))
    return emitOpError("rate must be in [0, 1)");
  return success();
}

/// Tokens [B,…,n·h·d] and n parts [B·h,T,d] (C1).
static LogicalResult verifyHeads(Operation *op, Value tokens, ValueRange parts,
                                 int64_t heads) {
  ArrayRef<int64_t> shape = shapeOf(tokens);
  int64_t count = static_cast<int64_t>(parts.size()) * heads;
  if (shape.size() < 3 || parts.empty() || heads < 1 ||
      shape.back() % count != 0)
    return op->emitOpError("takes tokens [B,…,C] whose channels ")
           << heads << " heads of " << parts.size() << " parts divide";
  int64_t positions = 1;
  for (int64_t extent : shape.drop_front().drop_back())
    positions *= extent;
  for (Value part : parts)
    if (failed(
            verifyShape(op, part, "a part",
                        {shape[0] * heads, positions, shape.back() / count})))
      return failure();
  return success();
}

LogicalResult SplitHeadsOp::verify() {
  return verifyHeads(*this, getInput(), getParts(), getHeads());
}
LogicalResult MergeHeadsOp::verify() {
  return verifyHeads(*this, getOutput(), getParts(), getHeads());
}

LogicalResult SoftmaxOp::verify() {
  if (!(getScale().convertToDouble() > 0.0)) // (C1)
    return emitOpError("needs scale > 0");
  return verifyShape(*this, getOutput(), "output", shapeOf(getInput()));
}

LogicalResult SampleTokensOp::verify() {
  ArrayRef<int64_t> kept = shapeOf(getKept()), slots = shapeOf(getSlots());
  if (kept.size() != 2 || slots.size() != 2 || kept[0] != slots[0])
    return emitOpError("makes kept [B,K] and slots [B,T]");
  if (kept[1] > slots[1]) // (C1)
    return emitOpError("keeps ") << kept[1] << " of " << slots[1] << " tokens";
  return success();
}

/// All tokens [B,T,1,C], some of them [B,K,1,C], kept [B,K], slots [B,T].
static LogicalResult verifyTokens(Operation *op, Value all, Value some,
                                  Value kept, Value slots) {
  ArrayRef<int64_t> whole = shapeOf(all), part = shapeOf(some);
  if (whole.size() != 4 || part.size() != 4 || whole[2] != 1 || part[2] != 1 ||
      whole[0] != part[0] || whole[3] != part[3])
    return op->emitOpError("takes tokens [B,T,1,C] and [B,K,1,C]");
  if (failed(verifyShape(op, kept, "kept", {part[0], part[1]})))
    return failure();
  return verifyShape(op, slots, "slots", {whole[0], whole[1]});
}

LogicalResult GatherTokensOp::verify() {
  return verifyTokens(*this, getInput(), getOutput(), getKept(), getSlots());
}
LogicalResult RestoreTokensOp::verify() {
  if (failed(
          verifyTokens(*this, getOutput(), getInput(), getKept(), getSlots())))
    return failure();
  return getMask()
             ? verifyPerChannel(*this, shapeOf(getInput()), getMask(), "mask")
             : success();
}
LogicalResult MaskTokenGradOp::verify() {
  ArrayRef<int64_t> grad = shapeOf(getOutputGrad());
  if (grad.size() != 4 || grad[2] != 1)
    return emitOpError("takes tokens [B,T,1,C]");
  if (failed(verifyShape(*this, getSlots(), "slots", {grad[0], grad[1]})))
    return failure();
  return verifyPerChannel(*this, grad, getMaskGrad(), "mask_grad");
}

//===----------------------------------------------------------------------===//
// Shapes and products
//===----------------------------------------------------------------------===//

LogicalResult ScalePixelsOp::verify() {
  return verifyShape(*this, getOutput(), "output", shapeOf(getInput()));
}
LogicalResult CastOp::verify() {
  return verifyShape(*this, getOutput(), "output", shapeOf(getInput()));
}
LogicalResult ScaleRowsOp::verify() {
  if (failed(verifyMatrix(*this, getInput(), "input")) ||
      failed(verifyShape(*this, getOutput(), "output", shapeOf(getInput()))))
    return failure();
  return verifyShape(*this, getFactors(), "factors", shapeOf(getInput())[0]);
}
LogicalResult DropoutOp::verify() {
  double rate = getRate().convertToDouble();
  if (!(rate >= 0.0 && rate < 1.0))
    return emitOpError("rate must be in [0, 1)");
  if (failed(verifyMatrix(*this, getInput(), "input")))
    return failure();
  return verifyShape(*this, getStep(), "step", {1});
}
LogicalResult NormalizeOp::verify() {
  return verifyMatrix(*this, getInput(), "input");
}
LogicalResult NormalizeGradOp::verify() {
  return verifyMatrix(*this, getInput(), "input");
}
LogicalResult SumSquaresOp::verify() {
  return verifyShape(*this, getOutput(), "output", {1});
}
LogicalResult ClipFactorOp::verify() {
  if (!(getLimit().convertToDouble() > 0.0))
    return emitOpError("limit must be above 0");
  return verifyShape(*this, getSumSquares(), "sum_squares", {1});
}

LogicalResult FoundInfOp::verify() {
  if (getSums().empty())
    return emitOpError("needs a sum to look at");
  return success();
}
LogicalResult UpdateLossScaleOp::verify() {
  double growth = getGrowth().convertToDouble();
  double backoff = getBackoff().convertToDouble();
  if (!(growth > 1.0) || !(backoff > 0.0 && backoff < 1.0))
    return emitOpError("needs growth above 1 and backoff in (0, 1)");
  if (static_cast<int64_t>(getInterval()) < 1)
    return emitOpError("interval must be at least 1");
  return success();
}

/// `tensors` fill `bucket`, one behind the other.
static LogicalResult verifyBucket(Operation *op, Value bucket,
                                  ValueRange tensors) {
  auto type = cast<RankedTensorType>(bucket.getType());
  int64_t elements = 0;
  for (Value tensor : tensors) {
    auto part = cast<RankedTensorType>(tensor.getType());
    if (part.getElementType() != type.getElementType() ||
        !fillsBucketRows(part)) // (C1)
      return op->emitOpError("of ")
             << type << " can't hold " << part << ": " << bucketRowBytes
             << "-byte rows of " << type.getElementType() << " are wanted";
    elements += part.getNumElements();
  }
  if (tensors.empty() || type.getRank() == 0 ||
      type.getShape().back() != elements ||
      type.getNumElements() != elements) // (C2)
    return op->emitOpError("has tensors of ")
           << elements << " elements for " << type;
  return success();
}

LogicalResult BucketOp::verify() {
  return verifyBucket(*this, getBucket(), getTensors());
}
LogicalResult UnbucketOp::verify() {
  return verifyBucket(*this, getBucket(), getTensors());
}

LogicalResult ChunkSumSquaresOp::verify() {
  ArrayRef<int64_t> input = shapeOf(getInput());
  if (getChunk() < 1 || input.size() != 1)
    return emitOpError("takes a vector, in chunks of at least 1");
  return verifyShape(*this, getOutput(), "output",
                     {llvm::divideCeil(input[0], getChunk())});
}

LogicalResult ReshapeOp::verify() {
  auto in = cast<RankedTensorType>(getInput().getType());
  auto out = cast<RankedTensorType>(getOutput().getType());
  if (in.getElementType() != out.getElementType() ||
      in.getNumElements() != out.getNumElements()) // (C1)
    return emitOpError("must keep the element type and count");
  auto [fewer, more] = std::minmax({in.getDimSize(0), out.getDimSize(0)});
  if (more % fewer != 0) // (C2)
    return emitOpError("must merge or split rows of dimension 0, not make ")
           << out.getDimSize(0) << " of " << in.getDimSize(0);
  return success();
}

LogicalResult MatmulOp::verify() {
  ArrayRef<int64_t> lhs = shapeOf(getLhs()), rhs = shapeOf(getRhs()),
                    result = shapeOf(getResult());
  if (lhs.size() != rhs.size() || rhs.size() != result.size() ||
      (lhs.size() != 2 && lhs.size() != 3))
    return emitOpError("takes matrices, or as many of each");
  if (isBatched()) {
    if (getAddend()) // (C4)
      return emitOpError("for each g has no addend");
    if (lhs[0] != result[0] || rhs[0] != result[0]) // (C4)
      return emitOpError("of ") << lhs[0] << " by " << rhs[0]
                                << " matrices can't make " << result[0];
    lhs = lhs.drop_front();
    rhs = rhs.drop_front();
    result = result.drop_front();
  }
  bool tl = getTransposeLhs(), tr = getTransposeRhs();
  int64_t m = lhs[tl ? 1 : 0], k = lhs[tl ? 0 : 1];
  int64_t kr = rhs[tr ? 1 : 0], n = rhs[tr ? 0 : 1];
  if (k != kr) // (C1)
    return emitOpError("contracts ") << k << " with " << kr << " elements";
  if (result[0] != m || result[1] != n) // (C2)
    return emitOpError("result must be [") << m << ", " << n << "]";
  if (getAddend() && getAddend().getType() != getResult().getType()) // (C3)
    return emitOpError("adds to ") << getAddend().getType() << ", which "
                                   << getResult().getType() << " is not";
  return success();
}

LogicalResult SliceOp::verify() {
  auto whole = cast<RankedTensorType>(getInput().getType());
  auto part = cast<RankedTensorType>(getOutput().getType());
  if (whole.getRank() < 1 || whole.getRank() != part.getRank() ||
      whole.getElementType() != part.getElementType() ||
      whole.getShape().drop_front() != part.getShape().drop_front()) // (C1)
    return emitOpError("takes rows of ") << whole << ", not " << part;
  int64_t from = getFrom();
  if (from < 0 || from + part.getDimSize(0) > whole.getDimSize(0)) // (C2)
    return emitOpError("has no rows [")
           << from << ", " << from + part.getDimSize(0) << ") in " << whole;
  int64_t rowBits = whole.getNumElements() / whole.getDimSize(0) *
                    whole.getElementTypeBitWidth();
  if (from * rowBits % (64 * 8) != 0) // (C3)
    return emitOpError("must begin at a multiple of 64 bytes");
  return success();
}

/// result[i,j] = lhs[i,:]·rhs[j,:].
static LogicalResult verifyRowProducts(Operation *op, Value lhs, Value rhs,
                                       Value result) {
  ArrayRef<int64_t> l = shapeOf(lhs), r = shapeOf(rhs), out = shapeOf(result);
  if (l.size() != 2 || r.size() != 2 || out.size() != 2 || l[1] != r[1] ||
      out[0] != l[0] || out[1] != r[0])
    return op->emitOpError("takes [M,K] and [N,K] to [M,N]");
  return success();
}

LogicalResult LinearOp::verify() {
  return verifyRowProducts(*this, getInput(), getWeight(), getOutput());
}
LogicalResult CosineLogitsOp::verify() {
  return verifyRowProducts(*this, getEmbeddings(), getCenters(), getCosines());
}

//===----------------------------------------------------------------------===//
// Head
//===----------------------------------------------------------------------===//

/// A draw needs no array of the shard's size, but its numbers must fit.
static LogicalResult verifyDraw(Operation *op, Draw draw, int64_t shard) {
  if (draw == Draw::Permutation && shard > rt::ClassPermutation::maxShard)
    return op->emitOpError("can't permute a shard of ")
           << shard << " classes; at most " << rt::ClassPermutation::maxShard;
  return success();
}

LogicalResult SampleCentersOp::verify() {
  int64_t shards = shapeOf(getCounts())[0], classes = getClasses();
  double rate = getSampleRate().convertToDouble();
  if (shards < 1 || classes < shards) // (C1)
    return emitOpError("cannot split ")
           << classes << " classes over " << shards
           << " ranks: every rank needs at least one";
  if (!(rate >= 0.0 && rate <= 1.0))
    return emitOpError("sample rate must be in [0, 1]");
  int64_t largest = (classes + shards - 1) / shards;
  if (failed(verifyDraw(*this, getDraw(), largest)))
    return failure();
  int64_t batch = shapeOf(getLabels())[0];
  int64_t needed =
      rate == 1.0
          ? largest
          : std::min(largest, std::max(static_cast<int64_t>(rate * largest),
                                       std::min(batch, largest)));
  if (static_cast<int64_t>(getCapacity()) < needed) // (C2)
    return emitOpError("capacity must be at least ") << needed;
  if (shapeOf(getIndices())[0] != shards * static_cast<int64_t>(getCapacity()))
    return emitOpError("indices must have capacity slots for each shard");
  return success();
}

LogicalResult GatherRowsOp::verify() {
  ArrayRef<int64_t> table = shapeOf(getTable()), rows = shapeOf(getRows());
  if (table.size() != 2 || rows.size() != 2 || table[1] != rows[1] ||
      rows[0] != shapeOf(getIndices())[0])
    return emitOpError("takes table [C,D] and indices [S] to rows [S,D]");
  return success();
}

LogicalResult SoftmaxCrossEntropyOp::verify() {
  ArrayRef<int64_t> logits = shapeOf(getLogits());
  if (logits.size() != 2 || logits[1] % shapeOf(getCounts())[0] != 0)
    return emitOpError("the logits' columns must be equal shards, one a count");
  if (shapeOf(getStats()) != ArrayRef<int64_t>{logits[0], 2})
    return emitOpError("stats must be [B,2]");
  return success();
}

/// Results are the table and its state, anew.
template <typename Op>
static LogicalResult inferRowTypes(typename Op::Adaptor adaptor,
                                   SmallVectorImpl<Type> &types) {
  types.assign({adaptor.getTable().getType(), adaptor.getMomentum().getType()});
  if (Value squares = adaptor.getSquares())
    types.push_back(squares.getType());
  return success();
}

/// The state lies as its table does.
template <typename Op>
static LogicalResult verifyState(Op op) {
  ArrayRef<int64_t> table = shapeOf(op.getTable());
  if (failed(verifyShape(op, op.getMomentum(), "momentum", table)) ||
      (op.getSquares() &&
       failed(verifyShape(op, op.getSquares(), "squares", table))))
    return failure();
  bool adamw = op.getSquares() != nullptr;
  for (bool part :
       {op.getCorrection1() != nullptr, op.getCorrection2() != nullptr,
        op.getBeta2().has_value(), op.getEps().has_value()})
    if (part != adamw) // (C2)
      return op.emitOpError("takes squares, two corrections, beta2 and eps, or "
                            "none of them");
  return success();
}

static bool isBf16(Value value) {
  return cast<RankedTensorType>(value.getType()).getElementType().isBF16();
}

/// Whoever rounds a bf16 table must know the step, and a f32 table stays as it
/// is.
template <typename Op>
static LogicalResult verifyRounding(Op op) {
  if (isBf16(op.getTable()) == (op.getStep() != nullptr)) // (C1)
    return success();
  return op.emitOpError(op.getStep() ? "rounds a table that is not bf16"
                                     : "does not say how a bf16 table is "
                                       "rounded");
}

LogicalResult
UpdateRowsOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                               ValueRange operands, DictionaryAttr attributes,
                               OpaqueProperties properties, RegionRange regions,
                               SmallVectorImpl<Type> &types) {
  return inferRowTypes<UpdateRowsOp>(
      {operands, attributes, properties, regions}, types);
}

LogicalResult UpdateRowsOp::verify() {
  if (failed(verifyState(*this)) || failed(verifyRounding(*this)))
    return failure();
  ArrayRef<int64_t> table = shapeOf(getTable()), rows = shapeOf(getRowsGrad());
  if (table.size() != 2 || rows.size() != 2 || table[1] != rows[1] ||
      rows[0] != shapeOf(getIndices())[0])
    return emitOpError(
        "takes table [C,D], indices [S] and row gradients [S,D]");
  return success();
}

LogicalResult
CoastRowsOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                              ValueRange operands, DictionaryAttr attributes,
                              OpaqueProperties properties, RegionRange regions,
                              SmallVectorImpl<Type> &types) {
  return inferRowTypes<CoastRowsOp>({operands, attributes, properties, regions},
                                    types);
}

LogicalResult CoastRowsOp::verify() {
  if (failed(verifyState(*this)) || failed(verifyRounding(*this)))
    return failure();
  return verifyMatrix(*this, getTable(), "table");
}

/// A table [C,D], and its rows [S,D] at indices [S].
template <typename Op>
static LogicalResult verifyRowsOf(Op op) {
  ArrayRef<int64_t> table = shapeOf(op.getTable()),
                    rows = shapeOf(op.getRows());
  if (table.size() != 2 || rows.size() != 2 || table[1] != rows[1] ||
      rows[0] != shapeOf(op.getIndices())[0])
    return op.emitOpError("takes table [C,D], indices [S] and rows [S,D]");
  return success();
}

LogicalResult FetchRowsOp::verify() {
  if (failed(verifyRowsOf(*this)))
    return failure();
  if (!getFirstRow() != !getInit()) // (C1)
    return emitOpError("needs both `init` and its first row, or neither");
  return verifyShape(*this, getSlots(), "slots", shapeOf(getIndices()));
}

LogicalResult StoreRowsOp::verify() {
  if (getStep() && !isBf16(getTable()))
    return emitOpError("rounds a table that is not bf16");
  return verifyRowsOf(*this);
}

LogicalResult ScatterRowsOp::verify() {
  ArrayRef<int64_t> rows = shapeOf(getRows()), table = shapeOf(getTableGrad());
  if (rows.size() != 2 || table.size() != 2 || rows[1] != table[1] ||
      rows[0] != shapeOf(getIndices())[0])
    return emitOpError("takes rows [S,D] and indices [S] to a table [C,D]");
  return success();
}

/// A matrix [B,S] of logits, cosines or exponentials with a column for each
/// row.
static LogicalResult verifyRowsAndColumns(Operation *op, Value matrix,
                                          StringRef name, Value columns) {
  if (failed(verifyMatrix(op, matrix, name)))
    return failure();
  return verifyShape(op, columns, "columns", shapeOf(matrix)[0]);
}

/// Margins of rows of their own, if an op has them: [rows,2].
template <typename Op>
static LogicalResult verifyRowMargins(Op op, int64_t rows) {
  return op.getRowMargins()
             ? verifyShape(op, op.getRowMargins(), "row_margins", {rows, 2})
             : success();
}

LogicalResult RowNormsOp::verify() {
  ArrayRef<int64_t> input = shapeOf(getInput());
  if (input.size() != 2)
    return emitOpError("takes rows [B,D]");
  return verifyShape(*this, getOutput(), "output", {input[0]});
}
LogicalResult AdaptiveMarginsOp::verify() {
  if (shapeOf(getNorms()).size() != 1)
    return emitOpError("takes norms [B]");
  if (failed(verifyShape(*this, getMean(), "mean", {1})))
    return failure();
  return verifyShape(*this, getMargins(), "margins",
                     {shapeOf(getNorms())[0], 2});
}
LogicalResult MarginOp::verify() {
  if (failed(verifyRowMargins(*this, shapeOf(getCosines())[0])))
    return failure();
  return verifyRowsAndColumns(*this, getCosines(), "cosines", getColumns());
}
LogicalResult MarginGradOp::verify() {
  if (failed(verifyRowMargins(*this, shapeOf(getCosines())[0])))
    return failure();
  return verifyRowsAndColumns(*this, getCosines(), "cosines", getColumns());
}
LogicalResult SoftmaxCrossEntropyGradOp::verify() {
  if (failed(verifyRowsAndColumns(*this, getLogits(), "logits", getColumns())))
    return failure();
  ArrayRef<int64_t> logits = shapeOf(getLogits());
  if (logits[1] % shapeOf(getCounts())[0] != 0)
    return emitOpError("the logits' columns must be equal shards, one a count");
  if (getBatch() < 1)
    return emitOpError("batch must be the rows the loss is a mean over");
  return verifyShape(*this, getStats(), "stats", {logits[0], 2});
}
LogicalResult SoftmaxStatsOp::verify() {
  if (failed(
          verifyRowsAndColumns(*this, getLogits(), "logits", getColumns())) ||
      failed(verifyShape(*this, getCount(), "count", {1})))
    return failure();
  return verifyShape(*this, getStats(), "stats", {shapeOf(getLogits())[0], 2});
}
LogicalResult SoftmaxLossOp::verify() {
  if (failed(verifyShape(*this, getLoss(), "loss", {1})))
    return failure();
  return verifyShape(*this, getStats(), "stats", {shapeOf(getStats())[0], 2});
}

LogicalResult SampleLocalCentersOp::verify() {
  double rate = getSampleRate().convertToDouble();
  if (!(rate >= 0.0 && rate <= 1.0))
    return emitOpError("sample rate must be in [0, 1]");
  if (failed(verifyShape(*this, getStep(), "step", {1})))
    return failure();
  int64_t shard = getShardSize(), batch = shapeOf(getLabels())[0];
  if (failed(verifyDraw(*this, getDraw(), shard)))
    return failure();
  int64_t needed =
      rate == 1.0 ? shard
                  : std::min(shard, std::max(static_cast<int64_t>(rate * shard),
                                             std::min(batch, shard)));
  if (shapeOf(getIndices())[0] < needed)
    return emitOpError("indices must have at least ") << needed << " slots";
  return success();
}

LogicalResult MarginSoftmaxOp::verify() {
  if (failed(verifyRowMargins(*this, shapeOf(getColumns())[0])))
    return failure();
  if (failed(
          verifyRowProducts(*this, getEmbeddings(), getCenters(), getExps())))
    return failure();
  if (cast<RankedTensorType>(getExps().getType()).getElementType().isF16())
    return emitOpError("(C1) fp16 has no room for exponentials");
  int64_t rows = shapeOf(getExps())[0];
  if (failed(verifyShape(*this, getStats(), "stats", {rows, 2})) ||
      failed(verifyShape(*this, getTargets(), "targets", {rows})) ||
      failed(verifyShape(*this, getColumns(), "columns", {rows})))
    return failure();
  return verifyShape(*this, getCount(), "count", {1});
}
LogicalResult MarginExpOp::verify() {
  if (failed(
          verifyRowsAndColumns(*this, getCosines(), "cosines", getColumns())))
    return failure();
  ArrayRef<int64_t> cosines = shapeOf(getCosines());
  if (failed(verifyShape(*this, getExps(), "exps", cosines)) ||
      failed(verifyShape(*this, getNewSums(), "new_sums", {cosines[0]})))
    return failure();
  return getSums() ? verifyShape(*this, getSums(), "sums", {cosines[0]})
                   : success();
}
LogicalResult GatherUnitRowsOp::verify() {
  ArrayRef<int64_t> table = shapeOf(getTable()), rows = shapeOf(getRows());
  if (table.size() != 2 || rows.size() != 2 || table[1] != rows[1] ||
      rows[0] != shapeOf(getIndices())[0])
    return emitOpError("takes table [C,D] and indices [T] to rows [T,D]");
  return success();
}
/// What one row of [B,D] and its own class, in a table [C,D], come to.
static LogicalResult verifyOwnClasses(Operation *op, Value matrix,
                                      StringRef name, Value table,
                                      Value columns) {
  if (failed(verifyRowsAndColumns(op, matrix, name, columns)))
    return failure();
  return verifyShape(op, table, "table",
                     {shapeOf(table)[0], shapeOf(matrix)[1]});
}
LogicalResult TargetCosinesOp::verify() {
  if (failed(verifyOwnClasses(*this, getEmbeddings(), "embeddings", getTable(),
                              getColumns())))
    return failure();
  return verifyShape(*this, getTargets(), "targets",
                     {shapeOf(getEmbeddings())[0]});
}
LogicalResult MarginTargetOp::verify() {
  if (failed(verifyRowMargins(*this, shapeOf(getSums())[0])))
    return failure();
  int64_t rows = shapeOf(getSums())[0];
  if (failed(verifyShape(*this, getSums(), "sums", {rows})) ||
      failed(verifyShape(*this, getColumns(), "columns", {rows})))
    return failure();
  return verifyShape(*this, getStats(), "stats", {rows, 2});
}
LogicalResult MarginEmbeddingsGradOp::verify() {
  if (failed(verifyRowMargins(*this, shapeOf(getColumns())[0])))
    return failure();
  if (failed(verifyOwnClasses(*this, getProducts(), "products", getTable(),
                              getColumns())))
    return failure();
  int64_t rows = shapeOf(getProducts())[0];
  if (failed(verifyShape(*this, getEmbeddingsGrad(), "embeddings_grad",
                         shapeOf(getProducts()))) ||
      failed(verifyShape(*this, getStats(), "stats", {rows, 2})) ||
      failed(verifyShape(*this, getTargets(), "targets", {rows})) ||
      failed(verifyShape(*this, getFactors(), "factors", {rows})))
    return failure();
  if (getBatch() < 1)
    return emitOpError("batch must be the rows the loss is a mean over");
  return success();
}
LogicalResult MarginSoftmaxGradOp::verify() {
  if (failed(verifyRowMargins(*this, shapeOf(getColumns())[0])))
    return failure();
  if (failed(
          verifyRowProducts(*this, getEmbeddings(), getCenters(), getExps())) ||
      failed(verifyShape(*this, getEmbeddingsGrad(), "embeddings_grad",
                         shapeOf(getEmbeddings()))) ||
      failed(verifyShape(*this, getCentersGrad(), "centers_grad",
                         shapeOf(getCenters()))))
    return failure();
  return verifyRowsAndColumns(*this, getExps(), "exps", getColumns());
}
/// What ops say of a tile of E, whose target elements they replace.
template <typename Op>
static LogicalResult verifyTileOfExps(Op op) {
  if (failed(verifyRowMargins(op, shapeOf(op.getColumns())[0])) ||
      failed(verifyRowsAndColumns(op, op.getExps(), "exps", op.getColumns())))
    return failure();
  int64_t rows = shapeOf(op.getExps())[0];
  if (failed(verifyShape(op, op.getStats(), "stats", {rows, 2})))
    return failure();
  return verifyShape(op, op.getTargets(), "targets", {rows});
}
LogicalResult MarginPatchOp::verify() { return verifyTileOfExps(*this); }
LogicalResult MarginCosinesGradOp::verify() {
  if (failed(verifyTileOfExps(*this)) ||
      failed(verifyShape(*this, getCosinesGrad(), "cosines_grad",
                         shapeOf(getExps()))))
    return failure();
  if (getBatch() < 1)
    return emitOpError("batch must be the rows the loss is a mean over");
  return success();
}

//===----------------------------------------------------------------------===//
// Sweeps
//===----------------------------------------------------------------------===//

OperandRange SweepOp::getYielded() {
  return getBody().front().getTerminator()->getOperands();
}

/// Whether `op` reads only activations of what others of its block compute.
static bool readsActivationsOnly(Operation *op, ArrayRef<int64_t> shape) {
  return llvm::all_of(op->getOperands(), [&](Value operand) {
    return !operand.getDefiningOp() || shapeOf(operand) == shape;
  });
}

LogicalResult SweepOp::verify() {
  if (getBody().getArgumentTypes() != getInputs().getTypes()) // (C1)
    return emitOpError("body must take the inputs' types");
  if (!isa<YieldOp>(getBody().front().getTerminator()) ||
      getYielded().getTypes() != getOutputs().getTypes())
    return emitOpError("body must yield the outputs' types");
  for (Value yielded : getYielded())
    if (!yielded.getDefiningOp())
      return emitOpError("body must yield what its ops compute");
  ArrayRef<int64_t> shape;
  for (Operation &op : getBody().front().without_terminator()) {
    ArrayRef<int64_t> swept = sweptShape(&op);
    if (shape.empty())
      shape = swept;
    if (swept.empty() || swept != shape) // (C2)
      return op.emitOpError("is not over the activations of its sweep");
    if (!readsActivationsOnly(&op, shape)) // (C3)
      return op.emitOpError("reads a sum of its own sweep");
  }
  return success();
}

} // namespace pfc

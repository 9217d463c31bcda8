//===- TokenKernels.cpp - The generated code of ops on tokens -------------===//
//
// Layer norm, stochastic depth and masking as linalg; attention's softmax and
// what moves tokens and heads as rows. Formulas and shapes are those of
// ops/*.td.
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/ir/PfcDialect.h"
#include "dialects/pfc/ir/RowCode.h"

using namespace mlir;

namespace pfc {

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}
static ArrayRef<int64_t> shapeOf(Value value) {
  return typeOf(value).getShape();
}

/// Elements of `shape` between its first dimension and its last.
static int64_t positionsOf(ArrayRef<int64_t> shape) {
  int64_t positions = 1;
  for (int64_t extent : shape.drop_front().drop_back())
    positions *= extent;
  return positions;
}

//===----------------------------------------------------------------------===//
// Layer norm
//===----------------------------------------------------------------------===//

LogicalResult LayerStatsOp::buildKernelBody(OpBuilder &builder,
                                            SmallVectorImpl<Value> &results) {
  Value x = getInput();
  double share = 1.0 / shapeOf(x).back();
  SmallVector<Value> sums = buildTokenSums(
      builder, getLoc(), shapeOf(x), {{x}, {x, Access::First}},
      [](Scalars &s, ValueRange v) -> SmallVector<Value> {
        Value d = s.sub(v[0], v[1]);
        return {d, s.mul(d, d)};
      },
      /*sums=*/2);
  results = buildPointwise(
      builder, getLoc(), {typeOf(getMean()), typeOf(getMean())},
      {{sums[0]}, {sums[1]}, {x, Access::First}},
      [&](Scalars &s, ValueRange v) -> SmallVector<Value> {
        Value offset = s.mul(v[0], s.constant(share));
        Value squares = s.sub(v[1], s.mul(v[0], offset));
        return {s.add(v[2], offset),
                s.mul(s.max(squares, s.constant(0.0)), s.constant(share))};
      });
  return success();
}

/// rsqrt(variance + eps).
static Value reciprocalDeviation(Scalars &s, Value variance, APFloat eps) {
  Value moved = s.add(variance, s.constant(eps.convertToDouble()));
  return s.div(s.constant(1.0), s.sqrt(moved));
}

LogicalResult LayerNormOp::buildKernelBody(OpBuilder &builder,
                                           SmallVectorImpl<Value> &results) {
  results = buildPointwise(builder, getLoc(), {typeOf(getOutput())},
                           {{getInput()},
                            {getMean(), Access::Token},
                            {getVariance(), Access::Token},
                            {getGamma(), Access::Channel},
                            {getBeta(), Access::Channel}},
                           [&](Scalars &s, ValueRange v) -> SmallVector<Value> {
                             Value normalized =
                                 s.mul(s.sub(v[0], v[1]),
                                       reciprocalDeviation(s, v[2], getEps()));
                             return {s.add(s.mul(normalized, v[3]), v[4])};
                           });
  return success();
}

LogicalResult
LayerNormGradStatsOp::buildKernelBody(OpBuilder &builder,
                                      SmallVectorImpl<Value> &results) {
  results = buildTokenSums(
      builder, getLoc(), shapeOf(getInput()),
      {{getOutputGrad()},
       {getInput()},
       {getMean(), Access::Token},
       {getVariance(), Access::Token},
       {getGamma(), Access::Channel}},
      [&](Scalars &s, ValueRange v) -> SmallVector<Value> {
        Value normalized =
            s.mul(s.sub(v[1], v[2]), reciprocalDeviation(s, v[3], getEps()));
        Value d = s.mul(v[4], v[0]);
        return {d, s.mul(d, normalized)};
      },
      /*sums=*/2);
  return success();
}

LogicalResult
LayerNormGradOp::buildKernelBody(OpBuilder &builder,
                                 SmallVectorImpl<Value> &results) {
  double share = 1.0 / shapeOf(getInput()).back();
  results =
      buildPointwise(builder, getLoc(), {typeOf(getInputGrad())},
                     {{getOutputGrad()},
                      {getInput()},
                      {getMean(), Access::Token},
                      {getVariance(), Access::Token},
                      {getGamma(), Access::Channel},
                      {getSum(), Access::Token},
                      {getProjection(), Access::Token}},
                     [&](Scalars &s, ValueRange v) -> SmallVector<Value> {
                       Value factor = reciprocalDeviation(s, v[3], getEps());
                       Value normalized = s.mul(s.sub(v[1], v[2]), factor);
                       Value along = s.mul(s.add(v[5], s.mul(normalized, v[6])),
                                           s.constant(share));
                       return {s.mul(factor, s.sub(s.mul(v[4], v[0]), along))};
                     });
  return success();
}

LogicalResult
LayerNormGainGradOp::buildKernelBody(OpBuilder &builder,
                                     SmallVectorImpl<Value> &results) {
  results.push_back(buildChannelSum(
      builder, getLoc(), shapeOf(getInput()),
      {{getOutputGrad()},
       {getInput()},
       {getMean(), Access::Token},
       {getVariance(), Access::Token}},
      [&](Scalars &s, ValueRange v) -> SmallVector<Value> {
        Value normalized =
            s.mul(s.sub(v[1], v[2]), reciprocalDeviation(s, v[3], getEps()));
        return {s.mul(v[0], normalized)};
      }));
  return success();
}

//===----------------------------------------------------------------------===//
// Element-wise
//===----------------------------------------------------------------------===//

LogicalResult Relu6Op::buildKernelBody(OpBuilder &builder,
                                       SmallVectorImpl<Value> &results) {
  results = buildPointwise(
      builder, getLoc(), {typeOf(getOutput())}, {{getInput()}},
      [](Scalars &s, ValueRange v) -> SmallVector<Value> {
        return {s.min(s.max(v[0], s.constant(0.0)), s.constant(6.0))};
      });
  return success();
}

LogicalResult Relu6GradOp::buildKernelBody(OpBuilder &builder,
                                           SmallVectorImpl<Value> &results) {
  results = buildPointwise(
      builder, getLoc(), {typeOf(getInputGrad())},
      {{getOutputGrad()}, {getInput()}},
      [](Scalars &s, ValueRange v) -> SmallVector<Value> {
        Value zero = s.constant(0.0);
        Value below = s.select(s.greater(s.constant(6.0), v[1]), v[0], zero);
        return {s.select(s.greater(v[1], zero), below, zero)};
      });
  return success();
}

LogicalResult DropPathOp::buildKernelBody(OpBuilder &builder,
                                          SmallVectorImpl<Value> &results) {
  SmallVector<Input> inputs{{getInput()}, {getStep(), Access::Scalar}};
  if (getRowOffset())
    inputs.push_back({getRowOffset(), Access::Scalar});
  double rate = getRate().convertToDouble();
  results = buildPointwise(
      builder, getLoc(), {typeOf(getOutput())}, inputs,
      [&](Scalars &s, ValueRange v) -> SmallVector<Value> {
        OpBuilder &b = s.builder;
        Value image = arith::IndexCastOp::create(
            b, s.loc, b.getI64Type(), linalg::IndexOp::create(b, s.loc, 0));
        if (v.size() == 3)
          image = arith::AddIOp::create(b, s.loc, image, v[2]);
        Value unit = buildUnitFloat(
            s, buildRandomWord(b, s.loc, getSeed(), rt::RandomPurpose::DropPath,
                               image, v[1], getLayer()));
        Value factor =
            s.select(s.greater(s.constant(rate), unit), s.constant(0.0),
                     s.constant(1.0 / (1.0 - rate)));
        return {s.mul(v[0], factor)};
      });
  return success();
}

LogicalResult
MaskTokenGradOp::buildKernelBody(OpBuilder &builder,
                                 SmallVectorImpl<Value> &results) {
  results.push_back(buildChannelSum(
      builder, getLoc(), shapeOf(getOutputGrad()),
      {{getOutputGrad()}, {getSlots(), Access::Token}},
      [](Scalars &s, ValueRange v) -> SmallVector<Value> {
        Value none = arith::ConstantOp::create(s.builder, s.loc,
                                               s.builder.getI64IntegerAttr(0));
        Value isMasked = arith::CmpIOp::create(
            s.builder, s.loc, arith::CmpIPredicate::slt, v[1], none);
        return {s.select(isMasked, v[0], s.constant(0.0))};
      }));
  return success();
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

namespace {

/// A row number taken apart.
class Places {
public:
  Places(RowCode &code, Value row) : code(code), rest(row) {}

  /// The place in the innermost dimension that is left, of `extent`.
  Value next(int64_t extent) {
    if (extent == 1)
      return code.index(0);
    Value by = code.index(extent);
    Value place = arith::RemUIOp::create(code.builder, code.loc, rest, by);
    rest = arith::DivUIOp::create(code.builder, code.loc, rest, by);
    return place;
  }
  /// The places in all dimensions of `shape`, which is what is left.
  SmallVector<Value> all(ArrayRef<int64_t> shape) {
    SmallVector<Value> places(shape.size());
    for (size_t d = shape.size(); d-- > 1;)
      places[d] = next(shape[d]);
    places[0] = rest;
    return places;
  }

private:
  RowCode &code;
  Value rest;
};

Value plus(RowCode &code, Value a, Value b) {
  return arith::AddIOp::create(code.builder, code.loc, a, b);
}
Value times(RowCode &code, Value a, int64_t b) {
  return arith::MulIOp::create(code.builder, code.loc, a, code.index(b));
}

SmallVector<Value> with(ArrayRef<Value> places, Value last) {
  SmallVector<Value> all(places);
  all.push_back(last);
  return all;
}

} // namespace

/// Copies one head of one position between `tokens` [B,…,n·h·d] and each of n
/// `parts` [B·h,T,d]: the row is (image, position, head).
static void moveHead(RowCode &code, Value tokens, ValueRange parts,
                     int64_t heads, bool split, Value row) {
  auto shape = cast<MemRefType>(tokens.getType()).getShape();
  int64_t size = extent(parts.front(), 2);
  Places rest(code, row);
  Value head = rest.next(heads);
  SmallVector<Value> places = rest.all(shape.drop_back());
  Value position = code.index(0);
  for (auto [place, extent] :
       llvm::drop_begin(llvm::zip(places, shape.drop_back())))
    position = plus(code, times(code, position, extent), place);
  Value matrix = plus(code, times(code, places[0], heads), head);
  for (auto [m, part] : llvm::enumerate(parts)) {
    Value first = times(
        code, plus(code, head, code.index(static_cast<int64_t>(m) * heads)),
        size);
    code.loop(code.index(0), code.index(size), [&](RowCode &c, Value e) {
      SmallVector<Value> inTokens = with(places, plus(c, first, e));
      SmallVector<Value> inPart{matrix, position, e};
      if (split)
        c.store(c.load(tokens, inTokens), part, inPart);
      else
        c.store(c.load(part, inPart), tokens, inTokens);
    });
  }
}

int64_t SplitHeadsOp::getRowExtent() {
  ArrayRef<int64_t> shape = shapeOf(getInput());
  return shape[0] * positionsOf(shape) * getHeads();
}
int SplitHeadsOp::getInPlaceOperand(unsigned) { return -1; }

LogicalResult SplitHeadsOp::buildRow(OpBuilder &builder, ValueRange operands,
                                     ValueRange results, Value row) {
  RowCode code(builder, getLoc());
  moveHead(code, operands[0], results, getHeads(), /*split=*/true, row);
  return success();
}

int64_t MergeHeadsOp::getRowExtent() {
  ArrayRef<int64_t> shape = shapeOf(getOutput());
  return shape[0] * positionsOf(shape) * getHeads();
}
int MergeHeadsOp::getInPlaceOperand(unsigned) { return -1; }

LogicalResult MergeHeadsOp::buildRow(OpBuilder &builder, ValueRange operands,
                                     ValueRange results, Value row) {
  RowCode code(builder, getLoc());
  moveHead(code, results[0], operands, getHeads(), /*split=*/false, row);
  return success();
}

/// Rows of a tensor's last dimension.
static int64_t rowsOf(Value value) {
  return typeOf(value).getNumElements() / shapeOf(value).back();
}

int64_t SoftmaxOp::getRowExtent() { return rowsOf(getInput()); }
int SoftmaxOp::getInPlaceOperand(unsigned) { return -1; }

LogicalResult SoftmaxOp::buildRow(OpBuilder &builder, ValueRange operands,
                                  ValueRange results, Value row) {
  RowCode code(builder, getLoc());
  Scalars &s = code.scalars;
  double scale = getScale().convertToDouble();
  SmallVector<Value> at =
      Places(code, row).all(shapeOf(getInput()).drop_back());
  Value zero = code.index(0), end = code.index(shapeOf(getInput()).back());
  Value most = code.max(zero, end, [&](RowCode &c, Value j) {
    return c.load(operands[0], with(at, j));
  });
  auto exp = [&](RowCode &c, Value j) {
    Scalars &e = c.scalars;
    return e.exp(e.mul(e.sub(c.load(operands[0], with(at, j)), most),
                       e.constant(scale)));
  };
  Value sum = code.sum(zero, end, s.constant(0.0), exp);
  Value factor = s.div(s.constant(1.0), sum);
  code.loop(zero, end, [&](RowCode &c, Value j) {
    c.store(c.scalars.mul(exp(c, j), factor), results[0], with(at, j));
  });
  return success();
}

int64_t SoftmaxGradOp::getRowExtent() { return rowsOf(getOutput()); }
int SoftmaxGradOp::getInPlaceOperand(unsigned) { return -1; }

LogicalResult SoftmaxGradOp::buildRow(OpBuilder &builder, ValueRange operands,
                                      ValueRange results, Value row) {
  RowCode code(builder, getLoc());
  Scalars &s = code.scalars;
  SmallVector<Value> at =
      Places(code, row).all(shapeOf(getOutput()).drop_back());
  Value zero = code.index(0), end = code.index(shapeOf(getOutput()).back());
  Value dot = code.sum(zero, end, s.constant(0.0), [&](RowCode &c, Value j) {
    return c.scalars.mul(c.load(operands[0], with(at, j)),
                         c.load(operands[1], with(at, j)));
  });
  code.loop(zero, end, [&](RowCode &c, Value j) {
    Scalars &e = c.scalars;
    Value y = e.mul(c.load(operands[1], with(at, j)),
                    e.constant(getScale().convertToDouble()));
    c.store(e.mul(y, e.sub(c.load(operands[0], with(at, j)), dot)), results[0],
            with(at, j));
  });
  return success();
}

//===----------------------------------------------------------------------===//
// Masking
//===----------------------------------------------------------------------===//

int64_t SampleTokensOp::getRowExtent() { return shapeOf(getSlots())[0]; }
int SampleTokensOp::getInPlaceOperand(unsigned) { return -1; }

LogicalResult SampleTokensOp::buildRow(OpBuilder &builder, ValueRange operands,
                                       ValueRange results, Value row) {
  RowCode code(builder, getLoc());
  int64_t tokens = shapeOf(getSlots())[1], count = shapeOf(getKept())[1];
  Value kept = results[0], slots = results[1], keys = results[2];
  Value zero = code.index(0), end = code.index(tokens);
  Value step = code.load(operands[0], {zero});
  auto toInteger = [](RowCode &c, Value index) -> Value {
    return arith::IndexCastOp::create(c.builder, c.loc, c.builder.getI64Type(),
                                      index);
  };
  Value image = toInteger(code, row);
  if (getRowOffset())
    image = plus(code, image, code.load(operands[1], {zero}));
  Value first = arith::MulIOp::create(code.builder, code.loc, image,
                                      code.integer(tokens));
  code.loop(zero, end, [&](RowCode &c, Value t) {
    Value word = buildRandomWord(
        c.builder, c.loc, getSeed(), rt::RandomPurpose::SampleTokens,
        plus(c, first, toInteger(c, t)), step, /*layer=*/0);
    c.store(
        arith::ExtUIOp::create(c.builder, c.loc, c.builder.getI64Type(), word),
        keys, {row, t});
  });
  // A token's rank is how many come before it.
  code.loop(zero, end, [&](RowCode &c, Value t) {
    OpBuilder &b = c.builder;
    Value key = c.load(keys, {row, t});
    auto before = scf::ForOp::create(
        b, c.loc, zero, end, c.index(1), ValueRange{c.integer(0)},
        [&](OpBuilder &nested, Location loc, Value other, ValueRange total) {
          RowCode n(nested, loc);
          auto compare = [&](arith::CmpIPredicate predicate, Value x, Value y) {
            return arith::CmpIOp::create(nested, loc, predicate, x, y);
          };
          Value otherKey = n.load(keys, {row, other});
          Value same = arith::AndIOp::create(
              nested, loc, compare(arith::CmpIPredicate::eq, otherKey, key),
              compare(arith::CmpIPredicate::ult, other, t));
          Value is = arith::OrIOp::create(
              nested, loc, compare(arith::CmpIPredicate::slt, otherKey, key),
              same);
          Value one =
              arith::ExtUIOp::create(nested, loc, nested.getI64Type(), is);
          scf::YieldOp::create(nested, loc, plus(n, total[0], one));
        });
    Value rank = before.getResult(0);
    Value isKept = arith::CmpIOp::create(b, c.loc, arith::CmpIPredicate::slt,
                                         rank, c.integer(count));
    c.store(c.scalars.select(isKept, rank, c.integer(-1)), slots, {row, t});
    c.when(isKept, [&](RowCode &k) {
      k.store(toInteger(k, t), kept, {row, k.toIndex(rank)});
    });
  });
  return success();
}

int64_t GatherTokensOp::getRowExtent() { return rowsOf(getOutput()); }
int GatherTokensOp::getInPlaceOperand(unsigned) { return -1; }

LogicalResult GatherTokensOp::buildRow(OpBuilder &builder, ValueRange operands,
                                       ValueRange results, Value row) {
  RowCode code(builder, getLoc());
  ArrayRef<int64_t> shape = shapeOf(getOutput());
  Places places(code, row);
  Value slot = places.next(shape[1]);
  Value image = places.all({shape[0]})[0], zero = code.index(0);
  Value token = code.toIndex(code.load(operands[1], {image, slot}));
  code.loop(zero, code.index(shape[3]), [&](RowCode &c, Value channel) {
    c.store(c.load(operands[0], {image, token, zero, channel}), results[0],
            {image, slot, zero, channel});
  });
  return success();
}

int64_t RestoreTokensOp::getRowExtent() { return rowsOf(getOutput()); }
int RestoreTokensOp::getInPlaceOperand(unsigned) { return -1; }

LogicalResult RestoreTokensOp::buildRow(OpBuilder &builder, ValueRange operands,
                                        ValueRange results, Value row) {
  RowCode code(builder, getLoc());
  ArrayRef<int64_t> shape = shapeOf(getOutput());
  Places places(code, row);
  Value token = places.next(shape[1]);
  Value image = places.all({shape[0]})[0], zero = code.index(0);
  Value slot = code.load(operands[2], {image, token});
  Value isKept = code.isOwned(slot);
  auto fill = [&](RowCode &branch, auto value) {
    branch.loop(zero, branch.index(shape[3]), [&](RowCode &c, Value channel) {
      c.store(value(c, channel), results[0], {image, token, zero, channel});
    });
  };
  code.when(
      isKept,
      [&](RowCode &branch) {
        Value from = branch.toIndex(slot);
        fill(branch, [&](RowCode &c, Value channel) {
          return c.load(operands[0], {image, from, zero, channel});
        });
      },
      [&](RowCode &branch) {
        fill(branch, [&](RowCode &c, Value channel) {
          return getMask() ? c.load(operands[3], {channel})
                           : c.scalars.constant(0.0);
        });
      });
  return success();
}

} // namespace pfc

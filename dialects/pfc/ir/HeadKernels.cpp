//===- HeadKernels.cpp - Margin and softmax -------------------------------===//
//
// One row of each op's outer parallel loop, on buffers; the loss as linalg.
// Formulas and shapes are those of ops/Head.td and ops/RankHead.td.
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/ir/RowCode.h"
#include "dialects/pfc/ir/TensorTypes.h"

#include <cmath>
#include <numbers>

using namespace mlir;

namespace pfc {

/// sin θ of c = cos θ.
static Value sine(Scalars &s, Value c) {
  Value one = s.constant(1.0);
  return s.sqrt(s.max(s.mul(s.sub(one, c), s.add(one, c)), s.constant(0.0)));
}

namespace {

/// The margin of one row, on the cosine `c` of its own class: ψ and ψ' of
/// #pfc.margin, or of the row's own m2 and m3 (see pfc.margin).
class RowMargin {
public:
  /// `rowMargins` [B,2], or null, has them.
  RowMargin(RowCode &code, MarginAttr margin, Value rowMargins, Value row,
            Value c)
      : s(code.scalars), margin(margin), c(c) {
    if (!rowMargins)
      return;
    m2 = code.load(rowMargins, {row, code.index(0)});
    m3 = code.load(rowMargins, {row, code.index(1)});
  }

  Value value() {
    if (m2)
      return s.sub(math::CosOp::create(s.builder, s.loc, cutOff(angle())), m3);
    return s.sub(cosineOfAngle(), s.constant(margin.getM3()));
  }

  /// m1·sin(m1·θ + m2)/max(sin θ, 1e-6), 0 where the angle is cut off; or 1.
  Value slope() {
    double m1 = margin.getM1(), fixed = margin.getM2();
    if (margin.getGradient() == MarginGradient::StraightThrough ||
        (!m2 && margin.isAdditiveCosine()))
      return s.constant(1.0);
    Value sinTheta = s.max(sine(s, c), s.constant(1e-6));
    if (!m2 && m1 == 1.0) // sin(θ + m2) = sin θ·cos m2 + cos θ·sin m2
      return s.add(s.constant(std::cos(fixed)),
                   s.div(s.mul(c, s.constant(std::sin(fixed))), sinTheta));
    Value shifted = angle();
    Value numerator =
        s.mul(s.constant(m1), math::SinOp::create(s.builder, s.loc, shifted));
    Value slope = s.div(numerator, sinTheta);
    if (!m2)
      return slope;
    Value zero = s.constant(0.0);
    slope = s.select(s.greater(least(), shifted), zero, slope);
    return s.select(s.greater(shifted, most()), zero, slope);
  }

private:
  static constexpr double cut = 1e-3; ///< from 0 and π, as AdaFace does

  Value least() { return s.constant(cut); }
  Value most() { return s.constant(std::numbers::pi - cut); }
  Value cutOff(Value angle) { return s.max(least(), s.min(most(), angle)); }

  /// m1·θ + m2
  Value angle() {
    Value theta = math::AcosOp::create(s.builder, s.loc, c);
    return s.add(s.mul(theta, s.constant(margin.getM1())),
                 m2 ? m2 : s.constant(margin.getM2()));
  }

  /// cos(m1·θ + m2), for m1 = 1 by the addition theorem.
  Value cosineOfAngle() {
    double m1 = margin.getM1(), fixed = margin.getM2();
    if (m1 != 1.0)
      return math::CosOp::create(s.builder, s.loc, angle());
    if (fixed == 0.0)
      return c;
    return s.sub(s.mul(c, s.constant(std::cos(fixed))),
                 s.mul(sine(s, c), s.constant(std::sin(fixed))));
  }

  Scalars &s;
  MarginAttr margin;
  Value c, m2, m3;
};

/// Where a row's own class is in a tile of the sample's columns.
struct TileTarget {
  Value used;   ///< columns of the tile that are in use
  Value isHere; ///< whether the row's own column is one of them
  Value column; ///< it, or `used`

  /// `columns` of the whole sample, of which the tile has `width` from `first`
  /// on and the first `count` are in use.
  TileTarget(RowCode &code, Value columns, Value row, Value first, Value count,
             int64_t width) {
    OpBuilder &b = code.builder;
    Location loc = code.loc;
    Value zero = code.index(0);
    Value begin = code.load(first, {zero});
    Value left = arith::SubIOp::create(b, loc, code.load(count, {zero}), begin);
    left = arith::MaxSIOp::create(b, loc, left, code.integer(0));
    left = arith::MinSIOp::create(b, loc, left, code.integer(width));
    used = code.toIndex(left);
    Value local =
        arith::SubIOp::create(b, loc, code.load(columns, {row}), begin);
    // Unsigned, what lies before the tile lies beyond it.
    isHere =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, local, left);
    column = code.scalars.select(isHere, code.toIndex(local), used);
  }
};

} // namespace

int64_t AdaptiveMarginsOp::getRowExtent() { return 1; }
int AdaptiveMarginsOp::getInPlaceOperand(unsigned) { return -1; }

LogicalResult AdaptiveMarginsOp::buildRow(OpBuilder &builder,
                                          ValueRange operands,
                                          ValueRange results, Value) {
  RowCode code(builder, getLoc());
  Scalars &s = code.scalars;
  Value norms = operands[0], margins = results[0], zero = code.index(0);
  int64_t batch = extent(norms, 0);
  double m = getM().convertToDouble(), h = getH().convertToDouble();
  double momentum = getMomentum().convertToDouble();
  auto norm = [&](RowCode &c, Value i) -> Value {
    Scalars &e = c.scalars;
    return e.max(e.constant(1e-3),
                 e.min(e.constant(100.0), c.load(norms, {i})));
  };
  auto average = [&](double terms,
                     llvm::function_ref<Value(RowCode &, Value)> term) {
    Value sum = code.sum(zero, code.index(batch), s.constant(0.0), term);
    return s.mul(sum, s.constant(1.0 / terms));
  };
  auto moved = [&](Value old, Value now, Value result) {
    Value value =
        s.add(s.mul(now, s.constant(momentum)),
              s.mul(code.load(old, {zero}), s.constant(1.0 - momentum)));
    code.store(value, result, {zero});
    return value;
  };

  Value batchMean = average(batch, norm);
  Value variance =
      average(std::max<int64_t>(batch - 1, 1), [&](RowCode &c, Value i) {
        Value distance = c.scalars.sub(norm(c, i), batchMean);
        return c.scalars.mul(distance, distance);
      });
  Value mean = moved(operands[1], batchMean, results[1]);
  Value std = moved(operands[2], s.sqrt(variance), results[2]);
  Value factor = s.div(s.constant(h), s.add(std, s.constant(1e-3)));
  code.loop(zero, code.index(batch), [&](RowCode &c, Value i) {
    Scalars &e = c.scalars;
    Value u = e.mul(e.sub(norm(c, i), mean), factor);
    u = e.mul(e.max(e.constant(-1.0), e.min(e.constant(1.0), u)),
              e.constant(m));
    c.store(e.sub(e.constant(0.0), u), margins, {i, c.index(0)});
    c.store(e.add(e.constant(m), u), margins, {i, c.index(1)});
  });
  return success();
}

int64_t MarginExpOp::getRowExtent() { return extent(getCosines(), 0); }
int MarginExpOp::getInPlaceOperand(unsigned result) {
  if (result == 1)
    return getSums() ? 4 : -1;
  return getExps().getType() == getCosines().getType() ? 0 : -1;
}

MarginExpOp::Columns MarginExpOp::buildColumns(OpBuilder &builder,
                                               ValueRange operands, Value row) {
  RowCode code(builder, getLoc());
  TileTarget own(code, operands[1], row, operands[3], operands[2],
                 extent(getExps(), 1));
  return {own.used, own.column};
}

MarginExpOp::Term MarginExpOp::buildTerm(OpBuilder &builder, Value cosine) {
  Scalars s(builder, getLoc());
  double filter = getMargin().getFilter();
  double shift = getShift().convertToDouble();
  Value logit = s.mul(cosine, s.constant(getMargin().getScale()));
  Value exp = s.exp(s.sub(logit, s.constant(shift)));
  if (filter <= 0.0)
    return {exp, exp};
  Value filtered = s.greater(cosine, s.constant(filter));
  return {s.select(filtered, s.constant(0.0), exp),
          s.select(filtered, s.constant(std::exp(-shift)), exp)};
}

LogicalResult MarginExpOp::buildRow(OpBuilder &builder, ValueRange operands,
                                    ValueRange results, Value row) {
  RowCode code(builder, getLoc());
  Value cosines = operands[0], exps = results[0];
  TileTarget own(code, operands[1], row, operands[3], operands[2],
                 extent(exps, 1));
  auto term = [&](RowCode &c, Value j) -> Value {
    auto [exp, summand] = buildTerm(c.builder, c.load(cosines, {row, j}));
    c.store(exp, exps, {row, j});
    return summand;
  };
  Value total = code.scalars.constant(0.0);
  if (Value sums = bufferOf(*this, getSums(), operands))
    total = code.load(sums, {row});
  Value beyond =
      arith::AddIOp::create(builder, getLoc(), own.column, code.index(1));
  total = code.sum(code.index(0), own.column, total, term);
  total = code.sum(beyond, own.used, total, term);
  code.store(total, results[1], {row});
  code.when(own.isHere, [&](RowCode &c) {
    c.store(c.scalars.constant(0.0), exps, {row, own.column});
  });
  code.loop(own.used, code.index(extent(exps, 1)), [&](RowCode &c, Value j) {
    c.store(c.scalars.constant(0.0), exps, {row, j});
  });
  return success();
}

int64_t TargetCosinesOp::getRowExtent() { return extent(getTargets(), 0); }
int TargetCosinesOp::getInPlaceOperand(unsigned) { return -1; }

/// The row of the table that column `column` of the sample is.
static Value tableRow(RowCode &code, Value indices, Value column) {
  return code.toIndex(code.load(indices, {code.toIndex(column)}));
}

LogicalResult TargetCosinesOp::buildRow(OpBuilder &builder, ValueRange operands,
                                        ValueRange results, Value row) {
  RowCode code(builder, getLoc());
  Value embeddings = operands[0], table = operands[1], targets = results[0];
  Value column = code.load(operands[3], {row});
  code.when(
      code.isOwned(column),
      [&](RowCode &c) {
        Scalars &s = c.scalars;
        Value at = tableRow(c, operands[2], column);
        Value dot = c.sum(c.index(0), c.index(extent(table, 1)),
                          s.constant(0.0), [&](RowCode &e, Value d) {
                            return e.scalars.mul(e.load(embeddings, {row, d}),
                                                 e.load(table, {at, d}));
                          });
        Value cosine = s.mul(dot, inverseLength(c, table, at));
        cosine = s.max(s.constant(-1.0), s.min(s.constant(1.0), cosine));
        c.store(cosine, targets, {row});
      },
      [&](RowCode &c) { c.store(c.scalars.constant(0.0), targets, {row}); });
  return success();
}

int64_t MarginTargetOp::getRowExtent() { return extent(getStats(), 0); }
int MarginTargetOp::getInPlaceOperand(unsigned) { return -1; }

LogicalResult MarginTargetOp::buildRow(OpBuilder &builder, ValueRange operands,
                                       ValueRange results, Value row) {
  RowCode code(builder, getLoc());
  Scalars &s = code.scalars;
  Value zero = s.constant(0.0), stats = results[0];
  Value owned = code.isOwned(code.load(operands[2], {row}));
  RowMargin margin(code, getMargin(),
                   bufferOf(*this, getRowMargins(), operands), row,
                   code.load(operands[1], {row}));
  Value logit = s.mul(margin.value(), s.constant(getMargin().getScale()));
  Value own = s.exp(s.sub(logit, s.constant(getShift().convertToDouble())));
  own = s.max(own, s.constant(leastTerm));
  Value sum = code.load(operands[0], {row});
  code.store(s.add(sum, s.select(owned, own, zero)), stats,
             {row, code.index(0)});
  code.store(s.select(owned, logit, zero), stats, {row, code.index(1)});
  return success();
}

/// g·Z = (exp(t − shift) − Z)·ψ' of `row`, what the target's element of E
/// stands for in the gradients of `op`, whose operands are `buffers`.
template <typename Op>
static Value targetGradient(RowCode &code, Op op, ValueRange buffers,
                            Value row) {
  Scalars &s = code.scalars;
  Value stats = bufferOf(op, op.getStats(), buffers);
  Value z = code.load(stats, {row, code.index(0)});
  Value logit = code.load(stats, {row, code.index(1)});
  Value own = s.exp(s.sub(logit, s.constant(op.getShift().convertToDouble())));
  Value cosine = code.load(bufferOf(op, op.getTargets(), buffers), {row});
  RowMargin margin(code, op.getMargin(),
                   bufferOf(op, op.getRowMargins(), buffers), row, cosine);
  return s.mul(s.sub(own, z), margin.slope());
}

int64_t MarginEmbeddingsGradOp::getRowExtent() {
  return extent(getFactors(), 0);
}
int MarginEmbeddingsGradOp::getInPlaceOperand(unsigned result) {
  bool sameType = getEmbeddingsGrad().getType() == getProducts().getType();
  return result == 0 && sameType ? 0 : -1;
}

LogicalResult MarginEmbeddingsGradOp::buildRow(OpBuilder &builder,
                                               ValueRange operands,
                                               ValueRange results, Value row) {
  RowCode code(builder, getLoc());
  Value products = operands[0], stats = operands[1];
  Value table = operands[4], gradient = results[0];
  Value column = code.load(operands[3], {row});
  Value factor = code.scalars.div(
      code.scalars.constant(getMargin().getScale() / getBatch()),
      code.load(stats, {row, code.index(0)}));
  code.store(factor, results[1], {row});
  Value zero = code.index(0), size = code.index(extent(products, 1));
  code.when(
      code.isOwned(column),
      [&](RowCode &c) {
        Value at = tableRow(c, operands[5], column);
        Value own = c.scalars.mul(targetGradient(c, *this, operands, row),
                                  inverseLength(c, table, at));
        c.loop(zero, size, [&](RowCode &e, Value d) {
          Scalars &s = e.scalars;
          Value sum = s.add(e.load(products, {row, d}),
                            s.mul(own, e.load(table, {at, d})));
          e.store(s.mul(factor, sum), gradient, {row, d});
        });
      },
      [&](RowCode &c) {
        c.loop(zero, size, [&](RowCode &e, Value d) {
          e.store(e.scalars.mul(factor, e.load(products, {row, d})), gradient,
                  {row, d});
        });
      });
  return success();
}

/// Whether a row's own class is in the tile `exps` of its columns, and where.
template <typename Op>
static std::pair<Value, Value> ownColumn(RowCode &code, Op op,
                                         ValueRange buffers, Value row) {
  OpBuilder &builder = code.builder;
  Value width = code.integer(extent(op.getExps(), 1));
  Value column = code.load(bufferOf(op, op.getColumns(), buffers), {row});
  Value first =
      code.load(bufferOf(op, op.getFirst(), buffers), {code.index(0)});
  Value local = arith::SubIOp::create(builder, op.getLoc(), column, first);
  // Unsigned, what lies before the tile lies beyond it.
  Value isHere = arith::CmpIOp::create(builder, op.getLoc(),
                                       arith::CmpIPredicate::ult, local, width);
  return {isHere, local};
}

int64_t MarginPatchOp::getRowExtent() { return extent(getExps(), 0); }
int MarginPatchOp::getInPlaceOperand(unsigned) { return 0; }

LogicalResult MarginPatchOp::buildRow(OpBuilder &builder, ValueRange operands,
                                      ValueRange results, Value row) {
  RowCode code(builder, getLoc());
  auto [isHere, column] = ownColumn(code, *this, operands, row);
  code.when(isHere, [&, column = column](RowCode &c) {
    Value own = targetGradient(c, *this, operands, row);
    c.store(own, results[0], {row, c.toIndex(column)});
  });
  return success();
}

int64_t MarginCosinesGradOp::getRowExtent() { return extent(getExps(), 0); }
int MarginCosinesGradOp::getInPlaceOperand(unsigned) {
  return getCosinesGrad().getType() == getExps().getType() ? 0 : -1;
}

LogicalResult MarginCosinesGradOp::buildRow(OpBuilder &builder,
                                            ValueRange operands,
                                            ValueRange results, Value row) {
  RowCode code(builder, getLoc());
  Value exps = operands[0], gradient = results[0], zero = code.index(0);
  Value factor = code.scalars.constant(getMargin().getScale() / getBatch());
  if (Value scale = bufferOf(*this, getLossScale(), operands))
    factor = code.scalars.mul(factor, code.load(scale, {zero}));
  factor = code.scalars.div(factor, code.load(operands[1], {row, zero}));
  code.loop(zero, code.index(extent(exps, 1)), [&](RowCode &c, Value j) {
    c.store(c.scalars.mul(factor, c.load(exps, {row, j})), gradient, {row, j});
  });
  auto [isHere, column] = ownColumn(code, *this, operands, row);
  code.when(isHere, [&, column = column](RowCode &c) {
    Value own = targetGradient(c, *this, operands, row);
    c.store(c.scalars.mul(factor, own), gradient, {row, c.toIndex(column)});
  });
  return success();
}

LogicalResult SoftmaxLossOp::buildKernelBody(OpBuilder &builder,
                                             SmallVectorImpl<Value> &results) {
  int64_t rows = shapeOf(getStats())[0];
  double shift = getShift().convertToDouble();
  results.push_back(buildTotal(
      builder, getLoc(),
      {{getStats(), Access::Pair0}, {getStats(), Access::Pair1}},
      [&](Scalars &s, ValueRange v) -> SmallVector<Value> {
        Value row = s.sub(s.add(s.log(v[0]), s.constant(shift)), v[1]);
        return {s.mul(row, s.constant(1.0 / rows))};
      }));
  return success();
}

} // namespace pfc

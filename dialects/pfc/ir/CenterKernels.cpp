//===- CenterKernels.cpp - Kernels on the rows of class centers -----------===//
//
// Gather, update, and to and from host memory: one row of each op's outer
// parallel loop, on buffers. Formulas and shapes are those of ops/*.td.
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/ir/AdamW.h"
#include "dialects/pfc/ir/PfcDialect.h"
#include "dialects/pfc/ir/RowCode.h"
#include "runtime/base/Philox.h"

#include <numbers>

using namespace mlir;

namespace pfc {

//===----------------------------------------------------------------------===//
// Random numbers
//===----------------------------------------------------------------------===//

namespace {

/// 32-bit integers at a row's code.
class Words {
public:
  explicit Words(RowCode &code) : builder(code.builder), loc(code.loc) {}

  Value constant(uint32_t word) {
    return arith::ConstantOp::create(
        builder, loc, builder.getI32IntegerAttr(static_cast<int32_t>(word)));
  }
  /// The low and the high word of an i64.
  Value low(Value integer) {
    return arith::TruncIOp::create(builder, loc, builder.getI32Type(), integer);
  }
  Value high(Value integer) {
    Value by =
        arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(32));
    return low(arith::ShRUIOp::create(builder, loc, integer, by));
  }
  Value ofIndex(Value index) {
    return arith::IndexCastOp::create(builder, loc, builder.getI32Type(),
                                      index);
  }
  Value shiftedRight(Value word, unsigned bits) {
    return arith::ShRUIOp::create(builder, loc, word, constant(bits));
  }
  /// (word ^ word >> bits)·factor
  Value mixed(Value word, unsigned bits, uint32_t factor) {
    Value x =
        arith::XOrIOp::create(builder, loc, word, shiftedRight(word, bits));
    return factor == 1 ? x : times(x, factor);
  }
  Value times(Value word, uint32_t factor) {
    return arith::MulIOp::create(builder, loc, word, constant(factor));
  }
  Value bitwiseAnd(Value word, uint32_t mask) {
    return arith::AndIOp::create(builder, loc, word, constant(mask));
  }
  Value plus(Value a, Value b) {
    return arith::AddIOp::create(builder, loc, a, b);
  }
  Value equal(Value word, uint32_t to) {
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, word,
                                 constant(to));
  }
  SmallVector<Value, 4> philox(uint64_t key, rt::RandomPurpose purpose,
                               Value c0, Value c1, Value c2) {
    return buildPhilox(builder, loc, key,
                       {c0, c1, c2, constant(static_cast<uint32_t>(purpose))});
  }
  /// unitFloat (runtime/base/Philox.h)
  Value unit(Scalars &s, Value word) {
    Value bits = shiftedRight(word, 8);
    return s.mul(
        arith::UIToFPOp::create(builder, loc, builder.getF32Type(), bits),
        s.constant(0x1p-24));
  }

private:
  OpBuilder &builder;
  Location loc;
};

/// Stores rows of a table, in bf16 rounded stochastically (see update_rows).
class RowRounding {
public:
  /// Of `op`'s row `at` of its table; nothing to round without `step`.
  template <typename Op>
  RowRounding(Op op, RowCode &code, ValueRange operands, Value at);

  /// `value` where it is rounded already, as store() takes it.
  Value rounded(RowCode &code, Value value, Value d) const;

private:
  Value word; ///< p of this row; null: to nearest
};

} // namespace

template <typename Op>
RowRounding::RowRounding(Op op, RowCode &code, ValueRange operands, Value at) {
  Value step = bufferOf(op, op.getStep(), operands);
  if (!step)
    return;
  Value row = arith::IndexCastOp::create(code.builder, code.loc,
                                         code.builder.getI64Type(), at);
  if (Value first = bufferOf(op, op.getFirstRow(), operands))
    row = arith::AddIOp::create(code.builder, code.loc, row,
                                code.load(first, {code.index(0)}));
  Words words(code);
  word = words.philox(op.getSeed(), rt::RandomPurpose::RoundCenters,
                      words.low(row), words.high(row),
                      words.low(code.load(step, {code.index(0)})))[0];
}

Value RowRounding::rounded(RowCode &code, Value value, Value d) const {
  if (!word)
    return value;
  OpBuilder &b = code.builder;
  Words words(code);
  Value mixed = words.plus(word, words.times(words.ofIndex(d), 0x9E3779B9u));
  mixed = words.mixed(mixed, 16, 0x7FEB352Du); // mixBits
  mixed = words.mixed(mixed, 15, 0x846CA68Bu);
  mixed = words.mixed(mixed, 16, 1);
  Value bits = arith::BitcastOp::create(b, code.loc, b.getI32Type(), value);
  Value cut = words.bitwiseAnd(words.plus(bits, words.shiftedRight(mixed, 16)),
                               0xFFFF0000u);
  // Of infinity and NaN all bits of the exponent are set.
  Value exponent = words.bitwiseAnd(bits, 0x7F800000u);
  return code.scalars.select(
      words.equal(exponent, 0x7F800000u), value,
      arith::BitcastOp::create(b, code.loc, b.getF32Type(), cut));
}

//===----------------------------------------------------------------------===//
// Gather and update of class centers
//===----------------------------------------------------------------------===//

int64_t GatherRowsOp::getRowExtent() { return extent(getRows(), 0); }
int GatherRowsOp::getInPlaceOperand(unsigned) { return -1; }

LogicalResult GatherRowsOp::buildRow(OpBuilder &builder, ValueRange operands,
                                     ValueRange results, Value row) {
  RowCode code(builder, getLoc());
  Value table = operands[0], indices = operands[1], rows = results[0];
  Value columns = code.index(extent(rows, 1)), zero = code.index(0);
  Value source = code.load(indices, {row});
  code.when(
      code.isOwned(source),
      [&](RowCode &yes) {
        Value at = yes.toIndex(source);
        yes.loop(zero, columns, [&](RowCode &c, Value d) {
          c.store(c.load(table, {at, d}), rows, {row, d});
        });
      },
      [&](RowCode &no) {
        no.loop(zero, columns, [&](RowCode &c, Value d) {
          c.store(c.scalars.constant(0.0), rows, {row, d});
        });
      });
  return success();
}

int64_t GatherUnitRowsOp::getRowExtent() { return extent(getRows(), 0); }
int GatherUnitRowsOp::getInPlaceOperand(unsigned) { return -1; }

LogicalResult GatherUnitRowsOp::buildRow(OpBuilder &builder,
                                         ValueRange operands,
                                         ValueRange results, Value row) {
  RowCode code(builder, getLoc());
  Value table = operands[0], rows = results[0];
  Value columns = code.index(extent(rows, 1)), zero = code.index(0);
  Value source = code.load(operands[1], {row});
  code.when(
      code.isOwned(source),
      [&](RowCode &yes) {
        Value at = yes.toIndex(source);
        Value inverse = inverseLength(yes, table, at);
        yes.loop(zero, columns, [&](RowCode &c, Value d) {
          Value w = c.load(table, {at, d});
          c.store(c.scalars.mul(w, inverse), rows, {row, d});
        });
      },
      [&](RowCode &no) {
        no.loop(zero, columns, [&](RowCode &c, Value d) {
          c.store(c.scalars.constant(0.0), rows, {row, d});
        });
      });
  return success();
}

namespace {

/// One row of the class centers and of the optimizer's state, in place.
class RowUpdater {
public:
  /// Of update_rows or coast_rows, on the buffers of its operands and results.
  template <typename Op>
  RowUpdater(Op op, RowCode &code, ValueRange operands, ValueRange results);

  /// A skipped step has `none` in place of an index or a count.
  Value unlessSkipped(RowCode &code, Value integer, int64_t none) {
    return skip ? code.scalars.select(skip, code.integer(none), integer)
                : integer;
  }

  void update(RowCode &code, Value at, const RowRounding &rounding,
              llvm::function_ref<Value(RowCode &, Value)> gradientAt) {
    code.loop(code.index(0), code.index(extent(table, 1)),
              [&](RowCode &e, Value d) {
                Value w = e.load(table, {at, d}), g = gradientAt(e, d);
                Value next =
                    squares ? adamw(e, w, g, {at, d}) : sgd(e, w, g, {at, d});
                e.store(rounding.rounded(e, next, d), table, {at, d});
              });
  }

private:
  Value sgd(RowCode &code, Value w, Value g, ValueRange at) {
    Scalars &s = code.scalars;
    g = s.add(g, s.mul(w, s.constant(decay)));
    Value v = s.add(s.mul(code.load(momentum, at), s.constant(mu)), g);
    code.store(v, momentum, at);
    return s.sub(w, s.mul(lr, v));
  }

  Value adamw(RowCode &code, Value w, Value g, ValueRange at) {
    AdamWElement next = constants.apply(
        code.scalars, w, code.load(momentum, at), code.load(squares, at), g);
    code.store(next.momentum, momentum, at);
    code.store(next.squares, squares, at);
    return next.parameter;
  }

  Value table, momentum, squares; ///< squares: null for SGD
  Value lr, skip;                 ///< skip: null where no step is skipped
  double mu, decay;
  AdamWStep constants;
};

template <typename Op>
RowUpdater::RowUpdater(Op op, RowCode &code, ValueRange operands,
                       ValueRange results)
    : table(results[0]), momentum(results[1]), mu(op.getMu().convertToDouble()),
      decay(op.getWeightDecay().convertToDouble()) {
  auto scalar = [&](Value operand) {
    Value buffer = bufferOf(op, operand, operands);
    return buffer ? code.load(buffer, {code.index(0)}) : Value();
  };
  lr = scalar(op.getLr());
  if (Value found = scalar(op.getFoundInf()))
    skip = code.scalars.greater(found, code.scalars.constant(0.0));
  if (!op.getSquares())
    return;
  squares = results[2];
  constants = AdamWStep(code.scalars, lr, scalar(op.getCorrection1()),
                        scalar(op.getCorrection2()),
                        {mu, op.getBeta2()->convertToDouble(),
                         op.getEps()->convertToDouble(), decay});
}

} // namespace

int64_t UpdateRowsOp::getRowExtent() { return extent(getRowsGrad(), 0); }
int UpdateRowsOp::getInPlaceOperand(unsigned result) { return result; }

LogicalResult UpdateRowsOp::buildRow(OpBuilder &builder, ValueRange operands,
                                     ValueRange results, Value row) {
  if (getRowUpdate() != RowUpdate::Sampled)
    return emitOpError("has a kernel for `sampled` alone; pfc-partition splits "
                       "off coast_rows");
  RowCode code(builder, getLoc());
  Value indices = bufferOf(*this, getIndices(), operands);
  Value gradient = bufferOf(*this, getRowsGrad(), operands), table = results[0];
  RowUpdater rows(*this, code, operands, results);
  Value unscale;
  if (Value buffer = bufferOf(*this, getUnscale(), operands))
    unscale = code.load(buffer, {code.index(0)});
  Value target = rows.unlessSkipped(code, code.load(indices, {row}), -1);
  code.when(code.isOwned(target), [&](RowCode &c) {
    Value at = c.toIndex(target), inverse, along;
    if (getOfUnitRows()) {
      // g = (γ − ŵ·(ŵ·γ))/‖w‖ = γ/‖w‖ − w·(w·γ)/‖w‖³
      inverse = inverseLength(c, table, at);
      Value dot = c.sum(c.index(0), c.index(extent(table, 1)),
                        c.scalars.constant(0.0), [&](RowCode &e, Value d) {
                          return e.scalars.mul(e.load(table, {at, d}),
                                               e.load(gradient, {row, d}));
                        });
      Value cubed = c.scalars.mul(c.scalars.mul(inverse, inverse), inverse);
      along = c.scalars.mul(dot, cubed);
    }
    RowRounding rounding(*this, c, operands, at);
    rows.update(c, at, rounding, [&](RowCode &e, Value d) {
      Scalars &s = e.scalars;
      Value g = e.load(gradient, {row, d});
      if (along)
        g = s.sub(s.mul(g, inverse), s.mul(e.load(table, {at, d}), along));
      return unscale ? s.mul(g, unscale) : g;
    });
  });
  return success();
}

/// The slot of `row` among the ascending indices, −1 standing for unused at the
/// end: the first slot whose index is not below it.
static Value lowerBound(RowCode &code, Value indices, Value row) {
  OpBuilder &b = code.builder;
  Location loc = code.loc;
  int64_t slots = extent(indices, 0);
  auto loop = scf::WhileOp::create(
      b, loc, TypeRange{b.getIndexType(), b.getIndexType()},
      ValueRange{code.index(0), code.index(slots)},
      [](OpBuilder &nested, Location l, ValueRange range) {
        Value open = arith::CmpIOp::create(nested, l, arith::CmpIPredicate::ult,
                                           range[0], range[1]);
        scf::ConditionOp::create(nested, l, open, range);
      },
      [&](OpBuilder &nested, Location l, ValueRange range) {
        RowCode c(nested, l);
        Value middle = arith::DivUIOp::create(
            nested, l, arith::AddIOp::create(nested, l, range[0], range[1]),
            c.index(2));
        // Unsigned, −1 is larger than every row.
        Value before =
            arith::CmpIOp::create(nested, l, arith::CmpIPredicate::ult,
                                  c.load(indices, {middle}), row);
        Value right = arith::AddIOp::create(nested, l, middle, c.index(1));
        scf::YieldOp::create(
            nested, l,
            ValueRange{c.scalars.select(before, right, range[0]),
                       c.scalars.select(before, range[1], middle)});
      });
  return loop.getResult(0);
}

int64_t CoastRowsOp::getRowExtent() { return extent(getTable(), 0); }
int CoastRowsOp::getInPlaceOperand(unsigned result) { return result; }

LogicalResult CoastRowsOp::buildRow(OpBuilder &builder, ValueRange operands,
                                    ValueRange results, Value row) {
  RowCode code(builder, getLoc());
  Value indices = bufferOf(*this, getIndices(), operands);
  RowUpdater rows(*this, code, operands, results);
  auto compare = [](RowCode &c, arith::CmpIPredicate how, Value a, Value b) {
    return arith::CmpIOp::create(c.builder, c.loc, how, a, b);
  };
  Value row64 =
      arith::IndexCastOp::create(builder, getLoc(), builder.getI64Type(), row);
  Value count =
      code.load(bufferOf(*this, getCount(), operands), {code.index(0)});
  Value inUse = compare(code, arith::CmpIPredicate::slt, row64,
                        rows.unlessSkipped(code, count, 0));
  code.when(inUse, [&](RowCode &c) {
    Value slot = lowerBound(c, indices, row64);
    Value last = c.index(extent(indices, 0) - 1);
    Value safe = arith::MinUIOp::create(c.builder, c.loc, slot, last);
    Value others =
        compare(c, arith::CmpIPredicate::ne, c.load(indices, {safe}), row64);
    c.when(others, [&](RowCode &other) {
      RowRounding rounding(*this, other, operands, row);
      rows.update(other, row, rounding,
                  [](RowCode &e, Value) { return e.scalars.constant(0.0); });
    });
  });
  return success();
}

//===----------------------------------------------------------------------===//
// Rows of host state
//===----------------------------------------------------------------------===//

int64_t FetchRowsOp::getRowExtent() { return extent(getRows(), 0); }
int FetchRowsOp::getInPlaceOperand(unsigned) { return -1; }

/// What a variable's row, its first index `row`, starts with at column `d`.
static Value initialElement(RowCode &code, InitAttr init, uint64_t key,
                            Value row, Value d) {
  Scalars &s = code.scalars;
  double a = init.getA(), b = init.getB();
  if (init.getKind() == InitKind::Constant)
    return s.constant(a);
  Words words(code);
  Value column = words.ofIndex(d);
  SmallVector<Value, 4> drawn = words.philox(key, rt::RandomPurpose::Initialize,
                                             words.shiftedRight(column, 2),
                                             words.low(row), words.high(row));
  Value odd = words.equal(words.bitwiseAnd(column, 1), 1);
  Value second = words.equal(words.bitwiseAnd(column, 2), 2);
  Value even = words.unit(s, s.select(second, drawn[2], drawn[0]));
  Value other = words.unit(s, s.select(second, drawn[3], drawn[1]));
  if (init.getKind() == InitKind::Uniform)
    return s.add(s.constant(a),
                 s.mul(s.constant(b - a), s.select(odd, other, even)));
  // Box-Muller
  Value radius =
      s.sqrt(s.mul(s.constant(-2.0), s.log(s.sub(s.constant(1.0), even))));
  Value angle = s.mul(s.constant(2.0 * std::numbers::pi), other);
  Value wave = s.select(odd, math::SinOp::create(code.builder, code.loc, angle),
                        math::CosOp::create(code.builder, code.loc, angle));
  return s.add(s.constant(a), s.mul(s.constant(b), s.mul(radius, wave)));
}

LogicalResult FetchRowsOp::buildRow(OpBuilder &builder, ValueRange operands,
                                    ValueRange results, Value row) {
  RowCode code(builder, getLoc());
  Value table = operands[0], rows = results[0];
  Value columns = code.index(extent(rows, 1)), zero = code.index(0);
  Value source = code.load(operands[1], {row});
  Value row64 =
      arith::IndexCastOp::create(builder, getLoc(), builder.getI64Type(), row);
  Value owned = code.isOwned(source);
  code.store(code.scalars.select(owned, row64, code.integer(-1)), results[1],
             {row});
  auto fill = [&](RowCode &c, llvm::function_ref<Value(RowCode &, Value)> at) {
    c.loop(zero, columns,
           [&](RowCode &e, Value d) { e.store(at(e, d), rows, {row, d}); });
  };
  code.when(
      owned,
      [&](RowCode &yes) {
        Value at = yes.toIndex(source);
        fill(yes, [&](RowCode &e, Value d) { return e.load(table, {at, d}); });
        if (!getInit())
          return;
        // Of the copy: the table is behind a bus.
        Value lengths = yes.sum(zero, columns, yes.scalars.constant(0.0),
                                [&](RowCode &c, Value d) {
                                  Scalars &s = c.scalars;
                                  Value w = c.load(rows, {row, d});
                                  return s.max(w, s.sub(s.constant(0.0), w));
                                });
        // A row that became NaN is not all zeros.
        Value unused = yes.scalars.atMost(lengths, yes.scalars.constant(0.0));
        Value first = yes.load(operands[2], {zero});
        Value logical =
            arith::AddIOp::create(yes.builder, yes.loc, first, source);
        yes.when(
            unused,
            [&](RowCode &fresh) {
              Type stored = cast<MemRefType>(table.getType()).getElementType();
              fill(fresh, [&](RowCode &e, Value d) {
                Value first =
                    initialElement(e, *getInit(), getKey(), logical, d);
                return e.scalars.toF32(e.scalars.fromF32(first, stored));
              });
            },
            [](RowCode &) {});
      },
      [&](RowCode &no) {
        fill(no, [](RowCode &e, Value) { return e.scalars.constant(0.0); });
      });
  return success();
}

int64_t StoreRowsOp::getRowExtent() { return extent(getRows(), 0); }
int StoreRowsOp::getInPlaceOperand(unsigned) { return 0; }

LogicalResult StoreRowsOp::buildRow(OpBuilder &builder, ValueRange operands,
                                    ValueRange results, Value row) {
  RowCode code(builder, getLoc());
  Value rows = operands[2], table = results[0];
  Value target = code.load(operands[1], {row});
  code.when(code.isOwned(target), [&](RowCode &yes) {
    Value at = yes.toIndex(target);
    RowRounding rounding(*this, yes, operands, at);
    yes.loop(yes.index(0), yes.index(extent(rows, 1)),
             [&](RowCode &e, Value d) {
               Value value = e.load(rows, {row, d});
               e.store(rounding.rounded(e, value, d), table, {at, d});
             });
  });
  return success();
}

} // namespace pfc

#include "dialects/pfc/ir/KernelBuilder.h"

using namespace mlir;

namespace pfc {

Value Scalars::toF32(Value value) {
  if (value.getType().isF32())
    return value;
  return arith::ExtFOp::create(builder, loc, builder.getF32Type(), value);
}

/// An op's result is rounded, whether or not a kernel has the op that adds to
/// it, too: with fewer or more ops in a kernel it computes the same bits.
static void roundProduct(Value result) {
  if (auto product = result.getDefiningOp<arith::MulFOp>())
    product.setFastmath(arith::FastMathFlags::none);
  if (auto choice = result.getDefiningOp<arith::SelectOp>()) {
    roundProduct(choice.getTrueValue());
    roundProduct(choice.getFalseValue());
  }
}

Value Scalars::fromF32(Value value, Type type) {
  roundProduct(value);
  if (value.getType() == type)
    return value;
  return arith::TruncFOp::create(builder, loc, type, value);
}

/// Where the iteration space keeps what an Access refers to.
struct Space {
  unsigned dims;
  SmallVector<unsigned> full; ///< dimensions of a `Full` tensor
  unsigned row;
  unsigned channel;
};

/// Of a tensor with more dimensions than the space: those behind the first
/// that are too many are held at their middle.
static void addMiddle(ArrayRef<int64_t> shape, const Space &space,
                      MLIRContext *context,
                      SmallVectorImpl<AffineExpr> &exprs) {
  exprs.push_back(getAffineDimExpr(0, context));
  for (int64_t extent : shape.slice(1, shape.size() - space.dims))
    exprs.push_back(getAffineConstantExpr(extent / 2, context));
  for (unsigned d = 1; d < space.dims; ++d)
    exprs.push_back(getAffineDimExpr(d, context));
}

static unsigned rankOf(Value tensor) {
  return cast<RankedTensorType>(tensor.getType()).getRank();
}

static AffineMap mapOf(MLIRContext *context, const Space &space,
                       const Input &input) {
  auto dim = [&](unsigned d) { return getAffineDimExpr(d, context); };
  AffineExpr zero = getAffineConstantExpr(0, context);
  AffineExpr one = getAffineConstantExpr(1, context);
  SmallVector<AffineExpr> exprs;
  switch (input.access) {
  case Access::Full:
    for (unsigned d : space.full)
      exprs.push_back(dim(d));
    break;
  case Access::Row:
    exprs = {dim(space.row)};
    break;
  case Access::Channel:
    exprs = {dim(space.channel)};
    break;
  case Access::Token:
    for (unsigned d = 0; d < rankOf(input.tensor); ++d)
      exprs.push_back(dim(d));
    break;
  case Access::First:
    for (unsigned d = 0; d + 1 < rankOf(input.tensor); ++d)
      exprs.push_back(dim(d));
    exprs.push_back(zero);
    break;
  case Access::Stat:
    exprs = {zero, dim(space.channel)};
    break;
  case Access::Image:
    exprs = {dim(space.row), dim(space.channel)};
    break;
  case Access::Middle:
    addMiddle(cast<RankedTensorType>(input.tensor.getType()).getShape(), space,
              context, exprs);
    break;
  case Access::Scalar:
    exprs = {zero};
    break;
  case Access::Pair0:
    exprs = {dim(space.row), zero};
    break;
  case Access::Pair1:
    exprs = {dim(space.row), one};
    break;
  }
  return AffineMap::get(space.dims, 0, exprs, context);
}

/// A generic with f32 arithmetic inside. With `accumulate` the results start
/// at zero and the body's values are added to them: in the loops' order but
/// where the innermost one makes a sum, which only vectorises in another.
static SmallVector<Value>
buildGeneric(OpBuilder &builder, Location loc, const Space &space,
             ArrayRef<utils::IteratorType> iterators, ArrayRef<Input> inputs,
             ArrayRef<RankedTensorType> resultTypes, AffineMap resultMap,
             bool accumulate, PointwiseBody body) {
  MLIRContext *context = builder.getContext();
  SmallVector<Value> operands, inits;
  SmallVector<AffineMap> maps;
  for (const Input &input : inputs) {
    operands.push_back(input.tensor);
    maps.push_back(mapOf(context, space, input));
  }
  SmallVector<Type> types;
  for (RankedTensorType type : resultTypes) {
    Value init = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                         type.getElementType());
    if (accumulate) {
      Value zero = arith::ConstantOp::create(
          builder, loc, builder.getZeroAttr(type.getElementType()));
      init = linalg::FillOp::create(builder, loc, zero, init).getResult(0);
    }
    inits.push_back(init);
    types.push_back(type);
    maps.push_back(resultMap);
  }
  bool anyOrder = iterators.back() == utils::IteratorType::reduction;
  auto generic = linalg::GenericOp::create(
      builder, loc, types, operands, inits, maps, iterators,
      [&](OpBuilder &nested, Location nestedLoc, ValueRange arguments) {
        Scalars scalars(nested, nestedLoc);
        SmallVector<Value> values;
        for (Value argument : arguments.take_front(operands.size()))
          values.push_back(isa<FloatType>(argument.getType())
                               ? scalars.toF32(argument)
                               : argument);
        SmallVector<Value> results = body(scalars, values);
        for (auto [result, out] :
             llvm::zip(results, arguments.drop_front(operands.size()))) {
          if (accumulate)
            result =
                anyOrder ? scalars.sum(out, result) : scalars.add(out, result);
          result = scalars.fromF32(result, out.getType());
        }
        linalg::YieldOp::create(nested, nestedLoc, results);
      });
  return SmallVector<Value>(generic.getResults());
}

static Space denseSpace(unsigned rank) {
  Space space{rank, {}, 0, rank - 1};
  for (unsigned d = 0; d < rank; ++d)
    space.full.push_back(d);
  return space;
}

SmallVector<Value> buildPointwise(OpBuilder &builder, Location loc,
                                  ArrayRef<RankedTensorType> resultTypes,
                                  ArrayRef<Input> inputs, PointwiseBody body) {
  unsigned rank = resultTypes.front().getRank();
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  return buildGeneric(builder, loc, denseSpace(rank), iterators, inputs,
                      resultTypes, builder.getMultiDimIdentityMap(rank),
                      /*accumulate=*/false, body);
}

/// Sums over the dimensions of `shape` that are not in `kept`.
static SmallVector<Value>
buildDenseSums(OpBuilder &builder, Location loc, ArrayRef<int64_t> shape,
               ArrayRef<unsigned> kept, ArrayRef<Input> inputs,
               PointwiseBody body, unsigned sums = 1) {
  unsigned rank = shape.size();
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::reduction);
  SmallVector<AffineExpr> exprs;
  SmallVector<int64_t> keptShape;
  for (unsigned d : kept) {
    iterators[d] = utils::IteratorType::parallel;
    exprs.push_back(builder.getAffineDimExpr(d));
    keptShape.push_back(shape[d]);
  }
  auto type = RankedTensorType::get(keptShape, builder.getF32Type());
  SmallVector<RankedTensorType> types(sums, type);
  return buildGeneric(builder, loc, denseSpace(rank), iterators, inputs, types,
                      AffineMap::get(rank, 0, exprs, builder.getContext()),
                      /*accumulate=*/true, body);
}

SmallVector<Value> buildImageSums(OpBuilder &builder, Location loc,
                                  ArrayRef<int64_t> shape,
                                  ArrayRef<Input> inputs, PointwiseBody body,
                                  unsigned sums) {
  unsigned rank = shape.size();
  return buildDenseSums(builder, loc, shape, {0, rank - 1}, inputs, body, sums);
}

Value buildChannelSum(OpBuilder &builder, Location loc, ArrayRef<int64_t> shape,
                      ArrayRef<Input> inputs, PointwiseBody body) {
  Value images = buildImageSums(builder, loc, shape, inputs, body).front();
  return buildColumnSums(builder, loc, shape[0], shape.back(),
                         /*keepRow=*/false, {{images}}, asIs)
      .front();
}

SmallVector<Value> buildTokenSums(OpBuilder &builder, Location loc,
                                  ArrayRef<int64_t> shape,
                                  ArrayRef<Input> inputs, PointwiseBody body,
                                  unsigned sums) {
  auto kept = llvm::to_vector(llvm::seq<unsigned>(shape.size() - 1));
  return buildDenseSums(builder, loc, shape, kept, inputs, body, sums);
}

SmallVector<Value> buildRowSums(OpBuilder &builder, Location loc,
                                ArrayRef<int64_t> shape, ArrayRef<Input> inputs,
                                PointwiseBody body, unsigned sums) {
  return buildDenseSums(builder, loc, shape, {0}, inputs, body, sums);
}

SmallVector<Value> buildColumnSums(OpBuilder &builder, Location loc,
                                   int64_t rows, int64_t channels, bool keepRow,
                                   ArrayRef<Input> inputs, PointwiseBody body) {
  if (!keepRow)
    return buildDenseSums(builder, loc, {rows, channels}, {1}, inputs, body);
  // A leading dimension of extent one carries the kept row.
  Space space{3, {1, 2}, 1, 2};
  SmallVector<utils::IteratorType> iterators{utils::IteratorType::parallel,
                                             utils::IteratorType::reduction,
                                             utils::IteratorType::parallel};
  auto type = RankedTensorType::get({1, channels}, builder.getF32Type());
  AffineMap map = AffineMap::get(
      3, 0, {builder.getAffineDimExpr(0), builder.getAffineDimExpr(2)},
      builder.getContext());
  return buildGeneric(builder, loc, space, iterators, inputs, {type}, map,
                      /*accumulate=*/true, body);
}

Value buildTotal(OpBuilder &builder, Location loc, ArrayRef<Input> inputs,
                 PointwiseBody body) {
  Space space{2, {1}, 1, 1};
  SmallVector<utils::IteratorType> iterators{utils::IteratorType::parallel,
                                             utils::IteratorType::reduction};
  auto type = RankedTensorType::get({1}, builder.getF32Type());
  AffineMap map =
      AffineMap::get(2, 0, {builder.getAffineDimExpr(0)}, builder.getContext());
  return buildGeneric(builder, loc, space, iterators, inputs, {type}, map,
                      /*accumulate=*/true, body)
      .front();
}

SmallVector<Value, 4> buildPhilox(OpBuilder &builder, Location loc,
                                  uint64_t seed, ValueRange counter) {
  auto word = [&](uint32_t value) -> Value {
    return arith::ConstantOp::create(
        builder, loc, builder.getI32IntegerAttr(static_cast<int32_t>(value)));
  };
  SmallVector<Value, 4> c(counter.begin(), counter.end());
  uint32_t k0 = static_cast<uint32_t>(seed);
  uint32_t k1 = static_cast<uint32_t>(seed >> 32);
  Value m0 = word(0xD2511F53u), m1 = word(0xCD9E8D57u);
  for (int round = 0; round < 10; ++round) {
    auto p0 = arith::MulUIExtendedOp::create(builder, loc, m0, c[0]);
    auto p1 = arith::MulUIExtendedOp::create(builder, loc, m1, c[2]);
    auto mix = [&](Value high, Value low, uint32_t key) -> Value {
      Value x = arith::XOrIOp::create(builder, loc, high, low);
      return arith::XOrIOp::create(builder, loc, x, word(key));
    };
    c = {mix(p1.getHigh(), c[1], k0), p1.getLow(), mix(p0.getHigh(), c[3], k1),
         p0.getLow()};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

Value buildRandomWord(OpBuilder &builder, Location loc, uint64_t seed,
                      rt::RandomPurpose purpose, Value element, Value step,
                      int64_t layer) {
  auto integer = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getI64IntegerAttr(value));
  };
  auto low = [&](Value value) -> Value {
    return arith::TruncIOp::create(builder, loc, builder.getI32Type(), value);
  };
  Value block = arith::ShRUIOp::create(builder, loc, element, integer(2));
  Value lane = arith::AndIOp::create(builder, loc, element, integer(3));
  SmallVector<Value, 4> words =
      buildPhilox(builder, loc, seed,
                  {low(block), low(step), low(integer(layer)),
                   low(integer(static_cast<int64_t>(purpose)))});
  Value word = words[0];
  for (int64_t i = 1; i < 4; ++i) {
    Value isIt = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                       lane, integer(i));
    word = arith::SelectOp::create(builder, loc, isIt, words[i], word);
  }
  return word;
}

Value buildUnitFloat(Scalars &s, Value word) {
  Value eight = arith::ConstantOp::create(s.builder, s.loc,
                                          s.builder.getI32IntegerAttr(8));
  Value shifted = arith::ShRUIOp::create(s.builder, s.loc, word, eight);
  return s.mul(arith::UIToFPOp::create(s.builder, s.loc, s.builder.getF32Type(),
                                       shifted),
               s.constant(0x1p-24));
}

} // namespace pfc

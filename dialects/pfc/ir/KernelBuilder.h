//===- KernelBuilder.h - Short ways to write kernel bodies ------*- C++ -*-===//
//
// Kernel bodies are linalg.generic ops on tensors. Scalars enter a body as f32
// whatever the tensors' element type is, and leave it converted back: sums and
// arithmetic are always fp32.
//
//===----------------------------------------------------------------------===//
#ifndef DIALECTS_PFC_IR_KERNELBUILDER_H
#define DIALECTS_PFC_IR_KERNELBUILDER_H

#include "dialects/pfc/ir/PfcDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "runtime/base/Philox.h"

namespace pfc {

/// Attribute that names the ops a generic does: "batch_norm, prelu".
constexpr llvm::StringLiteral kernelSourceAttrName = "pfc.source";

/// f32 arithmetic with the rewrites we allow: contraction to fma within an op;
/// `sum` may also be reordered, so that a reduction vectorises.
class Scalars {
public:
  Scalars(mlir::OpBuilder &builder, mlir::Location loc)
      : builder(builder), loc(loc) {}

  mlir::Value constant(double value) {
    return mlir::arith::ConstantOp::create(
        builder, loc, builder.getF32FloatAttr(static_cast<float>(value)));
  }
  mlir::Value add(mlir::Value a, mlir::Value b) {
    return mlir::arith::AddFOp::create(builder, loc, a, b, contract());
  }
  mlir::Value sub(mlir::Value a, mlir::Value b) {
    return mlir::arith::SubFOp::create(builder, loc, a, b, contract());
  }
  mlir::Value mul(mlir::Value a, mlir::Value b) {
    return mlir::arith::MulFOp::create(builder, loc, a, b, contract());
  }
  mlir::Value div(mlir::Value a, mlir::Value b) {
    return mlir::arith::DivFOp::create(builder, loc, a, b);
  }
  /// One more term of a reduction.
  mlir::Value sum(mlir::Value total, mlir::Value term) {
    return mlir::arith::AddFOp::create(builder, loc, total, term,
                                       mlir::arith::FastMathFlags::contract |
                                           mlir::arith::FastMathFlags::reassoc);
  }
  mlir::Value max(mlir::Value a, mlir::Value b) {
    return mlir::arith::MaximumFOp::create(builder, loc, a, b);
  }
  mlir::Value min(mlir::Value a, mlir::Value b) {
    return mlir::arith::MinimumFOp::create(builder, loc, a, b);
  }
  mlir::Value exp(mlir::Value a) {
    return mlir::math::ExpOp::create(builder, loc, a);
  }
  mlir::Value log(mlir::Value a) {
    return mlir::math::LogOp::create(builder, loc, a);
  }
  mlir::Value sqrt(mlir::Value a) {
    return mlir::math::SqrtOp::create(builder, loc, a);
  }
  mlir::Value greater(mlir::Value a, mlir::Value b) {
    return mlir::arith::CmpFOp::create(builder, loc,
                                       mlir::arith::CmpFPredicate::OGT, a, b);
  }
  /// Not for NaN.
  mlir::Value atMost(mlir::Value a, mlir::Value b) {
    return mlir::arith::CmpFOp::create(builder, loc,
                                       mlir::arith::CmpFPredicate::OLE, a, b);
  }
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b) {
    return mlir::arith::SelectOp::create(builder, loc, condition, a, b);
  }
  /// `value` as f32.
  mlir::Value toF32(mlir::Value value);
  /// `value`, an op's result, as `type`, to nearest even. It is not contracted
  /// with what others make of it.
  mlir::Value fromF32(mlir::Value value, mlir::Type type);

  mlir::OpBuilder &builder;
  mlir::Location loc;

private:
  static mlir::arith::FastMathFlags contract() {
    return mlir::arith::FastMathFlags::contract;
  }
};

/// 1/max(‖x‖₂, 1e-12), the factor of `pfc.normalize`.
inline mlir::Value reciprocalLength(Scalars &s, mlir::Value sumOfSquares) {
  return s.div(s.constant(1.0), s.max(s.sqrt(sumOfSquares), s.constant(1e-12)));
}

/// How a tensor is indexed by a body's iteration space.
enum class Access {
  Full,    ///< all dimensions, in order
  Row,     ///< dimension 0
  Channel, ///< the last dimension
  Token,   ///< the first ones, as many as it has: a value for each position
  First,   ///< the position's first channel
  Stat,    ///< [0, last]: statistics [1,C]
  Image,   ///< [first, last]: a value for each image and channel, [N,C]
  Middle,  ///< [first, …, last] at the middle of what the body has no dim for
  Scalar,  ///< [0]: a tensor of one
  Pair0,   ///< [dimension 0, 0]: the first of a row's two statistics, [B,2]
  Pair1,   ///< [dimension 0, 1]: the second
};

/// A tensor, and which element of it a body reads.
struct Input {
  mlir::Value tensor;
  Access access = Access::Full;
};

/// What a body computes, f32, from the elements of its inputs.
using PointwiseBody = llvm::function_ref<llvm::SmallVector<mlir::Value>(
    Scalars &, mlir::ValueRange)>;

/// The body whose value is its first input.
inline llvm::SmallVector<mlir::Value> asIs(Scalars &, mlir::ValueRange inputs) {
  return {inputs[0]};
}

/// One generic over the shape of `resultTypes` (all alike): results[i] at every
/// element = body(inputs).
llvm::SmallVector<mlir::Value>
buildPointwise(mlir::OpBuilder &builder, mlir::Location loc,
               llvm::ArrayRef<mlir::RankedTensorType> resultTypes,
               llvm::ArrayRef<Input> inputs, PointwiseBody body);

/// Sums over the middle dimensions of `shape` = [N,…,C] of the body's `sums`
/// values: f32 tensors [N,C].
llvm::SmallVector<mlir::Value>
buildImageSums(mlir::OpBuilder &builder, mlir::Location loc,
               llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<Input> inputs,
               PointwiseBody body, unsigned sums = 1);

/// Sums over dimensions 1 … of `shape` = [N,…,C] and then over its images, in
/// order: an f32 tensor [C].
mlir::Value buildChannelSum(mlir::OpBuilder &builder, mlir::Location loc,
                            llvm::ArrayRef<int64_t> shape,
                            llvm::ArrayRef<Input> inputs, PointwiseBody body);

/// Sums over the last dimension of `shape`: f32 tensors of the others.
llvm::SmallVector<mlir::Value>
buildTokenSums(mlir::OpBuilder &builder, mlir::Location loc,
               llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<Input> inputs,
               PointwiseBody body, unsigned sums = 1);

/// Sums over all but dimension 0 of `shape`: f32 tensors [shape[0]].
llvm::SmallVector<mlir::Value>
buildRowSums(mlir::OpBuilder &builder, mlir::Location loc,
             llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<Input> inputs,
             PointwiseBody body, unsigned sums = 1);

/// Sums over dimension 0 of tensors [N,C]: f32 tensors [C], or [1,C] with
/// `keepRow`. Access `Full` is [N,C], `Channel` [C], `Stat` [1,C].
llvm::SmallVector<mlir::Value> buildColumnSums(mlir::OpBuilder &builder,
                                               mlir::Location loc, int64_t rows,
                                               int64_t channels, bool keepRow,
                                               llvm::ArrayRef<Input> inputs,
                                               PointwiseBody body);

/// Sum of the body over all rows i: an f32 tensor of one. Accesses `Row`,
/// `Pair0` and `Pair1` see i.
mlir::Value buildTotal(mlir::OpBuilder &builder, mlir::Location loc,
                       llvm::ArrayRef<Input> inputs, PointwiseBody body);

/// The ten rounds of Philox4x32 (runtime/base/Philox.h) on i32 counter words.
llvm::SmallVector<mlir::Value, 4> buildPhilox(mlir::OpBuilder &builder,
                                              mlir::Location loc, uint64_t seed,
                                              mlir::ValueRange counter);

/// Word j%4 of Philox(seed; j/4, step, layer; purpose) for the i64 `element` j.
mlir::Value buildRandomWord(mlir::OpBuilder &builder, mlir::Location loc,
                            uint64_t seed, rt::RandomPurpose purpose,
                            mlir::Value element, mlir::Value step,
                            int64_t layer);
/// A word as a number of [0,1): its upper 24 bits.
mlir::Value buildUnitFloat(Scalars &scalars, mlir::Value word);

} // namespace pfc

#endif // DIALECTS_PFC_IR_KERNELBUILDER_H

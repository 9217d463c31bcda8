//===- TileHead.cpp - pfc-tile-head ---------------------------------------===//
//
// The strategy *keep*: three products, E stored once between them. Row factors
// a = s/(B·Z) scale the [B,D] sides, never the [B,S] one:
//
//   dX̂ = diag(a)·(E'·Ŵ)        dŴ = E'ᵀ·(diag(a)·X̂)
//
//===----------------------------------------------------------------------===//
#include "passes/Passes.h"

namespace pfc {
#define GEN_PASS_DEF_TILEHEADPASS
#include "passes/Passes.h.inc"
} // namespace pfc

using namespace mlir;
using namespace pfc;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// margin_softmax -> matmul, margin_exp.
static void expandForward(MarginSoftmaxOp op) {
  OpBuilder builder(op);
  // fp32 cosines: the margin and the exponential must see the product's
  // precision, not the operands'.
  Value cosines = MatmulOp::create(
      builder, op.getLoc(), typeOf(op.getExps()).clone(builder.getF32Type()),
      op.getEmbeddings(), op.getCenters(), /*transpose_lhs=*/false,
      /*transpose_rhs=*/true);
  auto exps = MarginExpOp::create(
      builder, op.getLoc(), op.getExps().getType(), op.getStats().getType(),
      op.getTargets().getType(), cosines, op.getColumns(), op.getCount(),
      op.getMargin(), op.getShift());
  op->replaceAllUsesWith(exps->getResults());
  op.erase();
}

/// margin_softmax_grad -> margin_patch, two matmuls, two scale_rows.
static void expandBackward(MarginSoftmaxGradOp op) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  auto patch = MarginPatchOp::create(
      builder, loc, op.getExps().getType(), op.getTargets().getType(),
      op.getExps(), op.getStats(), op.getTargets(), op.getColumns(),
      op.getMargin(), op.getShift(), op.getBatch());
  Value patched = patch.getPatched(), factors = patch.getFactors();

  Value unscaled = MatmulOp::create(
      builder, loc, typeOf(op.getEmbeddingsGrad()).clone(builder.getF32Type()),
      patched, op.getCenters());
  Value embeddingsGrad = ScaleRowsOp::create(
      builder, loc, op.getEmbeddingsGrad().getType(), unscaled, factors);

  Value scaled = ScaleRowsOp::create(builder, loc, op.getEmbeddings().getType(),
                                     op.getEmbeddings(), factors);
  Value centersGrad =
      MatmulOp::create(builder, loc, op.getCentersGrad().getType(), patched,
                       scaled, /*transpose_lhs=*/true);
  op->replaceAllUsesWith(ValueRange{embeddingsGrad, centersGrad});
  op.erase();
}

namespace {
struct TileHeadPass : public pfc::impl::TileHeadPassBase<TileHeadPass> {
  using Base::Base;

  void runOnOperation() override {
    // Erases the op it visits, which a post-order walk allows.
    getOperation().walk([](MarginSoftmaxOp op) { expandForward(op); });
    getOperation().walk([](MarginSoftmaxGradOp op) { expandBackward(op); });
  }
};
} // namespace

//===- FuseMarginSoftmax.cpp - pfc-fuse-margin-softmax --------------------===//
//
//   x̂, ŵ ─▶ cosine_logits ─▶ margin ─▶ softmax_stats ─▶ (all_reduce)
//                 │             │                            │
//                 │             └▶ softmax_cross_entropy_grad ◀
//                 └──────────────▶ margin_grad ─▶ (cast) ─▶ matmul ·ŵ,  matmulᵀ
//                 ·x̂
//
// The first line becomes margin_softmax, the rest margin_softmax_grad.
//
//===----------------------------------------------------------------------===//
#include "mlir/IR/Remarks.h"
#include "passes/Passes.h"

namespace pfc {
#define GEN_PASS_DEF_FUSEMARGINSOFTMAXPASS
#include "passes/Passes.h.inc"
} // namespace pfc

using namespace mlir;
using namespace pfc;

namespace {

/// The ops of one head. Those of the backward half are null in inference.
struct Head {
  SoftmaxStatsOp stats;
  MarginOp margin;
  CosineLogitsOp cosine;

  SoftmaxCrossEntropyGradOp lossGrad;
  MarginGradOp marginGrad;
  CastOp gradCast; ///< the cosines' gradient as the products take it
  MatmulOp embeddingsGrad, centersGrad;

  /// Empty where it matches, else why not.
  std::string match(SoftmaxStatsOp root);
  void fuse();

private:
  std::string matchForward();
  std::string matchBackward();
  std::string matchProducts(Value cosinesGrad);
  void fuseBackward(MarginSoftmaxOp forward);
};

} // namespace

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

static std::string usedBy(StringRef value, Operation *user) {
  return (value + " is also used by " + user->getName().getStringRef()).str();
}

std::string Head::matchForward() {
  margin = stats.getLogits().getDefiningOp<MarginOp>();
  if (!margin)
    return "the logits are not those of pfc.margin";
  cosine = margin.getCosines().getDefiningOp<CosineLogitsOp>();
  if (!cosine)
    return "the cosines are not those of pfc.cosine_logits";
  if (margin.getColumns() != stats.getColumns())
    return "margin and softmax have different targets";
  for (Operation *user : margin->getUsers()) {
    if (user == stats)
      continue;
    lossGrad = dyn_cast<SoftmaxCrossEntropyGradOp>(user);
    if (!lossGrad)
      return usedBy("the matrix of logits", user);
  }
  for (Operation *user : cosine->getUsers()) {
    if (user == margin)
      continue;
    marginGrad = dyn_cast<MarginGradOp>(user);
    if (!marginGrad)
      return usedBy("the matrix of cosines", user);
  }
  return "";
}

std::string Head::matchProducts(Value cosinesGrad) {
  for (Operation *user : cosinesGrad.getUsers()) {
    auto product = dyn_cast<MatmulOp>(user);
    if (!product || product.getLhs() != cosinesGrad ||
        product.getTransposeRhs())
      return usedBy("the gradient of the cosines", user);
    bool ofCenters = product.getTransposeLhs();
    Value other = ofCenters ? cosine.getEmbeddings() : cosine.getCenters();
    if (product.getRhs() != other)
      return "a gradient's product has another operand than the forward one";
    (ofCenters ? centersGrad : embeddingsGrad) = product;
  }
  if (!centersGrad || !embeddingsGrad)
    return "it is not differentiated with respect to both operands";
  return "";
}

std::string Head::matchBackward() {
  if (!lossGrad && !marginGrad)
    return "";
  if (!lossGrad || !marginGrad ||
      marginGrad.getLogitsGrad() != lossGrad.getLogitsGrad() ||
      !lossGrad->hasOneUse())
    return "the gradient of the logits is not that of the cosines alone";
  if (lossGrad.getColumns() != stats.getColumns() ||
      marginGrad.getColumns() != stats.getColumns() ||
      marginGrad.getMargin() != margin.getMargin() ||
      marginGrad.getRowMargins() != margin.getRowMargins() ||
      lossGrad.getShift() != stats.getShift())
    return "forward and backward differ in targets, margin or shift";
  Value cosinesGrad = marginGrad.getCosinesGrad();
  if (cosinesGrad.hasOneUse())
    gradCast = dyn_cast<CastOp>(*cosinesGrad.user_begin());
  return matchProducts(gradCast ? gradCast.getOutput() : cosinesGrad);
}

std::string Head::match(SoftmaxStatsOp root) {
  stats = root;
  std::string reason = matchForward();
  return reason.empty() ? matchBackward() : reason;
}

//===----------------------------------------------------------------------===//
// Fusion
//===----------------------------------------------------------------------===//

/// Of E, for products of `operands`: bf16 where they are fp16, whose largest
/// number is e^11.1.
static Type elementOfExps(RankedTensorType operands) {
  Type element = operands.getElementType();
  return element.isF16() ? BFloat16Type::get(element.getContext()) : element;
}

void Head::fuse() {
  OpBuilder builder(stats);
  auto logits = cast<RankedTensorType>(stats.getLogits().getType());
  auto operands = cast<RankedTensorType>(cosine.getEmbeddings().getType());
  auto forward = MarginSoftmaxOp::create(
      builder, cosine.getLoc(), logits.clone(elementOfExps(operands)),
      stats.getStats().getType(),
      RankedTensorType::get({logits.getDimSize(0)}, builder.getF32Type()),
      cosine.getEmbeddings(), cosine.getCenters(), stats.getColumns(),
      stats.getCount(), margin.getRowMargins(), margin.getMargin(),
      stats.getShift());
  stats.getStats().replaceAllUsesWith(forward.getStats());
  if (lossGrad)
    fuseBackward(forward);
  stats.erase();
  margin.erase();
  cosine.erase();
}

void Head::fuseBackward(MarginSoftmaxOp forward) {
  // At margin_grad: the sums over ranks are there, the products not yet.
  OpBuilder builder(marginGrad);
  auto backward = MarginSoftmaxGradOp::create(
      builder, marginGrad.getLoc(), embeddingsGrad.getType(),
      centersGrad.getType(), forward.getEmbeddings(), forward.getCenters(),
      forward.getExps(), lossGrad.getStats(), forward.getTargets(),
      forward.getColumns(), lossGrad.getLossScale(), forward.getRowMargins(),
      forward.getMargin(), forward.getShift(), lossGrad.getBatch());
  embeddingsGrad.getResult().replaceAllUsesWith(backward.getEmbeddingsGrad());
  centersGrad.getResult().replaceAllUsesWith(backward.getCentersGrad());
  embeddingsGrad.erase();
  centersGrad.erase();
  if (gradCast)
    gradCast.erase();
  marginGrad.erase();
  lossGrad.erase();
}

namespace {
struct FuseMarginSoftmaxPass
    : public pfc::impl::FuseMarginSoftmaxPassBase<FuseMarginSoftmaxPass> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<SoftmaxStatsOp> roots;
    getOperation().walk([&](SoftmaxStatsOp op) { roots.push_back(op); });
    for (SoftmaxStatsOp root : roots) {
      Head head;
      std::string reason = head.match(root);
      auto options = remark::RemarkOpts::name("FuseMarginSoftmax")
                         .category("pfc-fuse-margin-softmax");
      if (!reason.empty()) {
        remark::missed(root.getLoc(), options) << remark::reason("{0}", reason);
        continue;
      }
      remark::passed(root.getLoc(), options) << remark::add(
          "{0}", head.lossGrad ? "forward and gradient" : "forward");
      head.fuse();
    }
  }
};
} // namespace

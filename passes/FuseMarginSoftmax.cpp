//===- FuseMarginSoftmax.cpp - pfc-fuse-margin-softmax --------------------===//
//
//   x̂, ŵ ─▶ cosine_logits ─▶ margin ─▶ softmax_stats ─▶ (all_reduce)
//                 │             │                            │
//                 │             └▶ softmax_cross_entropy_grad ◀
//                 └──────────────▶ margin_grad ─▶ (cast) ─▶ matmul ·ŵ,  matmulᵀ
//                 ·x̂
//
// The first line becomes margin_softmax, the rest margin_softmax_grad. Where an
// exponential that isn't normalised has no room, in fp16, the cosines stay and
// the lines become
//
//   x̂, ŵ ─▶ matmul ─▶ margin_stats ─▶ (all_reduce)
//               └───▶ margin_stats_grad ◀┘ ─▶ matmul ·ŵ,  matmulᵀ ·x̂
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
  /// Why exponentials are not kept; empty where they are.
  StringRef keepsCosines();

private:
  std::string matchForward();
  std::string matchBackward();
  std::string matchProducts(Value cosinesGrad);
  void fuseAroundExps();
  void fuseBackward(MarginSoftmaxOp forward);
  void fuseAroundCosines();
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

StringRef Head::keepsCosines() {
  if (cast<RankedTensorType>(cosine.getEmbeddings().getType())
          .getElementType()
          .isF16())
    return "fp16 has no room for exponentials";
  if (lossGrad && lossGrad.getLossScale())
    return "the loss is scaled";
  return "";
}

void Head::fuse() {
  if (keepsCosines().empty())
    fuseAroundExps();
  else
    fuseAroundCosines();
  stats.erase();
  margin.erase();
  cosine.erase();
}

/// The two products of the gradient stay as they are.
void Head::fuseAroundCosines() {
  OpBuilder builder(cosine);
  auto type = cast<RankedTensorType>(cosine.getCosines().getType());
  Value cosines = MatmulOp::create(
      builder, cosine.getLoc(), type.clone(builder.getF32Type()),
      cosine.getEmbeddings(), cosine.getCenters(), /*transpose_lhs=*/false,
      /*transpose_rhs=*/true);
  builder.setInsertionPoint(stats);
  auto sums = MarginStatsOp::create(
      builder, margin.getLoc(), stats.getStats().getType(), cosines,
      stats.getColumns(), stats.getCount(), margin.getRowMargins(),
      margin.getMargin(), stats.getShift());
  stats.getStats().replaceAllUsesWith(sums.getStats());
  if (!lossGrad)
    return;
  builder.setInsertionPoint(marginGrad);
  Value gradient =
      gradCast ? gradCast.getOutput() : marginGrad.getCosinesGrad();
  Value replacement = MarginStatsGradOp::create(
      builder, marginGrad.getLoc(), gradient.getType(), cosines,
      lossGrad.getStats(), stats.getColumns(), stats.getCount(),
      lossGrad.getLossScale(), margin.getRowMargins(), margin.getMargin(),
      stats.getShift(), lossGrad.getBatch());
  gradient.replaceAllUsesWith(replacement);
  if (gradCast)
    gradCast.erase();
  marginGrad.erase();
  lossGrad.erase();
}

void Head::fuseAroundExps() {
  OpBuilder builder(stats);
  auto logits = cast<RankedTensorType>(stats.getLogits().getType());
  auto operands = cast<RankedTensorType>(cosine.getEmbeddings().getType());
  auto forward = MarginSoftmaxOp::create(
      builder, cosine.getLoc(), logits.clone(operands.getElementType()),
      stats.getStats().getType(),
      RankedTensorType::get({logits.getDimSize(0)}, builder.getF32Type()),
      cosine.getEmbeddings(), cosine.getCenters(), stats.getColumns(),
      stats.getCount(), margin.getRowMargins(), margin.getMargin(),
      stats.getShift());
  stats.getStats().replaceAllUsesWith(forward.getStats());
  if (lossGrad)
    fuseBackward(forward);
}

void Head::fuseBackward(MarginSoftmaxOp forward) {
  // At margin_grad: the sums over ranks are there, the products not yet.
  OpBuilder builder(marginGrad);
  auto backward = MarginSoftmaxGradOp::create(
      builder, marginGrad.getLoc(), embeddingsGrad.getType(),
      centersGrad.getType(), forward.getEmbeddings(), forward.getCenters(),
      forward.getExps(), lossGrad.getStats(), forward.getTargets(),
      forward.getColumns(), forward.getRowMargins(), forward.getMargin(),
      forward.getShift(), lossGrad.getBatch());
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
      StringRef kept = head.keepsCosines();
      remark::passed(root.getLoc(), options) << remark::add(
          "{0}{1}{2}", head.lossGrad ? "forward and gradient" : "forward",
          kept.empty() ? "" : ", around cosines: ", kept);
      head.fuse();
    }
  }
};
} // namespace

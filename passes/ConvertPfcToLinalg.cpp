//===- ConvertPfcToLinalg.cpp - Ops to kernel bodies, fused ---------------===//
//
// Every op with a kernel body becomes linalg.generic ops, and element-wise
// neighbours become one. A producer moves into its consumer only where it is
// used once and no element of it would be computed twice.
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/ir/KernelBuilder.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace pfc {
#define GEN_PASS_DEF_CONVERTPFCTOLINALGPASS
#include "passes/Passes.h.inc"
} // namespace pfc

using namespace mlir;

namespace pfc {
namespace {

constexpr StringLiteral kSource = kernelSourceAttrName;

/// Replaces an op by its kernel body.
LogicalResult expand(KernelBodyOpInterface op) {
  OpBuilder builder(op);
  SmallVector<Value> results;
  Operation *before = op->getPrevNode();
  if (failed(op.buildKernelBody(builder, results)))
    return failure();
  StringAttr name = builder.getStringAttr(op->getName().stripDialect());
  Operation *first = before ? before->getNextNode() : &op->getBlock()->front();
  for (Operation *built = first; built != op; built = built->getNextNode())
    if (isa<linalg::GenericOp>(built) && !built->hasAttr(kSource))
      built->setAttr(kSource, name);
  op->replaceAllUsesWith(results);
  op->erase();
  return success();
}

std::string sourceOf(Operation *op) {
  auto source = op->getAttrOfType<StringAttr>(kSource);
  return source ? source.str() : "linalg";
}

/// Whether the producer of `operand` may move into the generic that reads it:
/// same iteration space, so nothing is computed twice.
bool isWorthFusing(OpOperand &operand) {
  auto producer = operand.get().getDefiningOp<linalg::GenericOp>();
  auto consumer = cast<linalg::GenericOp>(operand.getOwner());
  if (!producer || !producer->hasOneUse() || producer->getNumResults() != 1)
    return false;
  if (producer.getNumLoops() != consumer.getNumLoops() ||
      !consumer.getMatchingIndexingMap(&operand).isIdentity())
    return false;
  return linalg::areElementwiseOpsFusable(&operand);
}

/// Moves one producer into the generic that reads it.
struct FuseProducer : OpRewritePattern<linalg::GenericOp> {
  using Base::Base;

  LogicalResult matchAndRewrite(linalg::GenericOp consumer,
                                PatternRewriter &rewriter) const override {
    for (OpOperand *operand : consumer.getDpsInputOperands()) {
      if (!isWorthFusing(*operand))
        continue;
      auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
      std::string source = sourceOf(producer) + ", " + sourceOf(consumer);
      FailureOr<linalg::ElementwiseOpFusionResult> fused =
          linalg::fuseElementwiseOps(rewriter, operand);
      if (failed(fused))
        continue;
      fused->fusedOp->setAttr(kSource, rewriter.getStringAttr(source));
      for (auto [from, to] : fused->replacements)
        rewriter.replaceUsesWithIf(from, to, [&](OpOperand &use) {
          return use.getOwner() != producer;
        });
      rewriter.eraseOp(consumer);
      return success();
    }
    return failure();
  }
};

struct ConvertPfcToLinalgPass
    : impl::ConvertPfcToLinalgPassBase<ConvertPfcToLinalgPass> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<KernelBodyOpInterface> ops;
    getOperation().walk<WalkOrder::PreOrder>([&](KernelBodyOpInterface op) {
      ops.push_back(op);
      return WalkResult::skip(); // what is in a sweep is the sweep's
    });
    for (KernelBodyOpInterface op : ops)
      if (failed(expand(op)))
        return signalPassFailure();
    RewritePatternSet patterns(&getContext());
    patterns.add<FuseProducer>(&getContext());
    GreedyRewriteConfig config;
    config.enableFolding(false).enableConstantCSE(false);
    if (failed(
            applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};

} // namespace
} // namespace pfc

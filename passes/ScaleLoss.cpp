//===- ScaleLoss.cpp - pfc-scale-loss -------------------------------------===//
//
//   loss_scale ─▶ softmax_cross_entropy_grad ─▶ … ─▶ gradients, scaled
//                                                        │
//             sum_squares (of backbone, of class centers) ◀
//                  │
//                  └─▶ found_inf ─▶ update_loss_scale ─▶ loss_scale'
//                          │               └─ unscale ─┐
//                          └─▶ sgd, update_rows ◀──────┘ (clip_factor)
//
//===----------------------------------------------------------------------===//
#include "passes/Passes.h"

namespace pfc {
#define GEN_PASS_DEF_SCALELOSSPASS
#include "passes/Passes.h.inc"
} // namespace pfc

using namespace mlir;
using namespace pfc;

namespace {

class LossScaler {
public:
  LossScaler(func::FuncOp function, const ScaleLossPassOptions &options)
      : function(function), options(options), builder(function.getContext()),
        one(RankedTensorType::get({1}, builder.getF32Type())),
        clips(llvm::to_vector(function.getOps<ClipFactorOp>())),
        corrections(llvm::to_vector(function.getOps<BiasCorrectionsOp>())),
        dense(llvm::to_vector(function.getOps<OptimizerOpInterface>())),
        rows(llvm::to_vector(function.getOps<UpdateRowsOp>())) {}

  LogicalResult run();

private:
  func::FuncOp function;
  const ScaleLossPassOptions &options;
  OpBuilder builder;
  RankedTensorType one;
  SmallVector<ClipFactorOp> clips;
  SmallVector<BiasCorrectionsOp> corrections; ///< AdamW's
  SmallVector<OptimizerOpInterface> dense;
  SmallVector<UpdateRowsOp> rows;

  Location at(StringRef name) {
    return NameLoc::get(builder.getStringAttr(name), function.getLoc());
  }
  Value createState(StringRef name, double init);
  Value sumSquares(Value gradient);
  Value sumSquaresOfDense();
  SmallVector<Value> gradientSums();
  UpdateLossScaleOp createUpdate(Value scale);
  void update(UpdateLossScaleOp scaling);
};

} // namespace

/// Optimizer state of one element.
Value LossScaler::createState(StringRef name, double init) {
  auto attr =
      InitAttr::get(builder.getContext(), InitKind::Constant, init, 0.0);
  return VariableOp::create(builder, at(name), one, name, Role::OptimizerState,
                            attr, ExportAttr(), IntegerAttr(),
                            /*sharded=*/false);
}

Value LossScaler::sumSquares(Value gradient) {
  return SumSquaresOp::create(builder, at("found_inf"), one, gradient);
}

/// One sum, as kernels have no room for hundreds of arguments.
Value LossScaler::sumSquaresOfDense() {
  Value sum;
  for (OptimizerOpInterface op : dense) {
    Value square = sumSquares(op.getGradient());
    sum = sum ? AddOp::create(builder, at("found_inf"), sum, square).getResult()
              : square;
  }
  return sum;
}

/// Of the backbone's gradients, which a clip has summed up already, and of each
/// table's.
SmallVector<Value> LossScaler::gradientSums() {
  SmallVector<Value> sums;
  for (ClipFactorOp clip : clips)
    sums.push_back(clip.getSumSquares());
  if (clips.empty() && !dense.empty())
    sums.push_back(sumSquaresOfDense());
  for (UpdateRowsOp op : rows)
    sums.push_back(sumSquares(op.getRowsGrad()));
  return sums;
}

/// Before the first op that takes gradients, behind all that make them.
UpdateLossScaleOp LossScaler::createUpdate(Value scale) {
  for (Operation &op : function.getBody().front())
    if (isa<ClipFactorOp, OptimizerOpInterface, UpdateRowsOp>(op)) {
      builder.setInsertionPoint(&op);
      break;
    }
  Value steps = createState("loss_scale.good_steps", 0.0);
  Value found = FoundInfOp::create(builder, at("found_inf"), gradientSums());
  return UpdateLossScaleOp::create(builder, at("loss_scale"), scale, steps,
                                   found, APFloat(2.0), APFloat(0.5),
                                   options.growthInterval);
}

void LossScaler::update(UpdateLossScaleOp scaling) {
  Value unscale = scaling.getUnscale(), found = scaling.getFound();
  for (ClipFactorOp clip : clips)
    clip.getUnscaleMutable().assign(unscale);
  // A skipped step doesn't count.
  for (BiasCorrectionsOp op : corrections) {
    op->moveAfter(scaling);
    op.getFoundInfMutable().assign(found);
  }
  for (OptimizerOpInterface op : dense) {
    op.getFoundInfMutable().assign(found);
    if (!op.getClip())
      op.getClipMutable().assign(unscale);
  }
  for (UpdateRowsOp op : rows) {
    op.getUnscaleMutable().assign(unscale);
    op.getFoundInfMutable().assign(found);
  }
}

LogicalResult LossScaler::run() {
  auto roots = llvm::to_vector(function.getOps<SoftmaxCrossEntropyGradOp>());
  if (dense.empty() && rows.empty())
    return success(); // nothing is trained
  if (roots.size() != 1)
    return function.emitOpError("has ")
           << roots.size() << " gradients of a loss; one can be scaled";
  builder.setInsertionPoint(roots.front());
  Value scale = createState("loss_scale", options.initialScale);
  roots.front().getLossScaleMutable().assign(scale);
  UpdateLossScaleOp scaling = createUpdate(scale);
  update(scaling);

  builder.setInsertionPoint(function.getBody().front().getTerminator());
  AssignOp::create(builder, scaling.getLoc(), "loss_scale",
                   scaling.getNewScale());
  AssignOp::create(builder, scaling.getLoc(), "loss_scale.good_steps",
                   scaling.getNewGoodSteps());
  OutputOp::create(builder, scaling.getLoc(), "loss_scale",
                   scaling.getNewScale());
  OutputOp::create(builder, scaling.getLoc(), "skipped", scaling.getSkipped());
  return success();
}

namespace {
struct ScaleLossPass : public pfc::impl::ScaleLossPassBase<ScaleLossPass> {
  using Base::Base;

  void runOnOperation() override {
    ScaleLossPassOptions options;
    options.initialScale = initialScale;
    options.growthInterval = growthInterval;
    auto function = getOperation().lookupSymbol<func::FuncOp>("train_step");
    if (function && failed(LossScaler(function, options).run()))
      signalPassFailure();
  }
};
} // namespace

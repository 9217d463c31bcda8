//===- InsertOptimizer.cpp - pfc-insert-optimizer -------------------------===//
#include "passes/Passes.h"

namespace pfc {
#define GEN_PASS_DEF_INSERTOPTIMIZERPASS
#include "passes/Passes.h.inc"
} // namespace pfc

using namespace mlir;
using namespace pfc;

namespace {

class OptimizerBuilder {
public:
  OptimizerBuilder(func::FuncOp function, const InsertOptimizerPassOptions &o)
      : function(function), options(o),
        builder(OpBuilder::atBlockTerminator(&function.getBody().front())) {
    for (auto op : function.getOps<VariableOp>())
      variables[op.getName()] = op;
  }

  LogicalResult run();

private:
  func::FuncOp function;
  const InsertOptimizerPassOptions &options;
  OpBuilder builder;
  llvm::StringMap<VariableOp> variables;
  Value lr, step; ///< step: null where there is none
  Value clip;     ///< null: no clipping

  LogicalResult findInputs();
  void buildClip(ArrayRef<GradientOp> gradients);
  VariableOp createMomentum(VariableOp parameter, Type element);
  LogicalResult update(GradientOp gradient);
};

} // namespace

/// A gradient in rows and indices, of class centers.
static ScatterRowsOp rowGradient(GradientOp gradient) {
  return gradient.getValue().getDefiningOp<ScatterRowsOp>();
}

LogicalResult OptimizerBuilder::findInputs() {
  for (BlockArgument argument : function.getArguments()) {
    auto role = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                      "pfc.input");
    if (role && role.getValue() == "lr")
      lr = argument;
    if (role && role.getValue() == "step")
      step = argument;
  }
  if (!lr)
    return function.emitOpError(
        "needs an argument with pfc.input = \"lr\" for its optimizer");
  return success();
}

/// min(1, limit/‖g‖) over the gradients of the backbone.
void OptimizerBuilder::buildClip(ArrayRef<GradientOp> gradients) {
  Value sum;
  auto scalar = RankedTensorType::get({1}, builder.getF32Type());
  for (GradientOp gradient : gradients) {
    if (rowGradient(gradient))
      continue;
    Location loc = gradient.getLoc();
    Value square =
        SumSquaresOp::create(builder, loc, scalar, gradient.getValue());
    sum = sum ? AddOp::create(builder, loc, sum, square).getResult() : square;
  }
  if (!sum)
    return;
  Location loc =
      NameLoc::get(builder.getStringAttr("grad_norm"), function.getLoc());
  auto factor =
      ClipFactorOp::create(builder, loc, scalar, scalar, sum,
                           /*unscale=*/Value(), APFloat(options.clipGradNorm));
  OutputOp::create(builder, loc, "grad_norm", factor.getNorm());
  clip = factor.getFactor();
}

/// Momentum lies as its parameter lies, and starts at 0.
VariableOp OptimizerBuilder::createMomentum(VariableOp parameter,
                                            Type element) {
  std::string name = (parameter.getName() + ".momentum").str();
  auto zero = InitAttr::get(builder.getContext(), InitKind::Constant, 0.0, 0.0);
  return VariableOp::create(
      builder, NameLoc::get(builder.getStringAttr(name), parameter.getLoc()),
      cast<RankedTensorType>(parameter.getType()).clone(element), name,
      Role::OptimizerState, zero, parameter.getStateDictAttr(),
      parameter.getRowsAttr(), parameter.getSharded(), parameter.getHost());
}

LogicalResult OptimizerBuilder::update(GradientOp gradient) {
  VariableOp parameter = variables.lookup(gradient.getName());
  if (!parameter || parameter.getRole() != Role::Parameter ||
      parameter.getType() != gradient.getValue().getType()) // (C1)
    return gradient.emitOpError("names no parameter of this type");
  Location loc = parameter.getLoc();
  ScatterRowsOp rows = rowGradient(gradient);
  Type element = rows && options.narrowMomentum ? Type(builder.getBF16Type())
                                                : builder.getF32Type();
  VariableOp momentum = createMomentum(parameter, element);
  APFloat mu(options.momentum), decay(options.weightDecay);
  Operation *update;
  if (rows) {
    bool rounds =
        cast<RankedTensorType>(parameter.getType()).getElementType().isBF16();
    if (rounds && !step)
      return gradient.emitOpError("of a bf16 parameter needs an argument with "
                                  "pfc.input = \"step\"");
    update = UpdateRowsOp::create(
        builder, loc, parameter, momentum, rows.getIndices(), rows.getRows(),
        lr, /*count=*/Value(), /*unscale=*/Value(), /*found_inf=*/Value(),
        rounds ? step : Value(), /*first_row=*/Value(), options.rowUpdate,
        /*of_unit_rows=*/false, mu, decay, rounds ? options.seed : 0);
  } else
    update = SgdOp::create(builder, loc, parameter, momentum,
                           gradient.getValue(), lr, clip,
                           /*found_inf=*/Value(), mu, decay);
  AssignOp::create(builder, loc, parameter.getName(), update->getResult(0));
  AssignOp::create(builder, loc, momentum.getName(), update->getResult(1));
  return success();
}

LogicalResult OptimizerBuilder::run() {
  auto gradients = llvm::to_vector(function.getOps<GradientOp>());
  if (gradients.empty())
    return success();
  if (failed(findInputs()))
    return failure();
  if (options.clipGradNorm > 0)
    buildClip(gradients);
  for (GradientOp gradient : gradients) {
    if (failed(update(gradient)))
      return failure();
    gradient.erase();
  }
  for (auto scatter :
       llvm::make_early_inc_range(function.getOps<ScatterRowsOp>())) {
    if (!scatter->use_empty())
      return scatter.emitOpError("is used by more than an update: class "
                                 "centers must be gathered once a step");
    scatter.erase();
  }
  return success();
}

namespace {
struct InsertOptimizerPass
    : public pfc::impl::InsertOptimizerPassBase<InsertOptimizerPass> {
  using Base::Base;

  void runOnOperation() override {
    InsertOptimizerPassOptions options;
    options.momentum = momentum;
    options.weightDecay = weightDecay;
    options.clipGradNorm = clipGradNorm;
    options.rowUpdate = rowUpdate;
    options.narrowMomentum = narrowMomentum;
    options.seed = seed;
    auto function = getOperation().lookupSymbol<func::FuncOp>("train_step");
    if (function && failed(OptimizerBuilder(function, options).run()))
      signalPassFailure();
  }
};
} // namespace

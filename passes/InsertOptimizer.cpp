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
  /// Of AdamW's moments; null with SGD.
  Value correction1, correction2;
  static constexpr StringRef correctionNames[] = {"adamw.correction1",
                                                  "adamw.correction2"};

  bool isAdamW() const { return options.optimizer == Optimizer::AdamW; }
  LogicalResult findInputs();
  void buildClip(ArrayRef<GradientOp> gradients);
  void buildCorrections();
  VariableOp createState(VariableOp parameter, StringRef suffix, Type element);
  SmallVector<VariableOp> createStates(VariableOp parameter, Type momentum);
  Operation *updateRows(VariableOp parameter, ArrayRef<Value> states,
                        ScatterRowsOp rows);
  Operation *updateAll(VariableOp parameter, ArrayRef<Value> states,
                       Value gradient);
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

/// Where the step begins, so that an update may go wherever its gradient is.
void OptimizerBuilder::buildCorrections() {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&function.getBody().front());
  auto zero = InitAttr::get(builder.getContext(), InitKind::Constant, 0.0, 0.0);
  auto scalar = RankedTensorType::get({1}, builder.getF32Type());
  SmallVector<Value> old;
  for (StringRef name : correctionNames)
    old.push_back(VariableOp::create(
        builder, NameLoc::get(builder.getStringAttr(name), function.getLoc()),
        scalar, name, Role::OptimizerState, zero, ExportAttr(), IntegerAttr(),
        /*sharded=*/false));
  auto corrections = BiasCorrectionsOp::create(
      builder, NameLoc::get(builder.getStringAttr("adamw"), function.getLoc()),
      old[0], old[1], /*found_inf=*/Value(), APFloat(options.beta1),
      APFloat(options.beta2));
  correction1 = corrections.getNewCorrection1();
  correction2 = corrections.getNewCorrection2();
}

/// State lies as its parameter lies, and starts at 0.
VariableOp OptimizerBuilder::createState(VariableOp parameter, StringRef suffix,
                                         Type element) {
  std::string name = (parameter.getName() + suffix).str();
  auto zero = InitAttr::get(builder.getContext(), InitKind::Constant, 0.0, 0.0);
  return VariableOp::create(
      builder, NameLoc::get(builder.getStringAttr(name), parameter.getLoc()),
      cast<RankedTensorType>(parameter.getType()).clone(element), name,
      Role::OptimizerState, zero, parameter.getStateDictAttr(),
      parameter.getRowsAttr(), parameter.getSharded(), parameter.getHost());
}

/// Under torch.optim's names. A bf16 `momentum` is the first alone: squares
/// change by less a step than bf16 tells apart.
SmallVector<VariableOp> OptimizerBuilder::createStates(VariableOp parameter,
                                                       Type momentum) {
  if (!isAdamW())
    return {createState(parameter, ".momentum", momentum)};
  return {createState(parameter, ".exp_avg", momentum),
          createState(parameter, ".exp_avg_sq", builder.getF32Type())};
}

Operation *OptimizerBuilder::updateRows(VariableOp parameter,
                                        ArrayRef<Value> states,
                                        ScatterRowsOp rows) {
  bool rounds =
      cast<RankedTensorType>(parameter.getType()).getElementType().isBF16();
  FloatAttr beta2, eps;
  if (isAdamW()) {
    beta2 = builder.getF64FloatAttr(options.beta2);
    eps = builder.getF64FloatAttr(options.eps);
  }
  return UpdateRowsOp::create(
      builder, parameter.getLoc(), parameter, states[0],
      isAdamW() ? states[1] : Value(), correction1, correction2,
      rows.getIndices(), rows.getRows(), lr, /*count=*/Value(),
      /*unscale=*/Value(), /*found_inf=*/Value(), rounds ? step : Value(),
      /*first_row=*/Value(), options.rowUpdate, /*of_unit_rows=*/false,
      APFloat(isAdamW() ? options.beta1 : options.momentum), beta2, eps,
      APFloat(options.weightDecay), rounds ? options.seed : 0);
}

Operation *OptimizerBuilder::updateAll(VariableOp parameter,
                                       ArrayRef<Value> states, Value gradient) {
  Location loc = parameter.getLoc();
  APFloat decay(options.weightDecay);
  if (!isAdamW())
    return SgdOp::create(builder, loc, parameter, states[0], gradient, lr, clip,
                         /*found_inf=*/Value(), APFloat(options.momentum),
                         decay);
  return AdamWOp::create(builder, loc, parameter, states[0], states[1],
                         gradient, lr, correction1, correction2, clip,
                         /*found_inf=*/Value(), APFloat(options.beta1),
                         APFloat(options.beta2), APFloat(options.eps), decay);
}

LogicalResult OptimizerBuilder::update(GradientOp gradient) {
  VariableOp parameter = variables.lookup(gradient.getName());
  if (!parameter || parameter.getRole() != Role::Parameter ||
      parameter.getType() != gradient.getValue().getType()) // (C1)
    return gradient.emitOpError("names no parameter of this type");
  ScatterRowsOp rows = rowGradient(gradient);
  if (rows && !step &&
      cast<RankedTensorType>(parameter.getType()).getElementType().isBF16())
    return gradient.emitOpError("of a bf16 parameter needs an argument with "
                                "pfc.input = \"step\"");
  Type element = rows && options.narrowMomentum ? Type(builder.getBF16Type())
                                                : builder.getF32Type();
  SmallVector<VariableOp> states = createStates(parameter, element);
  SmallVector<Value> values(states.begin(), states.end());
  Operation *update = rows ? updateRows(parameter, values, rows)
                           : updateAll(parameter, values, gradient.getValue());
  Location loc = parameter.getLoc();
  AssignOp::create(builder, loc, parameter.getName(), update->getResult(0));
  for (auto [state, value] :
       llvm::zip_equal(states, update->getResults().drop_front()))
    AssignOp::create(builder, loc, state.getName(), value);
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
  if (isAdamW())
    buildCorrections();
  for (GradientOp gradient : gradients) {
    if (failed(update(gradient)))
      return failure();
    gradient.erase();
  }
  if (isAdamW())
    for (auto [name, value] :
         llvm::zip(correctionNames, std::array{correction1, correction2}))
      AssignOp::create(builder, value.getLoc(), name, value);
  for (auto scatter :
       llvm::make_early_inc_range(function.getOps<ScatterRowsOp>())) {
    if (!scatter->use_empty())
      return scatter.emitOpError("is used by more than an update: class "
                                 "centers must be gathered once a step");
    scatter.erase();
  }
  return success();
}

/// Whether an average keeps a share of its old value, and not all of it.
static bool isShare(double beta) { return beta >= 0.0 && beta < 1.0; }

namespace {
struct InsertOptimizerPass
    : public pfc::impl::InsertOptimizerPassBase<InsertOptimizerPass> {
  using Base::Base;

  void runOnOperation() override {
    if (optimizer == Optimizer::SGD && !isShare(momentum)) {
      getOperation().emitError("momentum must be in [0, 1)");
      return signalPassFailure();
    }
    if (optimizer == Optimizer::AdamW &&
        !(isShare(beta1) && isShare(beta2) && eps > 0.0)) {
      getOperation().emitError(
          "beta1 and beta2 must be in [0, 1), and eps above 0");
      return signalPassFailure();
    }
    InsertOptimizerPassOptions options;
    options.optimizer = optimizer;
    options.momentum = momentum;
    options.beta1 = beta1;
    options.beta2 = beta2;
    options.eps = eps;
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

//===- Interpreter.cpp - pfc functions in float64 on R ranks --------------===//
#include "dialects/pfc/reference/Interpreter.h"
#include "dialects/pfc/reference/Registry.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace pfc;
using namespace pfc::reference;

static bool isCollective(Operation *op) {
  return isa<shard::AllGatherOp, shard::AllReduceOp, shard::ReduceScatterOp>(
      op);
}

int64_t pfc::reference::ranksOf(func::FuncOp function) {
  auto module = function->getParentOfType<ModuleOp>();
  int64_t ranks = 1;
  for (auto grid : module.getOps<shard::GridOp>())
    ranks = grid.getShape().front();
  if (module->hasAttr("pfc.partitioned"))
    return ranks;
  bool isPartitioned = false;
  module.walk([&](Operation *op) {
    isPartitioned |=
        isCollective(op) || isa<RankConstantOp, SampleLocalCentersOp>(op);
  });
  return isPartitioned ? ranks : 1;
}

bool pfc::reference::isSplitInput(StringRef name) {
  return name != "lr" && name != "step";
}

namespace {

/// One run of a function.
class Run {
public:
  Run(func::FuncOp function, State &state, const RunOptions &options)
      : function(function), state(state), options(options),
        ranks(ranksOf(function)) {}

  LogicalResult bindInputs(const TensorMap &inputs);
  FailureOr<RunResult> execute();

private:
  LogicalResult bindInput(BlockArgument argument, StringRef name,
                          const Tensor &input);
  LogicalResult executeOp(Operation &op);
  LogicalResult executeBlock(Block &block);
  LogicalResult executeSweep(SweepOp op);
  LogicalResult evaluate(Operation &op);
  void readVariable(VariableOp op);
  LogicalResult assign(AssignOp op);
  LogicalResult record(TensorMap &results, StringRef name, Value value,
                       Location loc);
  LogicalResult writeState();
  void trackRankDependence(Operation &op);
  void roundResults(Operation &op);
  void countUses(ValueRange defined);
  void releaseOperands(Operation &op);

  func::FuncOp function;
  State &state;
  const RunOptions &options;
  int64_t ranks;
  Values values;
  /// Uses to come; a value is freed after its last.
  llvm::DenseMap<Value, int64_t> remainingUses;
  /// Values that may differ between ranks.
  llvm::DenseSet<Value> rankDependent;
  RunResult recorded;
  std::map<std::string, std::vector<Tensor>> assigned;
};

} // namespace

//===----------------------------------------------------------------------===//
// Inputs and outputs
//===----------------------------------------------------------------------===//

LogicalResult Run::bindInput(BlockArgument argument, StringRef name,
                             const Tensor &input) {
  bool split = ranks > 1 && isSplitInput(name);
  Tensor expected = Tensor::zeros(cast<RankedTensorType>(argument.getType()));
  std::vector<int64_t> shape = expected.shape;
  if (split)
    shape[0] *= ranks;
  if (input.shape != shape || input.isInteger() != expected.isInteger())
    return function.emitError("input '")
           << name << "' has another shape or kind of elements than argument "
           << argument.getArgNumber();
  std::vector<Tensor> &locals = values[argument];
  for (int64_t rank = 0; rank < ranks; ++rank)
    locals.push_back(
        split ? slice(input, 0, rank * expected.shape[0], expected.shape[0])
              : input);
  if (split)
    rankDependent.insert(argument);
  return success();
}

LogicalResult Run::bindInputs(const TensorMap &inputs) {
  for (BlockArgument argument : function.getArguments()) {
    auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                      "pfc.input");
    if (!name)
      return function.emitError("argument ")
             << argument.getArgNumber() << " has no pfc.input";
    auto input = inputs.find(name.str());
    if (input == inputs.end())
      return function.emitError("there is no input '") << name << "'";
    if (failed(bindInput(argument, name, input->second)))
      return failure();
  }
  return success();
}

/// Keeps a value as one logical tensor.
LogicalResult Run::record(TensorMap &results, StringRef name, Value value,
                          Location loc) {
  const std::vector<Tensor> &locals = values[value];
  Tensor logical =
      rankDependent.contains(value) ? concatenate(locals, 0) : locals[0];
  if (!results.try_emplace(name.str(), std::move(logical)).second)
    return emitError(loc) << "'" << name << "' occurs twice";
  return success();
}

//===----------------------------------------------------------------------===//
// State
//===----------------------------------------------------------------------===//

void Run::readVariable(VariableOp op) {
  values[op.getValue()] = state.local(op.getName().str());
  if (op.getSharded() && ranks > 1)
    rankDependent.insert(op.getValue());
}

LogicalResult Run::assign(AssignOp op) {
  std::string name = op.getName().str();
  if (!state.has(name))
    return op.emitOpError("no variable '") << name << "' is read here";
  const std::vector<Tensor> &locals = values[op.getValue()];
  if (state.local(name)[0].shape != locals[0].shape)
    return op.emitOpError("the variable has another shape");
  if (!assigned.try_emplace(name, locals).second)
    return op.emitOpError("variable '") << name << "' is assigned twice";
  return success();
}

LogicalResult Run::writeState() {
  for (auto &[name, locals] : assigned) {
    state.local(name) = std::move(locals);
    if (failed(state.logical(name, function.getLoc())))
      return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

/// What every rank computes alike from what every rank has alike is replicated.
void Run::trackRankDependence(Operation &op) {
  if (isa<shard::AllGatherOp, shard::AllReduceOp>(op))
    return;
  if (isa<RankConstantOp, shard::ReduceScatterOp>(op) ||
      llvm::any_of(op.getOperands(),
                   [&](Value v) { return rankDependent.contains(v); }))
    rankDependent.insert_range(op.getResults());
}

void Run::roundResults(Operation &op) {
  for (Value result : op.getResults()) {
    Type element = cast<RankedTensorType>(result.getType()).getElementType();
    if (!element.isBF16() && !element.isF16())
      continue;
    const llvm::fltSemantics &narrow =
        cast<FloatType>(element).getFloatSemantics();
    for (Tensor &tensor : values[result])
      for (double &x : tensor.reals) {
        APFloat value(x);
        bool losesInfo;
        value.convert(narrow, APFloat::rmNearestTiesToEven, &losesInfo);
        value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                      &losesInfo);
        x = value.convertToDouble();
      }
  }
}

LogicalResult Run::evaluate(Operation &op) {
  const Registry::Evaluate *evaluateOp =
      Registry::get().find(op.getName().getStringRef());
  if (!evaluateOp)
    return op.emitOpError("is not known to the reference interpreter");
  for (Value result : op.getResults()) {
    auto type = dyn_cast<RankedTensorType>(result.getType());
    if (!type || !type.hasStaticShape())
      return op.emitOpError("has a result that is no static tensor");
    values[result].assign(ranks, Tensor::zeros(type));
  }
  Group group(&op, values, ranks);
  (*evaluateOp)(&op, group);
  if (group.hasFailed())
    return failure();
  if (ranks > 1)
    trackRankDependence(op);
  if (options.roundNarrow)
    roundResults(op);
  return success();
}

LogicalResult Run::executeOp(Operation &op) {
  if (auto variable = dyn_cast<VariableOp>(op)) {
    readVariable(variable);
    return success();
  }
  if (auto assignOp = dyn_cast<AssignOp>(op))
    return assign(assignOp);
  if (auto outputOp = dyn_cast<OutputOp>(op))
    return record(recorded.outputs, outputOp.getName(), outputOp.getValue(),
                  op.getLoc());
  if (auto gradient = dyn_cast<GradientOp>(op))
    return record(recorded.gradients, gradient.getName(), gradient.getValue(),
                  op.getLoc());
  if (isa<func::ReturnOp>(op)) {
    for (OpOperand &operand : op.getOpOperands())
      if (failed(record(recorded.outputs,
                        "result" + std::to_string(operand.getOperandNumber()),
                        operand.get(), op.getLoc())))
        return failure();
    return success();
  }
  if (auto sweep = dyn_cast<SweepOp>(op))
    return executeSweep(sweep);
  if (isa<YieldOp>(op))
    return success();
  return evaluate(op);
}

void Run::countUses(ValueRange defined) {
  for (Value value : defined)
    remainingUses[value] = std::distance(value.use_begin(), value.use_end());
}

/// A sweep means what its ops mean.
LogicalResult Run::executeSweep(SweepOp op) {
  Block &body = op.getBody().front();
  for (auto [argument, input] :
       llvm::zip_equal(body.getArguments(), op.getInputs())) {
    std::vector<Tensor> locals = values[input];
    values[argument] = std::move(locals);
    if (rankDependent.contains(input))
      rankDependent.insert(argument);
  }
  countUses(body.getArguments());
  if (failed(executeBlock(body)))
    return failure();
  for (auto [result, yielded] :
       llvm::zip_equal(op.getOutputs(), op.getYielded())) {
    std::vector<Tensor> locals = std::move(values[yielded]);
    values[result] = std::move(locals);
    values.erase(yielded);
    if (rankDependent.contains(yielded))
      rankDependent.insert(result);
  }
  return success();
}

/// Activations are large: keep only those that are still read.
void Run::releaseOperands(Operation &op) {
  for (Value operand : op.getOperands())
    if (--remainingUses[operand] == 0)
      values.erase(operand);
  countUses(op.getResults());
  for (Value result : op.getResults())
    if (remainingUses[result] == 0)
      values.erase(result);
}

LogicalResult Run::executeBlock(Block &block) {
  for (Operation &op : block) {
    if (failed(executeOp(op)))
      return failure();
    // What a body yields is read after it.
    if (!isa<YieldOp>(op))
      releaseOperands(op);
  }
  return success();
}

FailureOr<RunResult> Run::execute() {
  if (!function.getBody().hasOneBlock())
    return function.emitError("must be one block");
  countUses(function.getArguments());
  if (failed(executeBlock(function.getBody().front())) || failed(writeState()))
    return failure();
  return std::move(recorded);
}

FailureOr<RunResult> pfc::reference::runFunction(func::FuncOp function,
                                                 const TensorMap &inputs,
                                                 State &state,
                                                 const RunOptions &options) {
  Run run(function, state, options);
  if (failed(run.bindInputs(inputs)))
    return failure();
  return run.execute();
}

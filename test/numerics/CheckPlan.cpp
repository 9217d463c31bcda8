//===- CheckPlan.cpp - A compiled step against float64 --------------------===//
#include "test/numerics/CheckPlan.h"
#include "dialects/pfc/reference/Interpreter.h"
#include "dialects/pfc/reference/RandomInputs.h"
#include "dialects/plan/translate/PlanToFlatBuffer.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "runtime/base/Bfloat16.h"
#include "runtime/base/Error.h"
#include "runtime/base/Float16.h"
#include <cmath>
#include <limits>

using namespace mlir;
using pfc::rt::fail;
using pfc::rt::require;

namespace pfc::test {

//===----------------------------------------------------------------------===//
// Compilation
//===----------------------------------------------------------------------===//

void runStages(ModuleOp module, const std::string &from, const std::string &to,
               const CompileOptions &options) {
  require(findStage(from) && findStage(to), "there is no stage '{}' or '{}'",
          from, to);
  PassManager manager(module.getContext());
  const Stage *first = findStage(from), *last = findStage(to);
  for (const Stage &stage : allStages())
    if (&stage > first && &stage <= last &&
        stage.target.value_or(options.target) == options.target)
      stage.build(manager, options);
  require(succeeded(manager.run(module)), "the passes after '{}' failed", from);
}

std::string compileToPlan(ModuleOp module, const std::string &from,
                          const CompileOptions &options) {
  std::string to = compileStages(options.target).back().name.str();
  runStages(module, from, to, options);
  plan::PlanHeader header;
  header.name = "check";
  header.settings.backbone = "none";
  header.settings.embedding_size = header.settings.classes = 1;
  header.settings.input_height = header.settings.input_width = 1;
  header.settings.input_channels = header.settings.batch_per_rank = 1;
  plan::PlanVariant variant{module, "checked", "", ""};
  FailureOr<std::string> bytes = plan::translateToFlatBuffer({variant}, header);
  require(succeeded(bytes), "the module has no plan");
  return *bytes;
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

double norm(const Tensor &tensor) {
  double sum = 0.0;
  for (double x : tensor.reals)
    sum += x * x;
  return std::sqrt(sum);
}

double relativeError(const Tensor &a, const Tensor &b, double smallestNorm) {
  if (a.shape != b.shape || a.isInteger() != b.isInteger())
    return std::numeric_limits<double>::infinity();
  if (a.isInteger())
    return a.integers == b.integers ? 0.0 : 1.0;
  double sum = 0.0;
  for (int64_t i = 0; i < a.size(); ++i)
    sum += (a.reals[i] - b.reals[i]) * (a.reals[i] - b.reals[i]);
  return sum == 0.0 ? 0.0 : std::sqrt(sum) / std::max(norm(b), smallestNorm);
}

const TensorError &worst(const std::vector<TensorError> &errors) {
  require(!errors.empty(), "nothing was compared");
  const TensorError *largest = &errors.front();
  auto share = [](const TensorError &e) { return e.relative / e.tolerance; };
  for (const TensorError &error : errors)
    // Negated, so that a NaN is the worst.
    if (!(share(error) <= share(*largest)) && !std::isnan(share(*largest)))
      largest = &error;
  return *largest;
}

void roundToFloat(TensorMap &tensors) {
  for (auto &[name, tensor] : tensors)
    for (double &x : tensor.reals)
      x = static_cast<float>(x);
}

/// The inputs that `function` takes in 16 bits, to values that these have.
static void roundToNarrow(func::FuncOp function, TensorMap &inputs) {
  for (BlockArgument argument : function.getArguments()) {
    auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                      "pfc.input");
    Type element = getElementTypeOrSelf(argument.getType());
    if (!name || !(element.isBF16() || element.isF16()))
      continue;
    for (double &x : inputs.at(name.str()).reals) {
      auto single = static_cast<float>(x);
      x = element.isBF16() ? rt::bfloat16ToFloat(rt::floatToBfloat16(single))
                           : rt::float16ToFloat(rt::floatToFloat16(single));
    }
  }
}

namespace {

/// The reference interpreter on all functions of a module, with one state.
class Oracle {
public:
  Oracle(ModuleOp module, const CheckOptions &options);

  /// Runs `function` on the call's inputs.
  TensorMap run(func::FuncOp function, const TensorMap &inputs);
  TensorMap inputsOf(func::FuncOp function, int64_t step);

  SmallVector<func::FuncOp> functions;
  TensorMap state;

private:
  reference::State stateOf(func::FuncOp function);

  const CheckOptions &options;
  int64_t classes = 10;
};

} // namespace

static TensorMap logicalState(const reference::State &state, Location loc) {
  TensorMap tensors;
  for (const std::string &name : state.names()) {
    FailureOr<Tensor> tensor = state.logical(name, loc);
    require(succeeded(tensor), "the interpreter's state is inconsistent");
    tensors[name] = std::move(*tensor);
  }
  return tensors;
}

Oracle::Oracle(ModuleOp module, const CheckOptions &options)
    : functions(module.getOps<func::FuncOp>()), options(options) {
  require(!functions.empty(), "the module has no function");
  for (func::FuncOp function : functions) {
    FailureOr<reference::State> initial =
        reference::State::initial(function, {options.seed, options.perturb});
    require(succeeded(initial), "a function has no initial state");
    state.merge(logicalState(*initial, function.getLoc()));
    if (std::optional<int64_t> found = reference::classesOf(function))
      classes = *found;
  }
  roundToFloat(state);
}

reference::State Oracle::stateOf(func::FuncOp function) {
  reference::State result =
      *reference::State::initial(function, {options.seed, options.perturb});
  for (const std::string &name : result.names())
    result.set(name, state.at(name));
  return result;
}

TensorMap Oracle::inputsOf(func::FuncOp function, int64_t step) {
  TensorMap inputs =
      reference::randomInputs(function, classes, options.seed, step);
  roundToFloat(inputs);
  roundToNarrow(function, inputs);
  auto labels = inputs.find("labels");
  if (labels == inputs.end() || options.labels.empty())
    return inputs;
  const std::vector<int64_t> &list =
      options.labels[step % options.labels.size()];
  for (int64_t i = 0; i < labels->second.size(); ++i)
    labels->second.integers[i] = list[i % list.size()];
  return inputs;
}

TensorMap Oracle::run(func::FuncOp function, const TensorMap &inputs) {
  reference::State before = stateOf(function);
  auto result =
      reference::runFunction(function, inputs, before, {options.roundNarrow});
  require(succeeded(result), "the interpreter failed");
  for (auto &[name, tensor] : logicalState(before, function.getLoc()))
    state[name] = tensor;
  return std::move(result->outputs);
}

namespace {
/// One call of a function, and what the reference computed in it.
struct Expectation {
  func::FuncOp function;
  int64_t step;
  TensorMap inputs, outputs, state;

  std::string program() { return function.getName().str(); }
};
} // namespace

static std::vector<Expectation> runOracle(Oracle &oracle, int64_t steps) {
  std::vector<Expectation> expectations;
  for (int64_t step = 0; step < steps; ++step)
    for (func::FuncOp function : oracle.functions) {
      TensorMap inputs = oracle.inputsOf(function, step);
      TensorMap outputs = oracle.run(function, inputs);
      expectations.push_back({function, step, std::move(inputs),
                              std::move(outputs), oracle.state});
    }
  return expectations;
}

namespace {
/// Compares what a plan computed with what was expected.
class Comparison {
public:
  explicit Comparison(const CheckOptions &options) : options(options) {}

  void compare(Expectation &expected, const CallResult &result);

  std::vector<TensorError> errors;

private:
  void compareAll(Expectation &call, const RankTensors &plan,
                  const TensorMap &expectations, double tolerance);

  const CheckOptions &options;
};
} // namespace

void Comparison::compareAll(Expectation &call, const RankTensors &plan,
                            const TensorMap &expectations, double tolerance) {
  for (const auto &[name, expected] : expectations) {
    auto found = plan.find(name);
    require(found != plan.end(), "the plan has no '{}'", name);
    Tensor mine = logicalTensor(name, found->second, expected.rows());
    errors.push_back(
        {call.program() + ": " + name, call.step, norm(mine), norm(expected),
         relativeError(mine, expected, options.smallestNorm), tolerance});
  }
}

/// Moves the outputs that `function` makes in `element` out of `outputs`.
static TensorMap takeNarrow(func::FuncOp function, TensorMap &outputs,
                            Type element) {
  TensorMap taken;
  for (auto output : function.getOps<OutputOp>())
    if (getElementTypeOrSelf(output.getValue().getType()) == element)
      taken.insert(outputs.extract(output.getName().str()));
  return taken;
}

void Comparison::compare(Expectation &expected, const CallResult &result) {
  Builder types(expected.function.getContext());
  TensorMap &outputs = expected.outputs;
  TensorMap bf16 = takeNarrow(expected.function, outputs, types.getBF16Type());
  TensorMap fp16 = takeNarrow(expected.function, outputs, types.getF16Type());
  compareAll(expected, result.outputs, outputs, options.tolerance);
  compareAll(expected, result.outputs, bf16, options.bf16Tolerance);
  compareAll(expected, result.outputs, fp16, options.fp16Tolerance);
  compareAll(expected, result.variables, expected.state, options.tolerance);
}

std::vector<TensorError> checkPlan(ModuleOp module,
                                   const CheckOptions &options) {
  // A graph has no gradients and no updates yet; both sides need them.
  OwningOpRef<ModuleOp> meaning(module.clone());
  if (options.from == "graph")
    runStages(*meaning, "graph", "train", options.compile);
  Oracle oracle(*meaning, options);
  TensorMap initial = oracle.state;
  std::vector<Expectation> expectations = runOracle(oracle, options.steps);

  OwningOpRef<ModuleOp> compiled(module.clone());
  std::string plan = compileToPlan(*compiled, options.from, options.compile);
  std::vector<ProgramCall> calls;
  for (Expectation &expected : expectations)
    calls.push_back({expected.program(), expected.inputs});
  bool cuda = options.compile.target == KernelTarget::Cuda;
  std::vector<CallResult> results = runPlan(
      plan, initial, calls, cuda ? "emulated-cuda" : "cpu", options.threads);
  Comparison comparison(options);
  for (auto &&[expected, result] : llvm::zip_equal(expectations, results))
    comparison.compare(expected, result);
  return comparison.errors;
}

} // namespace pfc::test

//===- main.cpp - pfc-interpret: runs a step, compares two ----------------===//
//
//   pfc-interpret a.mlir --print
//   pfc-opt a.mlir --pfc-partition | pfc-interpret a.mlir --against -
//   pfc-opt a.mlir --pfc-differentiate | pfc-interpret - --check-gradients
//
// Interprets a function in float64 (dialects/pfc/reference). With --against,
// both functions run on the same random inputs and state, and all outputs and
// assigned variables of the first must come out of the second, and gradients
// that both have must agree. With --check-gradients, each pfc.gradient is
// compared with finite differences of the output "loss".
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/reference/CheckGradients.h"
#include "dialects/pfc/reference/Compare.h"
#include "dialects/pfc/reference/Interpreter.h"
#include "dialects/pfc/reference/RandomInputs.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/InitAllDialects.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cl = llvm::cl;
using namespace mlir;
using namespace pfc::reference;

static cl::OptionCategory category("pfc-interpret options");
static cl::opt<std::string> input(cl::Positional, cl::Required,
                                  cl::desc("FILE ('-' is standard input)"),
                                  cl::cat(category));
static cl::opt<std::string>
    against("against", cl::desc("A second file that must mean the same"),
            cl::value_desc("file"), cl::cat(category));
static cl::opt<std::string> functionName("function", cl::desc("What to run"),
                                         cl::value_desc("name"),
                                         cl::init("train_step"),
                                         cl::cat(category));
static cl::opt<uint64_t> seed("seed", cl::desc("Of inputs and state"),
                              cl::init(1), cl::cat(category));
static cl::opt<int64_t> steps("steps", cl::desc("Steps to run"), cl::init(1),
                              cl::cat(category));
static cl::opt<double>
    tolerance("tolerance",
              cl::desc("Largest difference, relative to a tensor's largest "
                       "element (default 1e-9; 1e-5 of gradients)"),
              cl::init(1e-9), cl::cat(category));
static cl::opt<int64_t>
    classes("classes",
            cl::desc("Labels are below this (default: the function's classes)"),
            cl::init(0), cl::cat(category));
static cl::opt<bool> printOutputs("print",
                                  cl::desc("Print the outputs of each step"),
                                  cl::cat(category));
static cl::opt<bool> roundNarrow("round",
                                 cl::desc("Round bf16 and f16 results"),
                                 cl::cat(category));
static cl::opt<bool>
    initialState("initial-state",
                 cl::desc("Begin at the initial values, without the noise that "
                          "comparisons add to constants"),
                 cl::cat(category));

static cl::opt<bool>
    gradients("check-gradients",
              cl::desc("Compare each pfc.gradient with finite differences"),
              cl::cat(category));

static bool fail(const std::string &message) {
  llvm::errs() << "pfc-interpret: " << message << '\n';
  return false;
}

//===----------------------------------------------------------------------===//
// One file's run
//===----------------------------------------------------------------------===//

namespace {
struct Subject {
  OwningOpRef<ModuleOp> module;
  func::FuncOp function;
  State state;
  RunResult result;

  LogicalResult load(const std::string &file, MLIRContext &context);
  LogicalResult step(const TensorMap &inputs);
  /// Variables that the function assigns.
  llvm::StringSet<> assigned();
};
} // namespace

LogicalResult Subject::load(const std::string &file, MLIRContext &context) {
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> text = openInputFile(file, &message);
  if (!text)
    return success(fail("error: " + message));
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(text), llvm::SMLoc());
  module = parseSourceFile<ModuleOp>(sources, &context);
  if (!module)
    return failure();
  function = module->lookupSymbol<func::FuncOp>(functionName);
  if (!function)
    return module->emitError("has no function @") << functionName;
  bool perturb = (gradients || !against.empty()) && !initialState;
  FailureOr<State> initial = State::initial(function, {seed, perturb});
  if (failed(initial))
    return failure();
  state = std::move(*initial);
  return success();
}

LogicalResult Subject::step(const TensorMap &inputs) {
  FailureOr<RunResult> results =
      runFunction(function, inputs, state, {roundNarrow});
  if (failed(results))
    return failure();
  result = std::move(*results);
  return success();
}

llvm::StringSet<> Subject::assigned() {
  llvm::StringSet<> names;
  function.walk([&](pfc::AssignOp op) { names.insert(op.getName()); });
  return names;
}

static void print(const TensorMap &outputs) {
  for (const auto &[name, tensor] : outputs) {
    std::string values =
        tensor.isInteger()
            ? fmt::format("{}", fmt::join(tensor.integers, " "))
            : fmt::format("{:.9g}", fmt::join(tensor.reals, " "));
    llvm::outs() << fmt::format("{} [{}]: {}\n", name,
                                fmt::join(tensor.shape, "x"), values);
  }
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

namespace {
/// Compares what two subjects computed, and remembers the largest difference.
class Comparison {
public:
  Comparison(Subject &a, Subject &b)
      : a(a), b(b), assignedA(a.assigned()), assignedB(b.assigned()) {}

  bool compareStep(int64_t step) {
    return compareOutputs(step) && compareGradients(step) &&
           compareVariables(step);
  }
  void report();

private:
  bool compareOutputs(int64_t step);
  bool compareGradients(int64_t step);
  bool compareVariables(int64_t step);
  bool differs(int64_t step, const std::string &name,
               const Difference &difference);

  Subject &a, &b;
  llvm::StringSet<> assignedA, assignedB;
  double largest = 0.0;
};
} // namespace

bool Comparison::differs(int64_t step, const std::string &name,
                         const Difference &difference) {
  largest = std::max(largest, difference.relative);
  if (difference.relative <= tolerance)
    return false;
  fail(fmt::format("step {}: {} differs: {}", step, name,
                   difference.description));
  return true;
}

bool Comparison::compareOutputs(int64_t step) {
  for (const auto &[name, tensor] : a.result.outputs) {
    auto other = b.result.outputs.find(name);
    if (other == b.result.outputs.end())
      return fail(fmt::format("{} has no output {}", against, name));
    if (differs(step, name, compare(tensor, other->second)))
      return false;
  }
  return true;
}

bool Comparison::compareGradients(int64_t step) {
  for (const auto &[name, tensor] : a.result.gradients) {
    auto other = b.result.gradients.find(name);
    if (other != b.result.gradients.end() &&
        differs(step, "gradient of " + name, compare(tensor, other->second)))
      return false;
  }
  return true;
}

bool Comparison::compareVariables(int64_t step) {
  for (const std::string &name : a.state.names()) {
    if (!assignedA.contains(name))
      continue;
    if (!assignedB.contains(name))
      return fail(fmt::format("{} does not assign {}", against, name));
    FailureOr<Tensor> mine = a.state.logical(name, a.function.getLoc());
    FailureOr<Tensor> other = b.state.logical(name, b.function.getLoc());
    if (failed(mine) || failed(other) ||
        differs(step, name, compare(*mine, *other)))
      return false;
  }
  return true;
}

void Comparison::report() {
  std::vector<std::string> extra;
  std::string names;
  for (const auto &[name, tensor] : a.result.outputs)
    names += name + ", ";
  for (const auto &[name, tensor] : b.result.outputs)
    if (!a.result.outputs.count(name))
      extra.push_back(name);
  size_t extraVariables = 0;
  for (const auto &entry : assignedB)
    extraVariables += !assignedA.contains(entry.getKey());
  llvm::outs() << fmt::format("equal: {}{} variables (max rel. diff {:.2g})\n",
                              names, assignedA.size(), largest);
  if (!extra.empty() || extraVariables)
    llvm::outs() << fmt::format("only in {}: {} outputs [{}], {} variables\n",
                                against, extra.size(), fmt::join(extra, ", "),
                                extraVariables);
}

//===----------------------------------------------------------------------===//
// The tool
//===----------------------------------------------------------------------===//

static bool runOne(Subject &subject) {
  int64_t labels =
      classes > 0 ? classes : classesOf(subject.function).value_or(10);
  for (int64_t step = 0; step < steps; ++step) {
    if (failed(
            subject.step(randomInputs(subject.function, labels, seed, step))))
      return false;
    if (printOutputs)
      print(subject.result.outputs);
  }
  return true;
}

static bool runGradientCheck(Subject &subject) {
  int64_t labels =
      classes > 0 ? classes : classesOf(subject.function).value_or(10);
  double limit = tolerance.getNumOccurrences() ? double(tolerance) : 1e-5;
  auto checks = checkGradients(subject.function,
                               randomInputs(subject.function, labels, seed, 0),
                               subject.state, /*directions=*/2, seed);
  if (failed(checks))
    return false;
  double largest = 0.0;
  bool agree = !checks->empty() || fail("there is no pfc.gradient to check");
  for (const GradientCheck &check : *checks) {
    largest = std::max(largest, check.relative);
    if (!(check.relative <= limit))
      agree = fail(fmt::format(
          "gradient of {} differs: {:.12g} along a random direction, finite "
          "differences say {:.12g}",
          check.parameter, check.computed, check.differences));
  }
  if (agree)
    llvm::outs() << fmt::format(
        "gradients agree: {} parameters (max rel. diff {:.2g})\n",
        checks->size(), largest);
  return agree;
}

static bool runBoth(Subject &a, Subject &b) {
  std::optional<int64_t> found = classesOf(a.function);
  int64_t labels = classes > 0
                       ? classes
                       : found.value_or(classesOf(b.function).value_or(10));
  Comparison comparison(a, b);
  for (int64_t step = 0; step < steps; ++step) {
    TensorMap inputs = randomInputs(a.function, labels, seed, step);
    if (failed(a.step(inputs)) || failed(b.step(inputs)))
      return false;
    if (printOutputs)
      print(b.result.outputs);
    if (!comparison.compareStep(step))
      return false;
  }
  comparison.report();
  return true;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv,
                              "pfc: interprets a training step in float64\n");
  DialectRegistry registry;
  registerAllDialects(registry);
  registry.insert<pfc::PfcDialect>();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);

  Subject a, b;
  if (failed(a.load(input, context)))
    return 1;
  if (gradients)
    return runGradientCheck(a) ? 0 : 1;
  if (against.empty())
    return runOne(a) ? 0 : 1;
  if (failed(b.load(against, context)))
    return 1;
  return runBoth(a, b) ? 0 : 1;
}

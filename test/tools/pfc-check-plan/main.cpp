//===- main.cpp - pfc-check-plan: a compiled step against float64 ---------===//
//
//   pfc-check-plan MODULE.mlir [--from=partitioned] [--steps=5]
//                  [--device=emulated-cuda]
//
// For tests. Compiles a module in the pfc dialect, runs the plan on as many
// ranks (threads) as the module's shard.grid has, and compares every output and
// variable after every step with the reference interpreter in float64: see
// test/numerics/CheckPlan.h.
//
//===----------------------------------------------------------------------===//
#include "mlir/InitAllDialects.h"
#include "mlir/Parser/Parser.h"
#include "runtime/base/Error.h"
#include "test/numerics/CheckPlan.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include <algorithm>
#include <fmt/format.h>

namespace cl = llvm::cl;
using namespace pfc;
using namespace pfc::test;

static cl::OptionCategory category("pfc-check-plan options");
static cl::opt<std::string> input(cl::Positional, cl::Required,
                                  cl::desc("FILE ('-' is standard input)"),
                                  cl::cat(category));
static cl::opt<std::string> from("from", cl::desc("The module's stage"),
                                 cl::init("graph"), cl::cat(category));
static cl::opt<int64_t> steps("steps", cl::desc("Steps to run"), cl::init(1),
                              cl::cat(category));
static cl::opt<uint64_t> seed("seed", cl::desc("Of inputs and state"),
                              cl::init(1), cl::cat(category));
static cl::opt<double> tolerance("tolerance",
                                 cl::desc("Largest ‖plan − reference‖ / "
                                          "‖reference‖ of a tensor"),
                                 cl::init(1e-5), cl::cat(category));
static cl::opt<int> threads("rank-threads", cl::desc("Threads of a rank"),
                            cl::init(1), cl::cat(category));
static cl::list<int64_t> labels("labels", cl::CommaSeparated,
                                cl::desc("Labels, repeated over the batch"),
                                cl::cat(category));
static cl::opt<bool>
    roundNarrow("round",
                cl::desc("The reference rounds to bf16 where an op does"),
                cl::cat(category));
static cl::opt<bool>
    fusePointwise("fuse-pointwise",
                  cl::desc("Several ops in one pass over activations"),
                  cl::init(true), cl::cat(category));
static cl::opt<bool> printTable("print", cl::desc("Print the table of errors"),
                                cl::cat(category));
static cl::opt<Precision>
    precision("precision", cl::desc("Element type of the computation"),
              cl::init(Precision::Fp32),
              cl::values(clEnumValN(Precision::Fp32, "fp32", "32-bit floats"),
                         clEnumValN(Precision::Bf16, "bf16", "bfloat16"),
                         clEnumValN(Precision::Fp16, "fp16", "half precision")),
              cl::cat(category));
static cl::opt<double> lossScale("loss-scale",
                                 cl::desc("What fp16's loss is scaled by"),
                                 cl::init(65536), cl::cat(category));
static cl::opt<KernelTarget>
    device("device", cl::desc("What runs the plan"),
           cl::init(KernelTarget::Cpu),
           cl::values(clEnumValN(KernelTarget::Cpu, "cpu", "the CPU device"),
                      clEnumValN(KernelTarget::Cuda, "emulated-cuda",
                                 "CUDA kernels, checked, on the CPU")),
           cl::cat(category));
static cl::opt<RowUpdate> rowUpdate(
    "row-update", cl::desc("Class centers that a step updates"),
    cl::init(RowUpdate::Sampled),
    cl::values(clEnumValN(RowUpdate::Sampled, "sampled", "those it sampled"),
               clEnumValN(RowUpdate::All, "all", "all")),
    cl::cat(category));
static cl::opt<double> clip("clip-grad-norm",
                            cl::desc("Of the backbone; 0: none"), cl::init(0.0),
                            cl::cat(category));

static CheckOptions checkOptions() {
  CheckOptions options;
  options.from = from;
  options.compile.precision = precision;
  options.compile.target = device;
  options.compile.lossScale.initialScale = lossScale;
  options.compile.optimizer.rowUpdate = rowUpdate;
  options.compile.optimizer.clipGradNorm = clip;
  options.compile.fusePointwise = fusePointwise;
  options.roundNarrow = roundNarrow;
  options.steps = steps;
  options.seed = seed;
  options.threads = threads;
  options.tolerance = tolerance;
  if (!labels.empty())
    options.labels = {{labels.begin(), labels.end()}};
  return options;
}

/// The largest error first.
static void print(std::vector<TensorError> errors) {
  std::stable_sort(errors.begin(), errors.end(),
                   [](const TensorError &a, const TensorError &b) {
                     return a.relative > b.relative;
                   });
  fmt::print("{:>10} {:>13} {:>13}  step  tensor\n", "error", "|plan|",
             "|reference|");
  for (const TensorError &error : errors)
    fmt::print("{:>10.2e} {:>13.6e} {:>13.6e}  {:>4}  {}\n", error.relative,
               error.plan, error.oracle, error.step, error.name);
}

static int check() {
  if (precision == Precision::Bf16 && !cpuHas("avx512_bf16")) {
    fmt::print("skipped: this processor has no avx512_bf16\n");
    return 0;
  }
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  registry.insert<PfcDialect>();
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(input, &context);
  if (!module)
    return 1;
  std::vector<TensorError> errors = checkPlan(*module, checkOptions());
  const TensorError &largest = worst(errors);
  if (!largest.isSmall() || printTable)
    print(errors);
  fmt::print("{}: {} tensors, largest error {:.2e} ({} at step {})\n",
             largest.isSmall() ? "agree" : "DISAGREE", errors.size(),
             largest.relative, largest.name, largest.step);
  return largest.isSmall() ? 0 : 1;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv,
                              "pfc: plans against the float64 reference\n");
  try {
    return check();
  } catch (const rt::Error &error) {
    fmt::print(stderr, "pfc-check-plan: error: {}\n", error.what());
    return 1;
  }
}

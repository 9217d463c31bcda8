#include "Simulate.h"

#include "frontend/graph/GraphBuilder.h"
#include "runtime/plan/plan_generated.h"
#include "tools/pfcc/simulate/Scaling.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;
using namespace pfc;
using namespace pfc::simulate;

/// Constants of peers.toml are written with fewer digits than they are fitted.
static constexpr double roundingOfConstants = 1e-3;

static FailureOr<Simulation> simulateLoaded(const LoadedSpec &loaded,
                                            MLIRContext &context,
                                            const CompileRequest &request,
                                            const explain::Machine &machine) {
  OwningOpRef<ModuleOp> graph = buildGraph(loaded, context);
  if (!graph)
    return failure();
  FailureOr<std::string> bytes = compilePlan(loaded, context, request);
  if (failed(bytes))
    return failure();
  llvm::Expected<Simulation> simulation =
      simulateJob(*plan::fb::GetPlan(bytes->data()), countBackbone(*graph),
                  machine, Constants::declared());
  if (simulation)
    return std::move(*simulation);
  emitError(loaded.locations.of("train.precision"),
            llvm::toString(simulation.takeError()));
  return failure();
}

LogicalResult pfc::simulateSpec(const LoadedSpec &loaded, MLIRContext &context,
                                const CompileRequest &request,
                                const explain::Machine &machine, bool json,
                                llvm::raw_ostream &os) {
  FailureOr<Simulation> simulation =
      simulateLoaded(loaded, context, request, machine);
  if (failed(simulation))
    return failure();
  json ? printJson(*simulation, os) : printText(*simulation, os);
  return success();
}

namespace {

/// A job of r50 or r100, as a spec says it.
struct SpecText {
  std::string backbone;
  int64_t classes = 1000;
  double sampleRate = 1;
  int64_t batchPerRank = 2;
  int64_t ranks = 1;
  const char *precision = "fp32";
  const char *gradients = "fp32";
  const char *device = "cuda";

  std::string text() const {
    return llvm::formatv(R"([model]
backbone = "{0}"
[head]
classes = {1}
sample_rate = {2:F2}
margin = {{ type = "cosface", m3 = 0.4, scale = 64.0 }
[train]
batch_per_rank = {3}
steps = 1
precision = "{4}"
[train.optimizer]
lr = 0.1
[cluster]
world_size = {5}
device = "{6}"
gradient_precision = "{7}"
)",
                         backbone, classes, sampleRate, batchPerRank, precision,
                         ranks, device, gradients)
        .str();
  }
};

} // namespace

static std::optional<LoadedSpec> load(const SpecText &spec,
                                      MLIRContext &context) {
  llvm::SourceMgr sources;
  if (!addSpecText(spec.text(), "simulated.spec", sources, llvm::errs()))
    return std::nullopt;
  return parseSpec(sources, {}, context);
}

/// The backbones of `tables`.
static FailureOr<Networks>
countNetworks(const std::vector<PublishedTable> &tables, MLIRContext &context) {
  Networks networks;
  for (const PublishedTable &table : tables)
    for (const PublishedRow &row : table.rows) {
      if (networks.count(row.backbone) != 0)
        continue;
      std::optional<LoadedSpec> loaded = load({row.backbone}, context);
      OwningOpRef<ModuleOp> graph =
          loaded ? buildGraph(*loaded, context) : nullptr;
      if (!graph)
        return failure();
      networks[row.backbone] = countBackbone(*graph);
    }
  return networks;
}

LogicalResult pfc::fitPeers(MLIRContext &context, llvm::raw_ostream &os) {
  const std::vector<PublishedTable> tables = publishedTables();
  FailureOr<Networks> networks = countNetworks(tables, context);
  if (failed(networks))
    return failure();
  const Constants declared = Constants::declared();
  const Constants fitted = fitConstants(declared, *networks, tables);
  bool same = true;
  for (const std::string &name : declared.fitted()) {
    const bool close =
        std::abs(fitted[name] / declared[name] - 1) < roundingOfConstants;
    os << llvm::format("%-32s %10.4g\n", name.c_str(), fitted[name]);
    if (!close) // the output is that of a success
      llvm::errs() << llvm::format(
          "pfcc: error: peers.toml: %s is %.4g, and the fitted rows give "
          "%.4g\n",
          name.c_str(), declared[name], fitted[name]);
    same &= close;
  }
  return success(same);
}

LogicalResult pfc::writeScaling(MLIRContext &context, TimingScope &timing,
                                llvm::raw_ostream &os) {
  const std::vector<PublishedTable> tables = publishedTables();
  FailureOr<Networks> networks = countNetworks(tables, context);
  if (failed(networks))
    return failure();
  struct Job {
    const char *machine, *precision, *gradients;
    int64_t ranks, batchPerRank;
  };
  std::vector<Simulation> predictions;
  for (const Job &job : {Job{"h200", "bf16", "fp32", 8, 128},
                         Job{"2080ti", "fp16", "bf16", 64, 32}}) {
    std::optional<LoadedSpec> loaded =
        load({"r50", 100'000'000, 0.1, job.batchPerRank, job.ranks,
              job.precision, job.gradients},
             context);
    if (!loaded)
      return failure();
    FailureOr<Simulation> simulation = simulateLoaded(
        *loaded, context, {"ids-100m", "", timing},
        Constants::declared().connected(
            cantFail(explain::findMachine(job.machine)).machine));
    if (failed(simulation))
      return failure();
    predictions.push_back(std::move(*simulation));
  }
  simulate::writeScaling(Constants::declared(), *networks, tables, predictions,
                         os);
  return success();
}

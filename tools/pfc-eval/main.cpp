//===- main.cpp - pfc-eval: how good is a trained network -------*- C++ -*-===//
//
//   pfc-eval verify   --model OUT --pairs x.bin [--pairs y.bin ...]
//   pfc-eval ijb      --model OUT --images DIR [--target IJBC]
//   pfc-eval megaface --model OUT --images DIR [--features DIR]
//
// OUT is what pfc-run left; a plan with --weights does as well, for networks
// that were trained elsewhere. Runs alone, or under mpirun with any number of
// ranks, which then share the work.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/AtomicFile.h"
#include "runtime/base/Error.h"
#include "runtime/base/Paths.h"
#include "runtime/train/InitialWeights.h"
#include "runtime/train/ModelFolder.h"
#include "tools/cli/Usage.h"
#include "tools/pfc-eval/Commands.h"

#include <filesystem>
#include <unistd.h>

namespace pfc::tools {

using namespace pfc::rt;

void addCommonOptions(CLI::App &command, EvalArguments &arguments) {
  command
      .add_option("--model", arguments.model,
                  "what pfc-run --out wrote, or a plan, with --weights")
      ->required();
  command.add_option(
      "--weights", arguments.weights,
      "take the network's weights from here: PyTorch's .pt or .pth, MXNet's "
      ".params, .safetensors, or what pfc-run --out wrote");
  // Callbacks: a flag bound to an optional sets it even where it isn't given.
  command
      .add_flag_callback(
          "--flip", [&] { arguments.flip = true; },
          "add the mirrored picture's embedding (default: the spec's "
          "data.flip_test)")
      ->excludes(command.add_flag_callback(
          "--no-flip", [&] { arguments.flip = false; }, "do not"));
  command.add_option("--device", arguments.job.device,
                     "what executes the plan (default: the plan's)");
  command
      .add_option("--precision", arguments.job.precision,
                  "fp32, bf16, fp16, or auto: the first the machine is good at")
      ->check(CLI::IsMember({"auto", "fp32", "bf16", "fp16"}));
  command
      .add_option("--threads", arguments.job.threads,
                  "threads of a rank (default: its share of the processors)")
      ->check(CLI::Range(1, 4096));
  command.add_option("--json", arguments.json,
                     "write the results here as JSON");
}

bool flipTest(const EvalArguments &arguments, const Job &job) {
  return arguments.flip.value_or(job.settings.flip_test());
}

/// Of a folder the plan of its run; else --model is a plan itself.
static std::string planFile(const EvalArguments &arguments) {
  std::error_code ignored;
  if (std::filesystem::is_directory(arguments.model, ignored))
    return ModelFolder(arguments.model).plan();
  return arguments.model;
}

static std::string weightsFile(const EvalArguments &arguments) {
  if (!arguments.weights.empty())
    return networkFile(arguments.weights);
  return ModelFolder(arguments.model).backbone();
}

static PlanFile openPlan(const EvalArguments &arguments) {
  PlanFile plan = PlanFile::open(planFile(arguments));
  require(plan.path() != arguments.model || !arguments.weights.empty(),
          "{}: a plan has no weights: add --weights FILE, or give --model the "
          "folder that a training left",
          arguments.model);
  return plan;
}

namespace {

/// Says on a terminal how far it is, in a line that goes when it ends, if only
/// by an error.
class Progress {
public:
  Progress(bool wanted, int64_t total, const char *what)
      : shown(wanted && isatty(STDERR_FILENO)), total(total), what(what) {}
  ~Progress() {
    if (shown)
      fmt::print(stderr, "\r\x1b[K");
  }
  Progress(const Progress &) = delete;
  Progress &operator=(const Progress &) = delete;

  void reach(int64_t done) const {
    if (shown)
      fmt::print(stderr, "\r{} of {} {}", done, total, what);
  }

private:
  bool shown;
  int64_t total;
  const char *what;
};

} // namespace

void embedOnRoot(Job &job, EmbeddingNetwork &network, const Pictures &pictures,
                 const char *what, const TakeRows &take) {
  Progress progress(job.isRoot(), pictures.size(), what);
  embedPictures(pictures, network.options(), network.embedder(),
                network.gatherer(), [&](const EmbeddedRows &rows) {
                  if (!job.isRoot())
                    return;
                  take(rows);
                  progress.reach(rows.first() + rows.count());
                });
}

/// What this rank has to do. A file that can't be written is found before.
static void run(const EvalArguments &arguments, const TensorFile &weights,
                const Evaluate &evaluate, Job &job) {
  std::optional<AtomicFile> file;
  if (job.isRoot() && !arguments.json.empty())
    file.emplace(arguments.json);
  Doing doing(job.communicator.activity(), "evaluation", Activity::Kind::Slow);
  loadBackbone(weights, job.variant, job.executor);
  nlohmann::json results = evaluate(job);
  if (!file)
    return;
  // Names of files need not be UTF-8.
  constexpr auto replace = nlohmann::json::error_handler_t::replace;
  std::string text = results.dump(2, ' ', false, replace) + "\n";
  file->write(text.data(), text.size());
  file->commit();
}

/// Outputs that would take the place of what is read, or of each other.
static void checkOutputs(const EvalArguments &arguments) {
  std::vector<std::string> inputs = arguments.inputs;
  inputs.insert(inputs.end(), {planFile(arguments), arguments.weights,
                               ModelFolder(arguments.model).backbone()});
  protectInputs("--json", arguments.json, inputs);
  protectInputs("--scores", arguments.scores, inputs);
  require(!sameFile(arguments.json, arguments.scores),
          "--json and --scores are one file, {}; give two names",
          arguments.json);
}

static int body(int argc, char **argv) {
  CLI::App app("Evaluates a trained network.", "pfc-eval");
  app.require_subcommand(1);
  EvalArguments arguments;
  Evaluate evaluate;
  addVerifyCommand(app, arguments, &evaluate);
  addIjbCommand(app, arguments, &evaluate);
  addMegaFaceCommand(app, arguments, &evaluate);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return pfc::endUsage(app, error);
  }
  checkOutputs(arguments);
  std::unique_ptr<Communicator> communicator = openCommunicator();
  arguments.job.only = {"embed"};
  std::optional<PlanFile> plan;
  std::unique_ptr<TensorFile> weights;
  return runOnRank(
      {.tool = "pfc-eval"}, *communicator,
      [&] {
        plan.emplace(openPlan(arguments));
        // What is missing is said before anything is compiled.
        weights = openWeights(weightsFile(arguments));
        checkBackbone(*weights, *plan->plan().variants()->Get(0));
        return std::make_unique<Job>(*plan, *communicator, arguments.job);
      },
      [&](Job &job, std::shared_ptr<void> &) {
        run(arguments, *weights, evaluate, job);
      });
}

} // namespace pfc::tools

int main(int argc, char **argv) {
  return pfc::rt::runTool("pfc-eval", pfc::tools::body, argc, argv);
}

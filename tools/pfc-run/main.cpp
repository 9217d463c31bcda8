//===- main.cpp - pfc-run: train a plan -------------------------*- C++ -*-===//
//
//   pfc-run PLAN --data DIR|synthetic[:IMAGES] --out DIR
//           [--results all|backbone] [--steps N]
//           [--device cpu|cuda|emulated-cuda]
//           [--precision auto|fp32|bf16|fp16] [--threads N]
//           [--checkpoint-every N] [--keep K] [--resume[=DIR]]
//           [--init DIR [--class-map FILE] | --init-backbone DIR|FILE]
//           [--timeout SECONDS] [--max-restarts N] [--expect-hash HEX]
//           [--profile] [--trace FILE] [--tensorboard[=DIR]]
//
// Executes a compiled plan on this rank. A plan for several ranks starts them
// itself, unless mpirun or srun did.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Error.h"
#include "runtime/base/Paths.h"
#include "runtime/comm/Launcher.h"
#include "runtime/train/Job.h"
#include "runtime/train/Preflight.h"
#include "runtime/train/TrainLoop.h"
#include "tools/cli/AtLeast.h"
#include "tools/cli/Usage.h"
#include "tools/pfc-run/Supervise.h"

#include <CLI/CLI.hpp>

#include <cctype>
#include <filesystem>

using namespace pfc::rt;

namespace {

/// What --resume without a folder reads as.
constexpr const char *lastCheckpoint = "last";

/// The same of --tensorboard.
constexpr const char *besideResults = "tensorboard";

struct Arguments {
  std::string resume, tensorboard;
  TrainOptions train;
  JobOptions job;
  double timeout = 60;
  int restarts = 0;
  std::string expectedHash;
};

CLI::Validator isData() {
  return CLI::Validator(
      [](std::string &text) {
        try {
          syntheticData(text);
          return std::string();
        } catch (const Error &error) {
          return std::string(error.what());
        }
      },
      "DIR|synthetic[:IMAGES]");
}

void declare(CLI::App &app, Arguments &arguments) {
  app.add_option("plan", arguments.train.planPath,
                 "the plan, made by 'pfcc compile'")
      ->required();
  app.add_option("--data", arguments.train.dataDir,
                 "folder that the spec's data.* names are relative to; or "
                 "'synthetic', noise made in memory, to measure with: IMAGES, "
                 "or 20 a class")
      ->check(isData())
      ->required();
  app.add_option("--out", arguments.train.outDir, "folder for the results")
      ->required();
  app.add_option(
         "--results",
         [&](const CLI::results_t &words) {
           arguments.train.results = words[0] == "backbone"
                                         ? ResultParts::Backbone
                                         : ResultParts::All;
           return true;
         },
         "what is left at the end: all (default), or the backbone without the "
         "class centers; checkpoints have both")
      ->check(CLI::IsMember({"all", "backbone"}));
  app.add_option("--steps", arguments.train.steps,
                 "train this many steps, not the plan's; the schedule follows; "
                 "0 verifies and writes the initial network")
      ->check(pfc::atLeast(0, pfc::mostSteps));
  app.add_flag("--profile", arguments.train.profile,
               "print where a step's time goes, by kernel, at the end");
  app.add_option("--trace", arguments.train.trace,
                 "write when each instruction of the third step ran, on every "
                 "rank, as a trace for ui.perfetto.dev");
  // As --resume: DIR needs '='.
  app.add_flag(std::string("--tensorboard{") + besideResults + "}",
               arguments.tensorboard,
               "write the metrics for TensorBoard, too, into "
               "OUT/tensorboard, or with =DIR into that folder");
  app.add_option("--device", arguments.job.device,
                 "what executes the plan: cpu, cuda, or emulated-cuda, which "
                 "runs a CUDA plan without a GPU (default: the plan's)");
  app.add_option("--precision", arguments.job.precision,
                 "fp32, bf16, fp16, or auto: the first the machine is good at")
      ->check(CLI::IsMember({"auto", "fp32", "bf16", "fp16"}));
  app.add_option(
         "--threads", arguments.job.threads,
         "compute threads of a rank (default: its share of the processors)")
      ->check(CLI::Range(1, 4096));
}

void declareCheckpoints(CLI::App &app, Arguments &arguments) {
  app.add_option("--checkpoint-every", arguments.train.checkpoint.every,
                 "write a checkpoint every so many steps, and at the end "
                 "(default: only when a signal ends the run)")
      ->check(pfc::atLeast(1, pfc::mostSteps));
  app.add_option("--keep", arguments.train.checkpoint.keep,
                 "keep this many checkpoints, the last ones (default: 3)")
      ->check(pfc::atLeast(1));
  // A flag, so that DIR needs '=' and none eats the argument after it.
  app.add_flag(std::string("--resume{") + lastCheckpoint + "}",
               arguments.resume,
               "go on from the last checkpoint in --out, or with =DIR from "
               "another: its folder, or the --out of the run that wrote it");
}

void declareInitialWeights(CLI::App &app, InitialWeights &init) {
  CLI::Option *model = app.add_option(
      "--init", init.model,
      "start from the weights of another run's --out, or of a checkpoint; "
      "--resume goes before it where there is a checkpoint in --out");
  app.add_option("--class-map", init.classMap,
                 "which class starts from which of --init's class centers: "
                 "lines 'NEW OLD' or 'NEW new' (docs/running.md)")
      ->needs(model);
  app.add_option("--init-backbone", init.backbone,
                 "start from the network alone, of another run's --out, a "
                 "checkpoint, or a weights file")
      ->excludes(model);
}

void declareFailures(CLI::App &app, Arguments &arguments) {
  app.add_option("--timeout", arguments.timeout,
                 "seconds after which a rank that gives no sign of life, or "
                 "keeps the others waiting, ends the job (default: 60)")
      ->check(CLI::Range(2.0, 86400.0));
  app.add_option("--max-restarts", arguments.restarts,
                 "start the ranks again, from the last checkpoint, up to so "
                 "many times (default: 0)")
      ->check(pfc::atLeast(0));
  app.add_option(
         "--on-nan",
         [&](const CLI::results_t &words) {
           arguments.train.skipNotFinite = words[0] == "skip";
           return true;
         },
         "a step whose loss, gradient or state is NaN or infinite: "
         "stop (default), or skip it and go on")
      ->check(CLI::IsMember({"stop", "skip"}));
  app.add_option("--expect-hash", arguments.expectedHash,
                 "refuse any plan but the one of this SHA-256 (sha256sum)")
      ->check(pfc::isSha256());
}

void checkHash(const PlanFile &plan, std::string expected) {
  for (char &digit : expected)
    digit = static_cast<char>(std::tolower(digit));
  require(expected.empty() || plan.sha256() == expected,
          "{}: its SHA-256 is {}, not {} (--expect-hash): it is another plan, "
          "or was changed",
          plan.path(), plan.sha256(), expected);
}

/// Before the trace is begun, which empties its file.
void checkTrace(const TrainOptions &train) {
  protectInputs("--trace", train.trace, {train.planPath, train.init.classMap});
  if (!std::filesystem::is_directory(train.init.backbone))
    protectInputs("--trace", train.trace, {train.init.backbone});
}

int body(int argc, char **argv) {
  CLI::App app("Trains a compiled plan.", "pfc-run");
  Arguments arguments;
  declare(app, arguments);
  declareCheckpoints(app, arguments);
  declareInitialWeights(app, arguments.train.init);
  declareFailures(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return pfc::endUsage(app, error);
  }
  if (!arguments.resume.empty())
    arguments.train.resume =
        arguments.resume == lastCheckpoint ? "" : arguments.resume;
  if (!arguments.tensorboard.empty())
    arguments.train.tensorboard = arguments.tensorboard == besideResults
                                      ? arguments.train.outDir + "/tensorboard"
                                      : arguments.tensorboard;
  checkTrace(arguments.train);
  PlanFile plan = PlanFile::open(arguments.train.planPath);
  checkHash(plan, arguments.expectedHash);
  bool launched = startedByLauncher();
  if (!launched && !isSupervised() &&
      (plan.plan().world_size() > 1 || arguments.restarts > 0)) {
    std::vector<std::string> words(argv + 1, argv + argc);
    if (arguments.expectedHash.empty()) // whatever becomes of the file
      words.push_back("--expect-hash=" + plan.sha256());
    return supervise({static_cast<int>(plan.plan().world_size()),
                      arguments.restarts, arguments.train.outDir},
                     words);
  }
  arguments.train.planHash = plan.sha256();
  arguments.job.folder = arguments.train.outDir;
  std::unique_ptr<Communicator> communicator = openCommunicator();
  if (launched && arguments.restarts > 0 && !isSupervised() &&
      communicator->rank() == 0)
    fmt::print(stderr, "pfc-run: note: --max-restarts has no effect: another "
                       "launcher started the ranks, and has to start them "
                       "again, with --resume\n");
  const bool keeps = arguments.train.checkpoint.every > 0;
  WatchOptions watching{"pfc-run", arguments.timeout,
                        keeps ? "--resume goes on from the last checkpoint"
                              : "without --checkpoint-every it has written no "
                                "checkpoint"};
  return runOnRank(
      watching, *communicator,
      [&] {
        checkSamePlan(plan, *communicator);
        return std::make_unique<Job>(plan, *communicator, arguments.job);
      },
      [&](Job &job, std::shared_ptr<void> &kept) {
        auto loop = std::make_shared<TrainLoop>(job, arguments.train);
        kept = loop;
        loop->run();
      });
}

} // namespace

int main(int argc, char **argv) {
  int status = runTool("pfc-run", body, argc, argv);
  if (status != 0) // the cause is on stderr
    markLastWords();
  return status;
}

//===- main.cpp - pfc-eval: how good is a trained network -------*- C++ -*-===//
//
//   pfc-eval verify --model OUT --pairs x.bin [--pairs y.bin ...]
//            [--flip|--no-flip] [--precision ...] [--threads N]
//
// OUT is what pfc-run left. Runs alone, or under mpirun with any number of
// ranks, which then share the work.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Error.h"
#include "runtime/train/Job.h"
#include "runtime/train/ModelFolder.h"
#include "runtime/train/Verifier.h"
#include "runtime/train/progress/ConsoleProgress.h"
#include "tools/cli/Usage.h"

#include <CLI/CLI.hpp>

#include <optional>

using namespace pfc::rt;

namespace {

struct Arguments {
  std::string model;
  std::vector<std::string> pairs;
  std::optional<bool> flip; // default: the spec's data.flip_test
  JobOptions job;
};

void declare(CLI::App &verify, Arguments &arguments) {
  verify.add_option("--model", arguments.model, "what pfc-run --out wrote")
      ->required();
  verify.add_option("--pairs", arguments.pairs, "verification sets (.bin)")
      ->required();
  verify.add_flag("--flip,!--no-flip", arguments.flip,
                  "add the mirrored picture's embedding (default: the spec's "
                  "data.flip_test)");
  verify.add_option("--device", arguments.job.device,
                    "what executes the plan (default: the plan's)");
  verify
      .add_option("--precision", arguments.job.precision,
                  "fp32, bf16, fp16, or auto: the first the machine is good at")
      ->check(CLI::IsMember({"auto", "fp32", "bf16", "fp16"}));
  verify
      .add_option("--threads", arguments.job.threads,
                  "threads of a rank (default: processors / ranks)")
      ->check(CLI::Range(1, 4096));
}

void print(const VerificationResult &result) {
  fmt::print("{}: accuracy {:.4f} ± {:.4f}, TAR {:.4f} at FAR 1e-3, {:.4f} at "
             "FAR 1e-4, {} pairs, mean length {:.2f}\n",
             result.name, result.accuracy, result.accuracyStd,
             result.tarAtFar1e3, result.tarAtFar1e4, result.pairs,
             result.xnorm);
}

void verify(const Arguments &arguments, Job &job) {
  loadBackbone(ModelFolder(arguments.model).backbone(), job.variant,
               job.executor);
  Verifier verifier(job, arguments.pairs,
                    arguments.flip.value_or(job.settings.flip_test()));
  for (const VerificationResult &result : verifier.verify())
    if (job.isRoot())
      print(result);
}

int body(int argc, char **argv) {
  CLI::App app("Evaluates a trained network.", "pfc-eval");
  app.require_subcommand(1);
  Arguments arguments;
  declare(*app.add_subcommand("verify", "ten-fold verification on pairs"),
          arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return pfc::endUsage(app, error);
  }
  std::unique_ptr<Communicator> communicator = openCommunicator();
  arguments.job.only = {"embed"};
  std::optional<PlanFile> plan;
  return runOnRank(
      {.tool = "pfc-eval"}, *communicator,
      [&] {
        plan.emplace(PlanFile::open(ModelFolder(arguments.model).plan()));
        return std::make_unique<Job>(*plan, *communicator, arguments.job);
      },
      [&](Job &job) { verify(arguments, job); });
}

} // namespace

int main(int argc, char **argv) {
  return runTool("pfc-eval", body, argc, argv);
}

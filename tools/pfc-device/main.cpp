//===- main.cpp - pfc-device: check and time a device -----------*- C++ -*-===//
//
//   pfc-device show [--device cuda]
//   pfc-device record PLAN --device emulated-cuda -o FILE
//   pfc-device check PLAN --device cuda --against FILE
//   pfc-device time PLAN --device cuda [-o FILE]
//   pfc-device kernel FILE.cu NAME --threads 64 --blocks 4 64xf32 64xf32
//   pfc-device engines PLAN --on h200
//
// What one device computed, instruction by instruction, is what another is
// held against: tools/gpu_check.sh does that where a GPU is. One rank.
//
//===----------------------------------------------------------------------===//
#include "Engines.h"
#include "Inputs.h"
#include "Kernel.h"
#include "Record.h"
#include "Timing.h"
#include "runtime/base/AtomicFile.h"
#include "runtime/base/Error.h"
#include "runtime/base/Paths.h"
#include "tools/cli/AtLeast.h"
#include "tools/cli/Usage.h"

#include <CLI/CLI.hpp>
#include <optional>

using namespace pfc::rt;

namespace {

struct Arguments {
  std::string plan, reference, output, chip;
  JobOptions job;
  int64_t steps = 3;
  int64_t timedSteps = 30;
  int repetitions = 20;
  std::optional<double> stepTolerance;
};

void addJob(CLI::App &command, Arguments &arguments) {
  command.add_option("plan", arguments.plan, "a plan for one rank")->required();
  command.add_option("--device", arguments.job.device,
                     "cpu, cuda or emulated-cuda (default: the plan's)");
  command.add_option("--precision", arguments.job.precision,
                     "one of the plan's; auto: the first this device takes");
  command.add_option("--threads", arguments.job.threads)
      ->check(CLI::Range(1, 4096));
}

/// Calls body with the job of one rank that the arguments describe.
template <typename Body>
void withJob(const Arguments &arguments, Body body) {
  PlanFile plan = PlanFile::open(arguments.plan);
  std::unique_ptr<Communicator> communicator = makeSelfCommunicator();
  Job job(plan, *communicator, arguments.job);
  body(job);
}

/// What can't be written is found before there is something to write.
class Output {
public:
  explicit Output(const Arguments &arguments) {
    protectInputs("-o", arguments.output, {arguments.plan});
    if (!arguments.output.empty())
      file.emplace(arguments.output);
  }

  void write(const nlohmann::json &value) {
    if (!file)
      return;
    std::string text = value.dump(1) + "\n";
    file->write(text.data(), text.size());
    file->commit();
  }

private:
  std::optional<AtomicFile> file;
};

[[noreturn]] void failRecord(const std::string &path) {
  fail("{}: is no record: give a file that 'pfc-device record' wrote", path);
}

nlohmann::json read(const std::string &path) {
  nlohmann::json value = nlohmann::json::parse(readText(path), nullptr, false);
  for (const char *key : {"plan", "precision", "instructions", "steps"})
    if (!value.is_object() || !value.contains(key))
      failRecord(path);
  return value;
}

int check(const Arguments &arguments) {
  nlohmann::json reference = read(arguments.reference);
  Comparison result;
  withJob(arguments, [&](Job &job) {
    nlohmann::json actual = record(job, arguments.steps);
    try {
      result = compare(reference, actual, arguments.stepTolerance);
    } catch (const nlohmann::json::exception &) {
      failRecord(arguments.reference);
    }
  });
  for (const std::string &difference : result.differences)
    fmt::print("{}\n", difference);
  fmt::print("{}: {} buffers compared, {} differ\n",
             result.differences.empty() ? "agree" : "DISAGREE", result.compared,
             result.differences.size());
  return result.differences.empty() ? 0 : 1;
}

void time(const Arguments &arguments) {
  Output output(arguments);
  withJob(arguments, [&](Job &job) {
    nlohmann::json timing =
        timePlan(job, arguments.timedSteps, arguments.repetitions);
    fmt::print("{}", timingTable(timing, 25));
    output.write(timing);
  });
}

int engines(const Arguments &arguments) {
  EngineTable table =
      enginesOf(arguments.plan, arguments.chip, arguments.job.precision);
  for (const std::string &line : table.lines)
    fmt::print("{}\n", line);
  return table.missing == 0 ? 0 : 1;
}

void addKernel(CLI::App &command, KernelRun &run) {
  command.add_option("file", run.file, "CUDA C++, as in a plan")->required();
  command.add_option("kernel", run.kernel, "of the file")->required();
  command.add_option(
      "arguments", run.arguments,
      "buffers: 64xf32, 8x16xbf16; then numbers: i32=7, f32=0.5");
  command.add_option("--device", run.device, "cuda or emulated-cuda")
      ->capture_default_str();
  command.add_option("--threads", run.threads, "of a block")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command.add_option("--blocks", run.blocks, "at most that many are launched")
      ->check(CLI::Range(1, 1 << 30))
      ->capture_default_str();
}

int body(int argc, char **argv) {
  CLI::App app("Checks and times a device.", "pfc-device");
  app.require_subcommand(1);
  Arguments arguments;
  CLI::App *show = app.add_subcommand("show", "one line about a device");
  std::string shown = "cuda";
  show->add_option("--device", shown, "cpu, cuda or emulated-cuda")
      ->capture_default_str();
  CLI::App *record = app.add_subcommand("record", "keep what it computes");
  addJob(*record, arguments);
  record->add_option("-o,--output", arguments.output)->required();
  CLI::App *compare = app.add_subcommand("check", "compare with a record");
  addJob(*compare, arguments);
  compare->add_option("--against", arguments.reference)->required();
  compare->add_option("--step-tolerance", arguments.stepTolerance,
                      "relative, of losses and of what steps change (default: "
                      "by precision)");
  CLI::App *timing = app.add_subcommand("time", "how fast it is");
  addJob(*timing, arguments);
  timing->add_option("-o,--output", arguments.output, "the figures as JSON");
  timing
      ->add_option("--steps", arguments.timedSteps,
                   "whole steps, and of the head's instructions together")
      ->check(pfc::atLeast(1))
      ->capture_default_str();
  timing
      ->add_option("--repetitions", arguments.repetitions,
                   "of each instruction")
      ->check(pfc::atLeast(1))
      ->capture_default_str();
  CLI::App *kernel = app.add_subcommand(
      "kernel", "execute one, on buffers whose element i is i");
  KernelRun run;
  addKernel(*kernel, run);
  CLI::App *survey = app.add_subcommand(
      "engines", "what cuDNN would compute convolutions with on a chip that "
                 "is not here");
  survey->add_option("plan", arguments.plan)->required();
  survey->add_option("--on", arguments.chip, "its name: h200")->required();
  survey->add_option("--precision", arguments.job.precision,
                     "one of the plan's; auto: the first the chip takes");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return pfc::endUsage(app, error);
  }
  if (show->parsed())
    fmt::print("{}\n", openDevice(shown, {})->describe());
  if (record->parsed()) {
    Output output(arguments);
    withJob(arguments, [&](Job &job) {
      output.write(pfc::rt::record(job, arguments.steps));
    });
  }
  if (timing->parsed())
    time(arguments);
  if (kernel->parsed())
    for (const std::string &line : runKernel(run))
      fmt::print("{}\n", line);
  if (survey->parsed())
    return engines(arguments);
  return compare->parsed() ? check(arguments) : 0;
}

} // namespace

int main(int argc, char **argv) {
  return runTool("pfc-device", body, argc, argv);
}

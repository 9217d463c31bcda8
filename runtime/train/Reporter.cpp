#include "runtime/train/Reporter.h"

#include "runtime/base/Error.h"
#include "runtime/comm/Launcher.h"
#include "runtime/device/Processors.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace pfc::rt {
namespace {

/// mpirun gives its ranks a terminal of its own, whatever its own output is:
/// whoever started it knows (launchRanks).
ConsoleOptions optionsFor(const Job &job, int64_t totalSteps,
                          int64_t stepsPerEpoch) {
  ConsoleOptions options = consoleOptions(STDOUT_FILENO, totalSteps);
  options.stepsPerEpoch = stepsPerEpoch;
  if (startedByLauncher()) {
    const char *columns = std::getenv("PFC_TERMINAL_COLUMNS");
    options.terminal = columns && std::atoi(columns) > 0;
    if (options.terminal)
      options.columns = std::atoi(columns);
  }
  if (job.settings.log_every() > 0)
    options.interval = job.settings.log_every();
  return options;
}

nlohmann::ordered_json describeRun(const Job &job, const RunSummary &run) {
  nlohmann::ordered_json json = {
      {"kind", "run"},
      {"plan", job.plan.name()->str()},
      {"spec_hash", job.plan.spec_hash()->str()},
      {"device", job.device->describe()},
      {"precision", job.variant.precision()->str()},
      {"world_size", job.plan.world_size()},
      {"batch_per_rank", job.settings.batch_per_rank()},
      {"classes", job.settings.classes()},
      {"sample_rate", job.settings.sample_rate()},
      {"seed", job.settings.seed()},
      {"arena_bytes", job.executor.arena().bytes()},
      {"steps", run.totalSteps}};
  if (run.synthetic)
    json["synthetic"] = true;
  return json;
}

nlohmann::ordered_json describeResumed(const Job &job, const RunSummary &run,
                                       const Checkpoint &resumed) {
  nlohmann::ordered_json json = describeRun(job, run);
  json["kind"] = "resume";
  json["checkpoint"] = resumed.path();
  json["step"] = resumed.manifest().step;
  return json;
}

/// The metrics of a run become what they were at the checkpoint: what a crash
/// left of later steps will come again.
void restoreMetrics(Checkpoint &resumed, const std::string &path) {
  std::string name = std::filesystem::path(path).filename();
  const ManifestFile *listed = resumed.manifest().find(name);
  require(listed, "{}: its manifest lists no {}", resumed.path(), name);
  resumed.check(*listed);
  copyFile(resumed.metrics(), listed->bytes, path);
}

/// Where metrics.jsonl begins or goes on: its path.
std::string prepareMetrics(const ModelFolder &folder, Checkpoint *resumed) {
  if (resumed)
    restoreMetrics(*resumed, folder.metrics());
  return folder.metrics();
}

} // namespace

Reporter::Reporter(const Job &job, const ModelFolder &folder,
                   const RunSummary &run, Checkpoint *resumed)
    : folder(folder),
      console(std::cout, optionsFor(job, run.totalSteps, run.stepsPerEpoch)),
      log(prepareMetrics(folder, resumed), resumed != nullptr),
      plot(job.plan.name()->str()) {
  console.message(fmt::format(
      "{}: {}, {} classes, {} rank{} x batch {}, {} steps, {}",
      job.plan.name()->str(), job.settings.backbone()->str(),
      job.settings.classes(), job.plan.world_size(),
      job.plan.world_size() == 1 ? "" : "s", job.settings.batch_per_rank(),
      run.totalSteps, job.variant.precision()->str()));
  std::string unsupported =
      unsupportedBefore(job.plan, *job.device, job.variant);
  console.message(
      fmt::format("{}{}{}", job.device->describe(),
                  unsupported.empty() ? "" : "; not for it: ", unsupported));
  console.message(run.data);
  if (!run.tensorboard.empty())
    events.emplace(run.tensorboard, resumed ? resumed->manifest().step + 1 : 0);
  if (!resumed) {
    log.write(describeRun(job, run));
    return;
  }
  restoreCurves();
  log.write(describeResumed(job, run, *resumed));
  console.message(fmt::format("resumed from {}: step {} of {}", resumed->path(),
                              resumed->manifest().step, run.totalSteps));
}

void Reporter::restoreCurves() {
  std::ifstream file(folder.metrics());
  for (std::string line; std::getline(file, line);) {
    auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object())
      continue;
    std::string kind = json.value("kind", "");
    if (kind == "step" && json["loss"].is_number())
      plot.addLoss(json.value("step", int64_t{0}), json["loss"]);
    else if (kind == "verification" && json["accuracy"].is_number())
      plot.addAccuracy(json.value("set", ""), json.value("step", int64_t{0}),
                       json["accuracy"]);
  }
}

Reporter::~Reporter() {
  if (!finished) // an error is about to be printed, on a line of its own
    console.finish();
}

void Reporter::step(const StepMetrics &metrics) {
  console.step(metrics);
  if (metrics.skipped)
    console.message(fmt::format("step {}: skipped, as a gradient overflowed; "
                                "the loss scale is now {:.6g}",
                                metrics.step, metrics.lossScale.value_or(0)));
  log.step(metrics);
  if (events)
    events->step(metrics);
  plot.addLoss(metrics.step, metrics.loss);
}

void Reporter::verification(int64_t step,
                            const std::vector<VerificationResult> &results) {
  for (const VerificationResult &result : results) {
    console.verification(step, result);
    log.verification(step, result);
    if (events)
      events->verification(step, result);
    plot.addAccuracy(result.name, step, result.accuracy);
  }
  last = results;
}

void Reporter::skipped(int64_t step, const std::string &why) {
  console.message(fmt::format("warning: step {} is left out: {}", step, why));
  log.write({{"kind", "skipped"}, {"step", step}, {"why", why}});
}

void Reporter::stop(const std::string &why) {
  finished = true;
  console.finish();
  plot.write(folder.curves());
  std::cout << why << std::endl;
}

void Reporter::finish(int64_t step) {
  finished = true;
  console.finish();
  log.write(
      {{"kind", "end"}, {"step", step}, {"process_bytes", processMemory()}});
  plot.write(folder.curves());
  if (!last.empty())
    std::cout << summaryLine(last.front()) << std::endl;
}

} // namespace pfc::rt

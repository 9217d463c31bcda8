#include "runtime/train/Reporter.h"

#include "runtime/comm/Launcher.h"

#include <cstdlib>
#include <fmt/format.h>
#include <iostream>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace pfc::rt {
namespace {

/// mpirun gives its ranks a terminal of its own, whatever its own output is:
/// whoever started it knows (launchRanks).
ConsoleOptions optionsFor(const Job &job, int64_t totalSteps) {
  ConsoleOptions options = consoleOptions(STDOUT_FILENO, totalSteps);
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

nlohmann::ordered_json describeRun(const Job &job, int64_t totalSteps) {
  return {{"kind", "run"},
          {"plan", job.plan.name()->str()},
          {"spec_hash", job.plan.spec_hash()->str()},
          {"device", job.device->describe()},
          {"precision", job.variant.precision()->str()},
          {"world_size", job.plan.world_size()},
          {"batch_per_rank", job.settings.batch_per_rank()},
          {"classes", job.settings.classes()},
          {"sample_rate", job.settings.sample_rate()},
          {"seed", job.settings.seed()},
          {"steps", totalSteps}};
}

} // namespace

Reporter::Reporter(const Job &job, const ModelFolder &folder,
                   int64_t totalSteps, const std::string &dataSummary)
    : folder(folder), console(std::cout, optionsFor(job, totalSteps)),
      log(folder.metrics()), plot(job.plan.name()->str()) {
  console.message(fmt::format(
      "{}: {}, {} classes, {} rank{} x batch {}, {} steps, {}",
      job.plan.name()->str(), job.settings.backbone()->str(),
      job.settings.classes(), job.plan.world_size(),
      job.plan.world_size() == 1 ? "" : "s", job.settings.batch_per_rank(),
      totalSteps, job.variant.precision()->str()));
  console.message(job.device->describe());
  console.message(dataSummary);
  log.write(describeRun(job, totalSteps));
}

Reporter::~Reporter() {
  if (!finished) // an error is about to be printed, on a line of its own
    console.finish();
}

void Reporter::step(const StepMetrics &metrics) {
  console.step(metrics);
  log.step(metrics);
  plot.addLoss(metrics.step, metrics.loss);
}

void Reporter::verification(int64_t step,
                            const std::vector<VerificationResult> &results) {
  for (const VerificationResult &result : results) {
    console.verification(step, result);
    log.verification(step, result);
    plot.addAccuracy(result.name, step, result.accuracy);
  }
  last = results;
}

void Reporter::finish() {
  finished = true;
  console.finish();
  plot.write(folder.curves());
  if (!last.empty())
    std::cout << summaryLine(last.front()) << std::endl;
}

} // namespace pfc::rt

#include "Timing.h"

#include "Inputs.h"
#include "runtime/exec/Profile.h"
#include "runtime/exec/ProgramRunner.h"
#include "runtime/plan/PlanMemory.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>

namespace pfc::rt {
namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Steps are enqueued ahead, as training does: a step takes the time between
/// two losses.
double stepSeconds(Job &job, int64_t steps) {
  // The second is recorded, and of a plan with branches ten are timed.
  constexpr int64_t warmUp = 12;
  job.executor.initializeState(job.settings.seed());
  setInputs(job.executor, job.settings, "train_step", 0);
  std::vector<double> times;
  std::optional<PendingOutput> loss;
  Clock::time_point begin = Clock::now();
  for (int64_t t = 0; t <= warmUp + steps; ++t) {
    job.executor.start("train_step");
    auto next = job.executor.startOutput("train_step", "loss");
    if (loss)
      loss->wait();
    loss = std::move(next);
    if (t > warmUp)
      times.push_back(secondsSince(begin));
    begin = Clock::now();
  }
  loss->wait();
  return median(times);
}

/// Of each of the head's instructions, as a step executes it.
nlohmann::json headInstructions(ProgramRunner &runner, int repetitions,
                                const ProgramRunner::Chosen &ofHead) {
  nlohmann::json result = nlohmann::json::array();
  std::vector<double> seconds =
      runner.timeEach(repetitions, ProgramRunner::As::Step, ofHead);
  for (uint32_t i = 0; i < seconds.size(); ++i)
    if (seconds[i] > 0)
      result.push_back({{"instruction", i}, {"ms", seconds[i] * 1e3}});
  return result;
}

} // namespace

double copyRate(Job &job) {
  BufferView all = job.executor.arena();
  int64_t half = all.shape[0] / 2 / 64 * 64;
  BufferView source = all, target = all;
  source.shape = target.shape = {half};
  target.data += half;
  auto copy = job.device->makeCopy(source, target);
  std::vector<double> times;
  for (int i = 0; i < 10; ++i) {
    Clock::time_point begin = Clock::now();
    for (int repetition = 0; repetition < 10; ++repetition)
      copy->execute();
    job.device->synchronize();
    times.push_back(secondsSince(begin) / 10);
  }
  return 2.0 * static_cast<double>(half) / median(times);
}

nlohmann::json timePlan(Job &job, int64_t steps, int repetitions) {
  double seconds = stepSeconds(job, steps);
  nlohmann::json result = {
      {"device", job.device->describe()},
      {"plan", job.plan.name()->str()},
      {"precision", job.variant.precision()->str()},
      {"batch", job.settings.batch_per_rank()},
      {"step_ms", seconds * 1e3},
      {"images_per_second", static_cast<double>(job.settings.batch_per_rank() *
                                                job.communicator.worldSize()) /
                                seconds},
      {"arena_bytes", job.variant.arena_bytes()}};
  ProgramRunner &runner = job.executor.runner("train_step");
  auto ofHead = [&](uint32_t i) {
    const auto &instructions = *runner.program().instructions();
    return belongsToHead(instructions[i]->location());
  };
  result["head_ms"] = runner.timeTogether(int(steps), ofHead) * 1e3;
  result["head"] = headInstructions(runner, repetitions, ofHead);
  result["head_bytes"] =
      planMemory(job.variant, job.settings.batch_per_rank()).headPeak;
  Profile profile{1, runner.timeEach(repetitions, ProgramRunner::As::Said,
                                     [](uint32_t) { return true; })};
  result["kernels"] = nlohmann::json::array();
  for (const ProfileRow &row :
       profileRows(job.variant, runner.program(), profile))
    result["kernels"].push_back(
        {{"name", row.what},
         {"ms", row.seconds * 1e3},
         {"calls", row.instructions},
         {"gb_per_second", row.bytes / std::max(row.seconds, 1e-12) * 1e-9},
         {"gflop_per_second",
          row.flops / std::max(row.seconds, 1e-12) * 1e-9}});
  result["copy_gb_per_second"] = copyRate(job) * 1e-9;
  return result;
}

std::string timingTable(const nlohmann::json &timing, size_t rows) {
  double copy = timing.at("copy_gb_per_second");
  std::string text = fmt::format(
      "{}\n{} {}, batch {}: {:.1f} images/s, {:.2f} ms a step, copy {:.0f} "
      "GB/s; the head {:.2f} ms\n{:>9} {:>6} {:>8} {:>6} {:>9}\n",
      timing.at("device").get<std::string>(),
      timing.at("plan").get<std::string>(),
      timing.at("precision").get<std::string>(),
      timing.at("batch").get<int64_t>(),
      timing.at("images_per_second").get<double>(),
      timing.at("step_ms").get<double>(), copy,
      timing.at("head_ms").get<double>(), "ms", "calls", "GB/s", "of copy",
      "GFLOP/s");
  for (const nlohmann::json &row : timing.at("kernels")) {
    if (rows-- == 0)
      break;
    double rate = row.at("gb_per_second");
    text += fmt::format("{:9.3f} {:6} {:8.0f} {:5.0f}% {:9.0f}  {}\n",
                        row.at("ms").get<double>(),
                        row.at("calls").get<int64_t>(), rate, 100 * rate / copy,
                        row.at("gflop_per_second").get<double>(),
                        row.at("name").get<std::string>());
  }
  return text;
}

} // namespace pfc::rt

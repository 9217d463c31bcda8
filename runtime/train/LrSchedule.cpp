#include "runtime/train/LrSchedule.h"

#include "runtime/base/Error.h"
#include "runtime/plan/Shape.h"

#include <algorithm>
#include <cmath>

namespace pfc::rt {

double LrSchedule::at(int64_t step) const {
  if (step >= total)
    return 0;
  if (step < warmup)
    return peak * static_cast<double>(step + 1) / static_cast<double>(warmup);
  if (!milestones.empty()) {
    auto passed = std::ranges::count_if(
        milestones, [&](int64_t milestone) { return milestone <= step; });
    return peak * std::pow(gamma, static_cast<double>(passed));
  }
  double done =
      static_cast<double>(step - warmup) / static_cast<double>(total - warmup);
  return peak * std::pow(1 - done, power);
}

/// Epochs in steps, rounded to the nearest; at most what 64 bits hold.
static int64_t epochSteps(double epochs, int64_t stepsPerEpoch) {
  double steps = std::round(epochs * static_cast<double>(stepsPerEpoch));
  require(steps < 9e18, "{} epochs of {} steps are too many", epochs,
          stepsPerEpoch);
  return static_cast<int64_t>(steps);
}

int64_t totalSteps(const plan::fb::Settings &settings, int64_t stepsPerEpoch,
                   int64_t override) {
  if (override >= 0)
    return override;
  if (settings.steps() > 0)
    return settings.steps();
  return std::max<int64_t>(epochSteps(settings.epochs(), stepsPerEpoch), 1);
}

std::string unreached(const LrSchedule &schedule) {
  if (schedule.total > 0 && schedule.warmup >= schedule.total)
    return fmt::format("the warm-up takes {} steps and the training {}: the "
                       "learning rate never comes to fall",
                       schedule.warmup, schedule.total);
  auto beyond =
      std::ranges::find_if(schedule.milestones, [&](int64_t milestone) {
        return milestone >= schedule.total;
      });
  if (schedule.total > 0 && beyond != schedule.milestones.end())
    return fmt::format("the milestone of step {} is behind the last of {} "
                       "steps: the learning rate does not fall there",
                       *beyond, schedule.total);
  return {};
}

LrSchedule makeSchedule(const plan::fb::Settings &settings,
                        int64_t stepsPerEpoch, int64_t total) {
  int64_t warmup = settings.warmup_steps() > 0
                       ? settings.warmup_steps()
                       : epochSteps(settings.warmup_epochs(), stepsPerEpoch);
  std::vector<int64_t> milestones;
  if (settings.milestone_steps())
    milestones = toVector(*settings.milestone_steps());
  if (settings.milestone_epochs())
    for (double epochs : *settings.milestone_epochs())
      milestones.push_back(epochSteps(epochs, stepsPerEpoch));
  return {.peak = settings.learning_rate(),
          .power = settings.schedule_power(),
          .warmup = warmup,
          .total = total,
          .milestones = std::move(milestones),
          .gamma = settings.schedule_gamma()};
}

} // namespace pfc::rt

//===- LrSchedule.h - The learning rate of each step ------------*- C++ -*-===//
#ifndef PFC_RUNTIME_TRAIN_LRSCHEDULE_H
#define PFC_RUNTIME_TRAIN_LRSCHEDULE_H

#include "runtime/plan/plan_generated.h"

#include <cstdint>
#include <string>
#include <vector>

namespace pfc::rt {

/// Linear warm-up, then polynomial decay to 0, or a fall at each milestone.
/// Step t counts from 0:
///   t < warmup:  peak (t + 1) / warmup
///   else:        peak (1 - (t - warmup) / (total - warmup))^power, or
///                peak gamma^n, with n milestones <= t
/// and 0 from `total` on.
struct LrSchedule {
  double peak = 0;
  double power = 1;
  int64_t warmup = 0;                   ///< steps
  int64_t total = 0;                    ///< steps
  std::vector<int64_t> milestones = {}; ///< steps; none: polynomial
  double gamma = 1;

  double at(int64_t step) const;
};

/// How many steps a training has: `override` unless negative, else the plan's
/// steps, else its epochs of `stepsPerEpoch`.
int64_t totalSteps(const plan::fb::Settings &settings, int64_t stepsPerEpoch,
                   int64_t override);

/// Of a schedule that a training of `total` steps does not go through, what it
/// leaves out; else empty.
std::string unreached(const LrSchedule &schedule);

LrSchedule makeSchedule(const plan::fb::Settings &settings,
                        int64_t stepsPerEpoch, int64_t total);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_LRSCHEDULE_H

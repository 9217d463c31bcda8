//===- Timing.h - How fast a plan is on this device -------------*- C++ -*-===//
#ifndef PFC_TOOLS_PFC_DEVICE_TIMING_H
#define PFC_TOOLS_PFC_DEVICE_TIMING_H

#include "runtime/train/Job.h"

#include <nlohmann/json.hpp>

namespace pfc::rt {

/// Bytes a second, read and written, of a copy of half the arena.
double copyRate(Job &job);

/// One step of training, at its median of `steps` after a few, with
/// `repetitions` of each instruction: {"device", "images_per_second",
/// "step_ms", "arena_bytes", "copy_gb_per_second", "head_ms", "head_bytes",
/// "head": [{"instruction", "ms"}, …], "kernels": [{"name", "ms", "calls",
/// "gb_per_second", "gflop_per_second"}, …]}, longest first.
nlohmann::json timePlan(Job &job, int64_t steps, int repetitions);

/// The same as a table.
std::string timingTable(const nlohmann::json &timing, size_t rows);

} // namespace pfc::rt

#endif // PFC_TOOLS_PFC_DEVICE_TIMING_H

//===- Record.h - What a device computes, to be compared --------*- C++ -*-===//
//
// Instructions: before each one, its floating-point buffers are filled with
// random numbers, the same on every device; after it, each of its buffers is
// described by its norm, by the sum of its elements with random signs, which an
// element at another's place changes, and by some elements. So an instruction
// is compared alone, and what differs is that instruction.
//
// Steps: the program as it is meant, from the plan's initial state; its losses,
// and how much it changed of all parameters, and of the optimizer's state.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_TOOLS_PFC_DEVICE_RECORD_H
#define PFC_TOOLS_PFC_DEVICE_RECORD_H

#include "runtime/train/Job.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace pfc::rt {

/// {"instructions": [{"what", "type", "finite", "norm", "mix", "elements"}…],
/// "steps": […]}
nlohmann::json record(Job &job, int64_t steps);

struct Comparison {
  size_t compared = 0;
  std::vector<std::string> differences; // for people
};

/// A buffer agrees where its norm and sum differ by at most the tolerance of
/// its type, relative to the norm, its elements relative to their root mean
/// square, and as many are no finite numbers; integers agree exactly. Steps
/// have `stepTolerance`, else what their precision may make of them.
Comparison compare(const nlohmann::json &reference,
                   const nlohmann::json &actual,
                   std::optional<double> stepTolerance);

} // namespace pfc::rt

#endif // PFC_TOOLS_PFC_DEVICE_RECORD_H

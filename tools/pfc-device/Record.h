//===- Record.h - What a device computes, to be compared --------*- C++ -*-===//
//
// Instructions: before each one, its floating-point buffers are filled with
// random numbers, the same on every device; after it, each of its buffers is
// described by its norm and some elements. So an instruction is compared alone,
// and what differs is that instruction.
//
// Steps: the program as it is meant, from the plan's initial state; its losses,
// and the norm of all its parameters.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_TOOLS_PFC_DEVICE_RECORD_H
#define PFC_TOOLS_PFC_DEVICE_RECORD_H

#include "runtime/train/Job.h"

#include <nlohmann/json.hpp>

namespace pfc::rt {

/// {"instructions": [{"what", "type", "norm", "elements"}…], "steps": […]}
nlohmann::json record(Job &job, int64_t steps);

struct Comparison {
  size_t compared = 0;
  std::vector<std::string> differences; // for people
};

/// A buffer agrees where its norm and elements differ by at most the tolerance
/// of its type, relative to its root mean square; integers agree exactly. Steps
/// have `stepTolerance`.
Comparison compare(const nlohmann::json &reference,
                   const nlohmann::json &actual, double stepTolerance);

} // namespace pfc::rt

#endif // PFC_TOOLS_PFC_DEVICE_RECORD_H

//===- Profile.h - Where the time of a program goes -------------*- C++ -*-===//
#ifndef PFC_RUNTIME_EXEC_PROFILE_H
#define PFC_RUNTIME_EXEC_PROFILE_H

#include "runtime/plan/plan_generated.h"

#include <cstdint>
#include <string>
#include <vector>

namespace pfc::rt {

/// What one instruction took, summed over the runs of its program.
struct Profile {
  int64_t runs = 0;
  std::vector<double> seconds; // one an instruction
};

/// A table, longest first: instructions that do the same (a kernel, a shape of
/// convolution) are one row, with the rates that the plan's costs make of it.
std::string profileTable(const plan::fb::Variant &variant,
                         const plan::fb::Program &program,
                         const Profile &profile, size_t rows = 40);

} // namespace pfc::rt

#endif // PFC_RUNTIME_EXEC_PROFILE_H

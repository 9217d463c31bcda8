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

/// Instructions that do the same: a kernel, a shape of convolution.
struct ProfileRow {
  std::string what;
  int64_t instructions = 0;
  double seconds = 0; // a run
  double flops = 0, bytes = 0;
};

/// Longest first.
std::vector<ProfileRow> profileRows(const plan::fb::Variant &variant,
                                    const plan::fb::Program &program,
                                    const Profile &profile);

/// A table of the rows, with the rates that the plan's costs make of them.
std::string profileTable(const plan::fb::Variant &variant,
                         const plan::fb::Program &program,
                         const Profile &profile, size_t rows = 40);

} // namespace pfc::rt

#endif // PFC_RUNTIME_EXEC_PROFILE_H

//===- MemoryChecks.h - What a CUDA thread may access -----------*- C++ -*-===//
//
// Called for every access of a checked kernel; so the answer "it is within an
// argument" is here, in the header.
//
// Arguments are __restrict__: a chip may keep what it read of one although
// another, which overlaps it, is written. Such an argument may only be read.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_EMULATED_CUDA_MEMORYCHECKS_H
#define PFC_RUNTIME_DEVICE_EMULATED_CUDA_MEMORYCHECKS_H

#include "runtime/device/emulated_cuda/Fiber.h"
#include "runtime/device/emulated_cuda/LaunchShape.h"
#include "runtime/device/emulated_cuda/SharedMemory.h"

namespace pfc::rt::emulated {

class MemoryChecks {
public:
  MemoryChecks(const Stacks &stacks, SharedMemory &shared)
      : stacks(stacks), shared(shared) {}

  void startLaunch(const LaunchShape &launch);

  /// Whether an access lies within the argument that its address was computed
  /// from, and no other argument overlaps that.
  bool isArgument(const void *address, uint64_t bytes) const {
    uint64_t distance = reinterpret_cast<uintptr_t>(address) - firstView;
    uint64_t view = distance >> viewShift;
    if (view >= arguments.size())
      return false;
    uint64_t offset = distance - arguments[view].begin;
    return offset < arguments[view].bytes &&
           bytes <= arguments[view].bytes - offset;
  }

  /// What is wrong with an access of anything else, if something is.
  std::string problem(const void *address, uint64_t bytes, Access kind,
                      const Moment &now);

  /// Local variables, constants, the pointers that the kernel was given.
  bool isPrivate(const void *address) const;

private:
  std::string argumentProblem(const void *address, uint64_t bytes,
                              Access kind) const;

  /// Where an argument lies, from the first view on; of one that another
  /// overlaps, nothing.
  struct Window {
    uint64_t begin, bytes;
  };

  const Stacks &stacks;
  SharedMemory &shared;
  const LaunchShape *launch = nullptr;
  uintptr_t firstView = 0;
  unsigned viewShift = 0;
  std::vector<Window> arguments; // none where accesses are not checked
};

} // namespace pfc::rt::emulated

#endif // PFC_RUNTIME_DEVICE_EMULATED_CUDA_MEMORYCHECKS_H

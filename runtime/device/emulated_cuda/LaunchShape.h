//===- LaunchShape.h - A kernel with its arguments and its grid -*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_EMULATED_CUDA_LAUNCHSHAPE_H
#define PFC_RUNTIME_DEVICE_EMULATED_CUDA_LAUNCHSHAPE_H

#include "runtime/device/emulated_cuda/ArenaViews.h"
#include "runtime/device/emulated_cuda/EmulationAbi.h"

#include <string>
#include <vector>

namespace pfc::rt::emulated {

/// The part of the arena that an argument is.
struct Argument {
  uint64_t begin, end;
  std::string text; // "128x512 bf16"
};

/// Addresses [begin, end) of this process.
struct AddressRange {
  const std::byte *begin = nullptr, *end = nullptr;

  bool has(const void *address) const {
    auto *byte = static_cast<const std::byte *>(address);
    return begin <= byte && byte < end;
  }
};

struct LaunchShape {
  const emulation::Kernel *kernel;
  unsigned threads; // of a block
  unsigned blocks;
  uint64_t dynamicShared; // bytes of an `extern __shared__` array
  std::vector<emulation::TensorMap> maps;
  std::vector<int64_t> numbers;
  std::vector<void *> pointers; // to buffers, maps and numbers
  std::vector<Argument> arguments;
  const ArenaViews *views; // null: accesses are not checked
  AddressRange constants;  // memory of the kernels' library
  const std::string *cuda; // the plan's text, for messages
};

} // namespace pfc::rt::emulated

#endif // PFC_RUNTIME_DEVICE_EMULATED_CUDA_LAUNCHSHAPE_H

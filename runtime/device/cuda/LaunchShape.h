//===- LaunchShape.h - How many blocks a kernel is launched with *- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_CUDA_LAUNCHSHAPE_H
#define PFC_RUNTIME_DEVICE_CUDA_LAUNCHSHAPE_H

#include <algorithm>
#include <cstdint>

namespace pfc::rt::cuda {

/// As many blocks as the chip holds at once, or as there are units of work: a
/// kernel loops over its work, so that any grid is right, and blocks that wait
/// for a place would only start late.
inline unsigned gridBlocks(uint64_t work, unsigned resident) {
  return static_cast<unsigned>(
      std::clamp<uint64_t>(std::min<uint64_t>(work, resident), 1, INT32_MAX));
}

} // namespace pfc::rt::cuda

#endif // PFC_RUNTIME_DEVICE_CUDA_LAUNCHSHAPE_H

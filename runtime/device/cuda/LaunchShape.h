//===- LaunchShape.h - How many blocks a kernel is launched with *- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_CUDA_LAUNCHSHAPE_H
#define PFC_RUNTIME_DEVICE_CUDA_LAUNCHSHAPE_H

#include <algorithm>
#include <cstdint>

namespace pfc::rt::cuda {

/// A block for each unit of work, but no more than `waves` times what the chip
/// holds at once, nor than `most`: a kernel loops over its work, so that any
/// grid is right. With as many blocks as the chip holds, those whose place
/// another kernel has, of NCCL's or a transfer's, would begin when all others
/// end, and take as long again; so they are smaller.
inline unsigned gridBlocks(uint64_t work, unsigned resident,
                           uint64_t most = INT32_MAX) {
  constexpr uint64_t waves = 4;
  return static_cast<unsigned>(std::clamp<uint64_t>(
      std::min({work, waves * resident, most}), 1, INT32_MAX));
}

} // namespace pfc::rt::cuda

#endif // PFC_RUNTIME_DEVICE_CUDA_LAUNCHSHAPE_H

//===- Chip.h - The GPU of this rank ----------------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_CUDA_CHIP_H
#define PFC_RUNTIME_DEVICE_CUDA_CHIP_H

#include "runtime/device/cuda/CudaLibraries.h"

#include <cstdint>
#include <string>

namespace pfc::rt::cuda {

/// What NVRTC compiles for on chips of a compute capability (90 for 9.0):
/// "sm_80"; "sm_90a" where they have features that only their own target can
/// use.
std::string architectureOf(int compute);

struct Chip {
  CUdevice device = 0;
  int number = 0; ///< as CUDA counts the GPUs this process sees
  std::string name, uuid;
  int computeMajor = 0, computeMinor = 0;
  unsigned multiprocessors = 1;
  uint64_t memory = 0, freeMemory = 0;
  int driverVersion = 0; ///< 12040 for 12.4

  std::string architecture() const {
    return architectureOf(10 * computeMajor + computeMinor);
  }
};

/// Starts the driver and takes the GPU of this rank, the localRank-th of those
/// the process sees, in turn; makes its primary context current. Throws an
/// Error that says what is missing.
Chip openChip(int localRank);
void closeChip(const Chip &chip);

} // namespace pfc::rt::cuda

#endif // PFC_RUNTIME_DEVICE_CUDA_CHIP_H

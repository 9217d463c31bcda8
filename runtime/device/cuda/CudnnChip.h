//===- CudnnChip.h - Chips that cuDNN can be asked of -----------*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_CUDA_CUDNNCHIP_H
#define PFC_RUNTIME_DEVICE_CUDA_CUDNNCHIP_H

#include "runtime/device/cuda/CudnnDescriptor.h"

#include <string>

namespace pfc::rt::cuda {

struct KnownChip {
  const char *name; ///< as `pfcc explain --on` calls it
  const char *product;
  int compute; ///< capability: 90 for 9.0
  int multiprocessors;
  int sharedMemory;       ///< bytes a block may ask for
  int threads;            ///< of a multiprocessor
  int blocks;             ///< of a multiprocessor
  int cache;              ///< L2, bytes
  int clock, memoryClock; ///< kHz
  int memory;             ///< GB
};

/// Throws an Error that lists the chips there are.
const KnownChip &findChip(const std::string &name);

/// The chip as cuDNN 9.8 or newer is told of it. Throws an Error where cuDNN,
/// or the one that this was built with, is older.
CudnnDescriptor describeToCudnn(const KnownChip &chip);

} // namespace pfc::rt::cuda

#endif // PFC_RUNTIME_DEVICE_CUDA_CUDNNCHIP_H

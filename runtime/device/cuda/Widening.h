//===- Widening.h - 16-bit results as fp32 ----------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_CUDA_WIDENING_H
#define PFC_RUNTIME_DEVICE_CUDA_WIDENING_H

#include "runtime/device/cuda/Kernels.h"
#include "runtime/device/cuda/Memory.h"

#include <map>
#include <memory>
#include <string>

namespace pfc::rt::cuda {

/// Kernels that copy bf16 or f16 elements into an fp32 buffer, for a result
/// that a library writes in 16 bits only. Compiled when first needed.
class Widening {
public:
  Widening(const Chip &chip, CUstream stream) : chip(chip), stream(stream) {}

  /// `target` = the elements of type `dtype` in `source`, wherever that lies
  /// when the task is executed.
  std::unique_ptr<Task> makeTask(plan::fb::DType dtype,
                                 const DeviceMemory &source,
                                 const BufferView &target);

private:
  const Chip &chip;
  CUstream stream;
  std::map<plan::fb::DType, std::unique_ptr<Module>> modules;
};

} // namespace pfc::rt::cuda

#endif // PFC_RUNTIME_DEVICE_CUDA_WIDENING_H

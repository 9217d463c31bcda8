//===- Cudnn.h - Convolutions -----------------------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_CUDA_CUDNN_H
#define PFC_RUNTIME_DEVICE_CUDA_CUDNN_H

#include "runtime/device/Device.h"
#include "runtime/device/cuda/CudnnPlanner.h"
#include "runtime/device/cuda/Memory.h"
#include "runtime/device/cuda/Widening.h"

#include <memory>
#include <optional>

namespace pfc::rt::cuda {

/// cuDNN 9 on one stream: convolutions in NHWC, fp32 accumulation.
class Cudnn {
public:
  /// `workspace` is used by one task at a time.
  Cudnn(const Chip &chip, CUstream stream, DeviceMemory &workspace,
        uint64_t workspaceLimit);
  ~Cudnn();
  Cudnn(const Cudnn &) = delete;
  Cudnn &operator=(const Cudnn &) = delete;

  std::unique_ptr<Task> makeConv(const plan::fb::Conv &op,
                                 const BufferView &lhs, const BufferView &rhs,
                                 const BufferView &result);

private:
  DeviceMemory &workspace;
  uint64_t workspaceLimit;
  Widening widening;
  DeviceMemory narrow; // a result before it is widened
  cudnnHandle_t handle = nullptr;
  std::optional<CudnnPlanner> planner;
};

} // namespace pfc::rt::cuda

#endif // PFC_RUNTIME_DEVICE_CUDA_CUDNN_H

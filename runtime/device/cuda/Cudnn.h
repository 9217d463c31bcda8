//===- Cudnn.h - Convolutions -----------------------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_CUDA_CUDNN_H
#define PFC_RUNTIME_DEVICE_CUDA_CUDNN_H

#include "runtime/device/Device.h"
#include "runtime/device/cuda/Memory.h"
#include "runtime/device/cuda/Widening.h"

#include <map>
#include <memory>
#include <string>

namespace pfc::rt::cuda {

class CudnnPlan;

/// cuDNN 9 on one stream: convolutions in NHWC, fp32 accumulation. A shape is
/// planned once. An fp32 result of 16-bit operands that cuDNN has no engine for
/// is rounded to the operands' type once, as PyTorch's autocast does.
class Cudnn {
public:
  /// `workspace` is used by one task at a time; engines that want more than
  /// `workspaceLimit` bytes of it are not taken.
  Cudnn(const Chip &chip, CUstream stream, DeviceMemory &workspace,
        uint64_t workspaceLimit);
  ~Cudnn();
  Cudnn(const Cudnn &) = delete;
  Cudnn &operator=(const Cudnn &) = delete;

  std::unique_ptr<Task> makeConv(const plan::fb::Conv &op,
                                 const BufferView &lhs, const BufferView &rhs,
                                 const BufferView &result);

private:
  std::shared_ptr<CudnnPlan> planFor(const plan::fb::Conv &op,
                                     plan::fb::DType operand,
                                     plan::fb::DType result);

  DeviceMemory &workspace;
  uint64_t workspaceLimit;
  Widening widening;
  DeviceMemory narrow; // a result before it is widened
  cudnnHandle_t handle = nullptr;
  std::map<std::string, std::shared_ptr<CudnnPlan>> plans; // null: none fits
};

} // namespace pfc::rt::cuda

#endif // PFC_RUNTIME_DEVICE_CUDA_CUDNN_H

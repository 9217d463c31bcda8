//===- CublasLt.h - Matrix products -----------------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_CUDA_CUBLASLT_H
#define PFC_RUNTIME_DEVICE_CUDA_CUBLASLT_H

#include "runtime/device/Device.h"
#include "runtime/device/cuda/Memory.h"

#include <map>
#include <memory>
#include <string>

namespace pfc::rt::cuda {

/// cuBLASLt on one stream: out = op(lhs) * op(rhs), fp32 accumulation. What it
/// recommends for a shape is asked once.
class CublasLt {
public:
  /// `workspace` is used by one task at a time; the library may ask for up to
  /// `workspaceLimit` bytes of it.
  CublasLt(CUstream stream, DeviceMemory &workspace, uint64_t workspaceLimit);
  ~CublasLt();
  CublasLt(const CublasLt &) = delete;
  CublasLt &operator=(const CublasLt &) = delete;

  std::unique_ptr<Task> makeMatmul(const plan::fb::Matmul &op,
                                   const BufferView &lhs, const BufferView &rhs,
                                   const BufferView &out);

private:
  CUstream stream;
  DeviceMemory &workspace;
  uint64_t workspaceLimit;
  cublasLtHandle_t handle = nullptr;
  std::map<std::string, cublasLtMatmulAlgo_t> algorithms; // by shape and types
};

} // namespace pfc::rt::cuda

#endif // PFC_RUNTIME_DEVICE_CUDA_CUBLASLT_H

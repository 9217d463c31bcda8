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
  /// `workspaceLimit` bytes. The memory has those it asks for, and
  /// `workspaceLeast` at least.
  CublasLt(CUstream stream, DeviceMemory &workspace, uint64_t workspaceLimit,
           uint64_t workspaceLeast);
  ~CublasLt();
  CublasLt(const CublasLt &) = delete;
  CublasLt &operator=(const CublasLt &) = delete;

  std::unique_ptr<Task> makeMatmul(const plan::fb::Matmul &op,
                                   const BufferView &lhs, const BufferView &rhs,
                                   const BufferView &out);

private:
  CUstream stream;
  DeviceMemory &workspace;
  uint64_t workspaceLimit, workspaceLeast;
  cublasLtHandle_t handle = nullptr;
  // By shape and types.
  std::map<std::string, cublasLtMatmulHeuristicResult_t> algorithms;
};

} // namespace pfc::rt::cuda

#endif // PFC_RUNTIME_DEVICE_CUDA_CUBLASLT_H

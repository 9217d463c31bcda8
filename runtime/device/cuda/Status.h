//===- Status.h - Every status, checked -------------------------*- C++ -*-===//
//
// Each check throws an Error that names the call, its status and, where there
// is one, the remedy. The executor adds the instruction and the rank.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_CUDA_STATUS_H
#define PFC_RUNTIME_DEVICE_CUDA_STATUS_H

#include "runtime/device/cuda/CudaLibraries.h"

namespace pfc::rt::cuda {

/// "CUDA_ERROR_OUT_OF_MEMORY (out of memory)"
std::string statusText(CUresult status);
/// "CUDNN_STATUS_EXECUTION_FAILED (why, if it said so)"
std::string statusText(cudnnStatus_t status);

void check(CUresult status, const char *call);
void check(nvrtcResult status, const char *call);
void check(cublasStatus_t status, const char *call);
void check(cudnnStatus_t status, const char *call);

} // namespace pfc::rt::cuda

#endif // PFC_RUNTIME_DEVICE_CUDA_STATUS_H

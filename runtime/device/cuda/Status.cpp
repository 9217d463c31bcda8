#include "runtime/device/cuda/Status.h"

#include "runtime/base/Error.h"

namespace pfc::rt::cuda {
namespace {

/// What a person can do about it; empty where nothing is known.
const char *remedy(CUresult status) {
  switch (status) {
  case CUDA_ERROR_OUT_OF_MEMORY:
    return ": the GPU's memory is full; nvidia-smi shows whose processes are "
           "on it";
  case CUDA_ERROR_NO_BINARY_FOR_GPU:
  case CUDA_ERROR_INVALID_IMAGE:
  case CUDA_ERROR_UNSUPPORTED_PTX_VERSION:
    return ": the driver is older than the toolkit that compiled the kernels; "
           "update it, or give an older toolkit in CUDA_HOME";
  case CUDA_ERROR_ILLEGAL_ADDRESS:
  case CUDA_ERROR_MISALIGNED_ADDRESS:
  case CUDA_ERROR_ASSERT:
  case CUDA_ERROR_LAUNCH_FAILED:
    return ": a kernel failed; --profile waits for each instruction, and so "
           "names it; --device=emulated-cuda names the line";
  case CUDA_ERROR_ECC_UNCORRECTABLE:
  case CUDA_ERROR_HARDWARE_STACK_ERROR:
    return ": the GPU is broken or needs a reset";
  case CUDA_ERROR_SYSTEM_DRIVER_MISMATCH:
    return ": the driver was updated while it was loaded; restart the machine";
  default:
    return "";
  }
}

} // namespace

std::string statusText(CUresult status) {
  const char *name = nullptr, *text = nullptr;
  driver().cuGetErrorName(status, &name);
  driver().cuGetErrorString(status, &text);
  return fmt::format("{} ({})", name ? name : std::to_string(status),
                     text ? text : "unknown to this driver");
}

std::string statusText(cudnnStatus_t status) {
  char reason[512] = "";
  cudnn().cudnnGetLastErrorString(reason, sizeof reason);
  std::string text = cudnn().cudnnGetErrorString(status);
  return *reason ? fmt::format("{} ({})", text, reason) : text;
}

void check(CUresult status, const char *call) {
  if (status != CUDA_SUCCESS)
    fail("{}: {}{}", call, statusText(status), remedy(status));
}

void check(nvrtcResult status, const char *call) {
  if (status != NVRTC_SUCCESS)
    fail("{}: {}", call, nvrtc().nvrtcGetErrorString(status));
}

void check(cublasStatus_t status, const char *call) {
  if (status != CUBLAS_STATUS_SUCCESS)
    fail("{}: {}", call, cublasLt().cublasLtGetStatusName(status));
}

void check(cudnnStatus_t status, const char *call) {
  if (status != CUDNN_STATUS_SUCCESS)
    fail("{}: {}", call, statusText(status));
}

} // namespace pfc::rt::cuda

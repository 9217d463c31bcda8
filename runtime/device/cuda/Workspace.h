//===- Workspace.h - Scratch memory of NVIDIA's libraries -------*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_CUDA_WORKSPACE_H
#define PFC_RUNTIME_DEVICE_CUDA_WORKSPACE_H

#include <cstdint>

namespace pfc::rt::cuda {

/// Bytes that a library may ask for: what would be faster with more is not
/// taken. cuBLASLt gets them all.
constexpr uint64_t workspaceLimit = uint64_t{256} << 20;

} // namespace pfc::rt::cuda

#endif // PFC_RUNTIME_DEVICE_CUDA_WORKSPACE_H

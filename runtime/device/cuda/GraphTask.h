//===- GraphTask.h - Recorded work, replayed --------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_CUDA_GRAPHTASK_H
#define PFC_RUNTIME_DEVICE_CUDA_GRAPHTASK_H

#include "runtime/device/Device.h"
#include "runtime/device/cuda/CudaLibraries.h"

#include <functional>
#include <memory>

namespace pfc::rt::cuda {

/// What `enqueue` enqueues on `stream`, and on streams that wait for it, as one
/// CUDA graph.
std::unique_ptr<Task> recordGraph(CUstream stream,
                                  const std::function<void()> &enqueue);

} // namespace pfc::rt::cuda

#endif // PFC_RUNTIME_DEVICE_CUDA_GRAPHTASK_H

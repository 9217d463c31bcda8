//===- CudnnDescriptor.h - cuDNN's graph objects, owned ---------*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_CUDA_CUDNNDESCRIPTOR_H
#define PFC_RUNTIME_DEVICE_CUDA_CUDNNDESCRIPTOR_H

#include "runtime/device/cuda/Status.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace pfc::rt::cuda {

class CudnnDescriptor {
public:
  explicit CudnnDescriptor(cudnnBackendDescriptorType_t type) {
    check(cudnn().cudnnBackendCreateDescriptor(type, &descriptor),
          "cudnnBackendCreateDescriptor");
  }
  ~CudnnDescriptor() {
    if (descriptor)
      cudnn().cudnnBackendDestroyDescriptor(descriptor);
  }
  CudnnDescriptor(CudnnDescriptor &&other) noexcept
      : descriptor(other.descriptor) {
    other.descriptor = nullptr;
  }
  CudnnDescriptor &operator=(CudnnDescriptor &&) = delete;

  cudnnBackendDescriptor_t get() const { return descriptor; }

  template <typename T>
  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
           const std::vector<T> &values) {
    check(cudnn().cudnnBackendSetAttribute(descriptor, name, type,
                                           static_cast<int64_t>(values.size()),
                                           values.data()),
          "cudnnBackendSetAttribute");
  }
  template <typename T>
  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
           T value) {
    check(cudnn().cudnnBackendSetAttribute(descriptor, name, type, 1, &value),
          "cudnnBackendSetAttribute");
  }
  void set(cudnnBackendAttributeName_t name, const CudnnDescriptor &other) {
    set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, other.descriptor);
  }

  /// Whether cuDNN supports what was described.
  cudnnStatus_t tryFinalize() {
    return cudnn().cudnnBackendFinalize(descriptor);
  }
  void finalize() { check(tryFinalize(), "cudnnBackendFinalize"); }

  /// Up to `room` elements of an attribute.
  template <typename T>
  std::vector<T> get(cudnnBackendAttributeName_t name,
                     cudnnBackendAttributeType_t type, int64_t room) const {
    std::vector<T> values(static_cast<size_t>(room));
    int64_t count = 0;
    check(cudnn().cudnnBackendGetAttribute(descriptor, name, type, room, &count,
                                           values.data()),
          "cudnnBackendGetAttribute");
    values.resize(static_cast<size_t>(std::min(count, room)));
    return values;
  }
  /// The descriptors that an attribute consists of, read into new ones.
  std::vector<CudnnDescriptor> children(cudnnBackendAttributeName_t name,
                                        cudnnBackendDescriptorType_t type,
                                        int64_t room) const;

private:
  cudnnBackendDescriptor_t descriptor = nullptr;
};

} // namespace pfc::rt::cuda

#endif // PFC_RUNTIME_DEVICE_CUDA_CUDNNDESCRIPTOR_H

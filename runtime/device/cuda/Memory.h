//===- Memory.h - Memory of the GPU, and of the host for it -----*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_CUDA_MEMORY_H
#define PFC_RUNTIME_DEVICE_CUDA_MEMORY_H

#include "runtime/device/cuda/Stream.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>

namespace pfc::rt::cuda {

/// Memory of the GPU; grows, keeping nothing, until it is used.
class DeviceMemory {
public:
  DeviceMemory() = default;
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory &) = delete;
  DeviceMemory &operator=(const DeviceMemory &) = delete;

  /// At least `bytes`.
  void reserve(uint64_t bytes);
  CUdeviceptr address() const { return begin; }
  uint64_t bytes() const { return capacity; }

private:
  CUdeviceptr begin = 0;
  uint64_t capacity = 0;
};

/// Page-locked host memory, which the GPU copies from and to by itself.
class PinnedMemory {
public:
  explicit PinnedMemory(uint64_t bytes);
  ~PinnedMemory();
  PinnedMemory(const PinnedMemory &) = delete;
  PinnedMemory &operator=(const PinnedMemory &) = delete;

  std::byte *data() const { return begin; }
  uint64_t bytes() const { return size; }

private:
  std::byte *begin = nullptr;
  uint64_t size;
};

/// Page-locked memory that was used and will be again: making some can wait for
/// the whole GPU.
class PinnedPool {
public:
  /// At least `bytes`.
  std::unique_ptr<PinnedMemory> take(uint64_t bytes);
  void giveBack(std::unique_ptr<PinnedMemory> memory);

private:
  std::multimap<uint64_t, std::unique_ptr<PinnedMemory>> unused; // by size
};

/// Copies of host bytes on their way to the GPU: a ring of page-locked memory,
/// so that whoever uploads need not wait for the GPU unless it is a whole ring
/// behind.
class UploadRing {
public:
  explicit UploadRing(uint64_t bytes) : memory(bytes) {}

  /// Enqueues the copy of `bytes` host bytes to `target`.
  void upload(const void *host, CUdeviceptr target, uint64_t bytes,
              CUstream stream);

private:
  struct Part {
    uint64_t begin, end;
    Event copied;
  };
  /// Offset of `bytes` of the ring that no copy needs any more.
  uint64_t take(uint64_t bytes);

  PinnedMemory memory;
  std::deque<Part> parts; // oldest first
  uint64_t next = 0;
};

} // namespace pfc::rt::cuda

#endif // PFC_RUNTIME_DEVICE_CUDA_MEMORY_H

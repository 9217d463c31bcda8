//===- SharedMemory.h - A block's __shared__ arrays -------------*- C++ -*-===//
//
// Every array lies in a megabyte of addresses of its own, so that an index out
// of bounds hits no other array. A byte that no thread of the block has written
// holds nothing: reading it is an error. So are races (see SharedShadow.h).
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_EMULATED_CUDA_SHAREDMEMORY_H
#define PFC_RUNTIME_DEVICE_EMULATED_CUDA_SHAREDMEMORY_H

#include "runtime/device/emulated_cuda/SharedShadow.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace pfc::rt::emulated {

class SharedMemory {
public:
  SharedMemory();
  ~SharedMemory();
  SharedMemory(const SharedMemory &) = delete;
  SharedMemory &operator=(const SharedMemory &) = delete;

  /// Forgets the arrays: another kernel starts.
  void startLaunch() { arrays.clear(); }
  /// Forgets what was written.
  void startBlock() {
    firstEpoch = ++epoch;
    ++epoch; // there is one before the first accesses, for `settle`
  }
  /// All threads have come to a barrier.
  void passBarrier() { ++epoch; }

  /// The array of the declaration `key`, made where it isn't known yet; null
  /// when a block may not have so much shared memory.
  std::byte *array(const void *key, const char *name, uint64_t bytes);
  uint64_t totalBytes() const;

  bool owns(const void *address) const {
    return static_cast<uint64_t>(static_cast<const std::byte *>(address) -
                                 base) < reserved;
  }
  /// Notes an access of an owned address by a thread of this warp and lane.
  /// Returns what is wrong with it, if something is.
  std::string access(const void *address, uint64_t bytes, Access kind,
                     Moment now);

  /// Owned bytes, as written before the last barrier.
  void settle(const void *address, uint64_t bytes);

private:
  static constexpr unsigned shift = 20;
  static constexpr uint64_t share = uint64_t{1} << shift, margin = share / 2;
  static constexpr uint64_t maxArrays = 64, reserved = maxArrays * share;

  struct Array {
    const void *key;
    std::string name;
    uint64_t bytes;
  };

  std::vector<Array> arrays;
  std::byte *base;
  SharedByte *shadow; // of each byte
  uint64_t epoch = 1, firstEpoch = 1;
};

} // namespace pfc::rt::emulated

#endif // PFC_RUNTIME_DEVICE_EMULATED_CUDA_SHAREDMEMORY_H

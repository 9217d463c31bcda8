//===- ArenaViews.h - An address of its own for every argument --*- C++ -*-===//
//
// Two buffers are neighbours in the arena, so an address alone can't tell an
// access past the end of one from an access of the other. Therefore the arena
// is mapped several times, and argument i of a kernel points into view i: an
// address says which argument it was computed from, whatever the kernel did
// with the pointer. All views show the same memory.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_EMULATED_CUDA_ARENAVIEWS_H
#define PFC_RUNTIME_DEVICE_EMULATED_CUDA_ARENAVIEWS_H

#include <cstddef>
#include <cstdint>

namespace pfc::rt::emulated {

class ArenaViews {
public:
  explicit ArenaViews(uint64_t bytes);
  ~ArenaViews();
  ArenaViews(const ArenaViews &) = delete;
  ArenaViews &operator=(const ArenaViews &) = delete;

  /// The arena, as the host sees it.
  std::byte *data() const { return arena; }

  /// Makes `count` views; pointers into earlier ones die.
  void makeViews(unsigned count);
  /// Where the first view's addresses begin, and how many bits of an address
  /// are a view's.
  const std::byte *begin() const { return base; }
  unsigned addressBits() const { return shift; }

  /// The byte at `offset` of the arena in a view.
  std::byte *pointer(unsigned view, uint64_t offset) const {
    return base + (uint64_t{view} << shift) + margin() + offset;
  }

  /// Whether an address lies in a view or the gaps about one.
  bool owns(const void *address) const {
    return reinterpret_cast<uintptr_t>(address) -
               reinterpret_cast<uintptr_t>(base) <
           uint64_t{count} << shift;
  }
  /// Of an address that is owned:
  unsigned viewOf(const void *address) const {
    return static_cast<unsigned>(distance(address) >> shift);
  }
  int64_t offsetOf(const void *address) const {
    uint64_t within = distance(address) & ((uint64_t{1} << shift) - 1);
    return static_cast<int64_t>(within) - static_cast<int64_t>(margin());
  }

private:
  uint64_t distance(const void *address) const {
    return static_cast<uint64_t>(static_cast<const std::byte *>(address) -
                                 base);
  }
  /// A view's unmapped bytes before the arena; as many or more follow it.
  uint64_t margin() const { return uint64_t{1} << (shift - 2); }
  void dropViews();

  uint64_t bytes;
  unsigned shift; // a view's share of the addresses is 2^shift
  unsigned count = 0;
  int file = -1;
  std::byte *arena = nullptr;
  std::byte *base = nullptr;
};

} // namespace pfc::rt::emulated

#endif // PFC_RUNTIME_DEVICE_EMULATED_CUDA_ARENAVIEWS_H

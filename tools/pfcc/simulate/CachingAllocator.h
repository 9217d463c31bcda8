//===- CachingAllocator.h - PyTorch's memory of a GPU -----------*- C++ -*-===//
//
// What a process of PyTorch holds of a GPU is not the sum of its tensors: its
// allocator keeps what was freed, and gives a new tensor a piece of that. The
// rules are those of c10/cuda/CUDACachingAllocator.cpp, PyTorch 1.6 to 1.9:
//
//   size     a multiple of 512 bytes; small up to 1 MiB
//   segment  what is asked of the driver: 2 MiB for small tensors, 20 MiB for
//            those below 10 MiB, else their size in whole MiB of 2
//   choice   the smallest free block that is large enough, of the same stream
//            and kind; the lower address of two
//   split    what is left of it is a free block, if it is 512 bytes or more of
//            a small one, more than 1 MiB of another
//   freed    a block merges with free neighbours in its segment
//
// A segment is given back to the driver when the cache is emptied; that it also
// is when the driver refuses memory is left out.
//
//===----------------------------------------------------------------------===//
#ifndef TOOLS_PFCC_SIMULATE_CACHINGALLOCATOR_H
#define TOOLS_PFCC_SIMULATE_CACHINGALLOCATOR_H

#include <cstdint>
#include <map>
#include <tuple>

namespace pfc::simulate {

class CachingAllocator {
public:
  /// Blocks of one stream are not given to another.
  enum class Stream { Compute, Centers, Loader };

  /// The address of `bytes` bytes, at least one.
  int64_t allocate(int64_t bytes, Stream stream);
  /// `address` is of a block in use.
  void release(int64_t address);
  /// Gives the driver back the segments that are free as a whole.
  void releaseSegments();

  /// Bytes of all segments: what the driver says that the process holds.
  int64_t reserved() const { return reservedBytes; }
  /// Bytes of blocks in use.
  int64_t used() const { return usedBytes; }

private:
  struct Block {
    int64_t size = 0, segment = 0;
    Stream stream = Stream::Compute;
    bool small = false, free = false;
  };
  using Blocks = std::map<int64_t, Block>; // by address
  /// In the order in which free blocks are chosen.
  using Key = std::tuple<Stream, bool, int64_t, int64_t>;
  static Key key(const Blocks::value_type &block);

  Blocks::iterator newSegment(int64_t size, Stream stream, bool small);
  void split(Blocks::iterator block, int64_t size);
  void merge(Blocks::iterator first, Blocks::iterator second);
  bool isSegment(Blocks::iterator block);

  Blocks blocks;
  std::map<Key, int64_t> freeBlocks; // their addresses
  int64_t segments = 0, nextAddress = 0;
  int64_t reservedBytes = 0, usedBytes = 0;
};

} // namespace pfc::simulate

#endif // TOOLS_PFCC_SIMULATE_CACHINGALLOCATOR_H

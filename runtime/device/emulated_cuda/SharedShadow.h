//===- SharedShadow.h - Who touched a byte of shared memory -----*- C++ -*-===//
//
// Two accesses of one byte by two threads, one of them a write, are ordered by
// a __syncthreads between them or, within a warp, by a __syncwarp. Without
// either a chip may do them in any order: a race. (Shuffles and votes order no
// memory.) Each byte has its last write and its reads since.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_EMULATED_CUDA_SHAREDSHADOW_H
#define PFC_RUNTIME_DEVICE_EMULATED_CUDA_SHAREDSHADOW_H

#include <cstdint>

namespace pfc::rt::emulated {

enum class Access { Read, Write, ReadWrite, Atomic };

/// When and by whom: `epoch` counts starts of blocks and barriers, `warpSyncs`
/// the warp's __syncwarp calls.
struct Moment {
  static constexpr uint16_t several = 0xffff; // warps, or lanes of one

  uint64_t epoch = 0;
  uint32_t warpSyncs = 0;
  uint16_t warp = 0, lane = 0;

  bool sameThread(const Moment &other) const {
    return warp == other.warp && lane == other.lane && lane != several;
  }
};

class SharedByte {
public:
  /// What is wrong with an access.
  enum class Finding { Nothing, Unwritten, AfterWrite, AfterRead };

  /// `firstEpoch` is the block's.
  Finding access(Access kind, const Moment &now, uint64_t firstEpoch) {
    bool written = write.epoch >= firstEpoch;
    if (kind != Access::Write && !written)
      return Finding::Unwritten;
    bool bothAtomic = kind == Access::Atomic && atomic;
    if (written && !bothAtomic && races(write, now))
      return Finding::AfterWrite;
    if (kind == Access::Read) {
      noteRead(now);
      return Finding::Nothing;
    }
    if (races(read, now))
      return Finding::AfterRead;
    write = now;
    atomic = kind == Access::Atomic;
    return Finding::Nothing;
  }

  /// Written in an epoch that is over, by nobody in particular.
  void settle(uint64_t before) {
    write = {};
    write.epoch = before;
    atomic = false;
  }

  const Moment &lastWrite() const { return write; }
  const Moment &lastRead() const { return read; }

private:
  static bool races(const Moment &before, const Moment &now) {
    if (before.epoch != now.epoch || before.sameThread(now))
      return false;
    return before.warp != now.warp || before.warpSyncs == now.warpSyncs;
  }

  void noteRead(const Moment &now) {
    if (read.epoch != now.epoch)
      read = now;
    else if (read.warp != now.warp)
      read.warp = Moment::several;
    else if (read.warpSyncs != now.warpSyncs)
      read = now;
    else if (read.lane != now.lane)
      read.lane = Moment::several;
  }

  Moment write, read;
  bool atomic = false; // the last write
};

} // namespace pfc::rt::emulated

#endif // PFC_RUNTIME_DEVICE_EMULATED_CUDA_SHAREDSHADOW_H

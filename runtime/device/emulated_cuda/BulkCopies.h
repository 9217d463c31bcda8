//===- BulkCopies.h - Boxes of matrices to shared memory --------*- C++ -*-===//
//
// cp.async.bulk.tensor, and the barriers in shared memory (mbarrier) that say
// when boxes have come (PTX ISA, "Asynchronous copy", "mbarrier"). A barrier is
// in phases: one ends when all arrivals that it was made for have come, and all
// bytes that they told it to expect. Here a box comes when a thread waits for
// it; for the threads that did not wait it is not there before the next
// __syncthreads.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_EMULATED_CUDA_BULKCOPIES_H
#define PFC_RUNTIME_DEVICE_EMULATED_CUDA_BULKCOPIES_H

#include "runtime/device/emulated_cuda/EmulationAbi.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace pfc::rt::emulated {

/// A box of a matrix, and where it goes.
struct BoxCopy {
  emulation::TensorMap map;
  int64_t row, column; ///< of its first element; beyond the matrix are zeros
  std::byte *shared;
  uint32_t address; ///< on a chip, which exchanges chunks by its bits

  /// Of a row, 128.
  uint64_t rowBytes() const { return map.boxColumns * map.elementBytes; }
  uint64_t bytes() const { return map.boxRows * rowBytes(); }
  void execute() const;
};

class PhaseBarrier {
public:
  PhaseBarrier(unsigned maker, unsigned arrivals, size_t threads)
      : maker(maker), expected(arrivals), missing(arrivals), seen(threads) {}

  /// One of the arrivals, which tells it to expect more bytes. False: the phase
  /// has had all its arrivals.
  bool arrive(uint64_t more);
  void bring(const BoxCopy &box) { coming.push_back(box); }
  /// Lets come what is coming, and ends the phase if it lacks nothing then.
  void deliver();

  /// Phases that have ended.
  uint64_t ended() const { return phase; }
  /// What the running phase lacks.
  std::string lack() const;

  /// The thread has waited for all phases that have ended.
  void see(unsigned thread) { seen[thread] = phase; }
  bool hasSeen(unsigned thread, uint64_t ofPhase) const {
    return seen[thread] > ofPhase;
  }

  const unsigned maker;          ///< the thread that made it
  bool published = false;        ///< that is, copies see it
  std::vector<unsigned> waiting; ///< threads

private:
  unsigned expected, missing; // arrivals
  int64_t bytes = 0;          // expected beyond those that have come
  uint64_t phase = 0;
  std::vector<BoxCopy> coming;
  std::vector<uint64_t> seen; // by each thread: phases that had ended
};

/// A block's.
class BulkCopies {
public:
  void startBlock(size_t threadsOfBlock);
  /// What some thread waited for, all may touch from now on.
  void passBarrier();

  /// Null where there is none.
  PhaseBarrier *barrierAt(const void *address);
  void make(const void *address, unsigned maker, unsigned arrivals) {
    barriers.try_emplace(address, maker, arrivals, threads);
  }
  void drop(const void *address);
  /// Copies see the barriers that the thread made.
  void publish(unsigned thread);

  void begin(PhaseBarrier &barrier, const BoxCopy &box);
  /// Whether a box fills some of these bytes that `thread` has not waited for.
  bool isUnseen(const void *address, uint64_t bytes, unsigned thread) const;

private:
  /// What a box fills by the end of a phase.
  struct Filling {
    const std::byte *begin, *end;
    const PhaseBarrier *barrier;
    uint64_t phase;
  };

  size_t threads = 0;
  std::map<const void *, PhaseBarrier> barriers;
  std::vector<Filling> fillings;
};

} // namespace pfc::rt::emulated

#endif // PFC_RUNTIME_DEVICE_EMULATED_CUDA_BULKCOPIES_H

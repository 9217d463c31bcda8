//===- BlockRunner.h - Executes the blocks of a grid, one by one *- C++ -*-===//
//
//   ThreadSchedule        runs its threads: one waits while another runs
//   BlockRunner.cpp       what they wait for, barriers and exchanges of a warp,
//                         and what they may not do
//   AsynchronousWork.cpp  copies and products that they begin and wait for
//
// What compiled kernels call (KernelCalls.cpp) comes here, to the runner whose
// block the system thread executes.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_EMULATED_CUDA_BLOCKRUNNER_H
#define PFC_RUNTIME_DEVICE_EMULATED_CUDA_BLOCKRUNNER_H

#include "runtime/device/emulated_cuda/BulkCopies.h"
#include "runtime/device/emulated_cuda/LaunchShape.h"
#include "runtime/device/emulated_cuda/MemoryChecks.h"
#include "runtime/device/emulated_cuda/TensorCore.h"
#include "runtime/device/emulated_cuda/ThreadSchedule.h"
#include "runtime/device/emulated_cuda/Warp.h"

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pfc::rt::emulated {

class BlockRunner;
/// "initial-exec" makes it as cheap as a variable can be that every access of a
/// kernel reads. Fibers never change their system thread.
extern __thread BlockRunner *runnerOfThisThread
    __attribute__((tls_model("initial-exec")));

class BlockRunner {
public:
  /// Prepares for blocks of a launch.
  void startLaunch(const LaunchShape &launch);
  /// Executes a block. Returns what it did wrong, if it did.
  std::optional<std::string> run(unsigned block);

  //===--- For the running CUDA thread -----------------------------------===//

  /// The runner whose block this system thread executes; null outside kernels.
  static BlockRunner *current() { return runnerOfThisThread; }

  unsigned threadIndex() const { return running(); }
  unsigned blockIndex() const { return block; }
  const LaunchShape &shape() const { return *launch; }

  /// Here `line` is the plan's text's, `caller` the code that calls.
  void syncThreads(unsigned line);
  /// Where the running thread leaves what it brings to an exchange.
  Offer &runningOffer();
  /// What the others of its warp give for it.
  uint64_t exchange();
  std::byte *sharedArray(const void *key, const char *name, uint64_t bytes);
  /// Begins to copy 16 bytes, or zeros without a source.
  void copyAsync(std::byte *shared, const std::byte *source,
                 const void *caller);
  void commitCopies();
  /// Ends the running thread's copies but for those of the last `left` groups.
  void waitCopies(unsigned left, const void *caller);
  /// The memory that a launch gives a block, and an address in it as chips
  /// count them.
  std::byte *dynamicSharedArray(const char *name);
  uint32_t sharedAddress(const void *shared, const void *caller);
  /// What the running thread wrote may be read by boxes and products after the
  /// next barrier.
  void publishShared();
  /// Barriers of boxes and their phases: see BulkCopies.h.
  void makeBarrier(const void *barrier, unsigned arrivals, const void *caller);
  void dropBarrier(const void *barrier, const void *caller);
  void arriveExpecting(const void *barrier, uint64_t bytes, const void *caller);
  void waitPhase(const void *barrier, unsigned parity, const void *caller);
  void copyBox(std::byte *shared, const emulation::TensorMap &map, int64_t row,
               int64_t column, const void *barrier, const void *caller);
  /// Products of warpgroups: see TensorCore.h.
  void beginProducts() { threads[running()].multiplies = true; }
  void multiplyGroup(const GroupProduct &product, const void *caller);
  void commitProducts(const void *caller);
  /// Ends the running thread's products but for those of the last `left`
  /// groups.
  void waitProducts(unsigned left, const void *caller);
  /// `caller` is the code that accesses the address.
  void checkAccess(const void *address, uint64_t bytes, Access kind,
                   const void *caller) {
    if (!memory.isArgument(address, bytes))
      checkOther(address, bytes, kind, caller);
  }
  /// `alignment` is a power of two.
  void checkAlignment(const void *address, uint64_t alignment,
                      const void *caller) {
    if (reinterpret_cast<uintptr_t>(address) & (alignment - 1))
      refuseMisaligned(address, alignment, caller);
  }

private:
  enum class State { Running, AtBarrier, AtExchange, AtPhase };

  /// On its way to shared memory.
  struct Copy {
    std::byte *shared;
    const std::byte *source;
  };
  /// Bytes of shared memory, from the first to the last.
  struct Span {
    const std::byte *begin = nullptr, *end = nullptr;

    void add(const Span &other);
    bool overlaps(const Span &other) const {
      return begin < other.end && other.begin < end;
    }
  };
  struct CudaThread {
    State state = State::Running;
    unsigned line = 0;
    PhaseBarrier *waitsAt = nullptr;
    Span written; // that bulk copies may not overwrite yet
    std::deque<std::vector<Copy>> copies; // groups; the last is still open
    bool unpublished = false; // copies that products may not see yet
    bool multiplies = false;
    std::vector<GroupProduct> products;                  // of the open group
    std::deque<std::vector<GroupProduct>> productGroups; // not ended
  };

  void startBlock(unsigned block);
  unsigned running() const { return schedule.running(); }
  void wait(State state);
  void releaseBarrier();
  void wakeOthers(uint32_t mask);
  [[noreturn]] void refuseExchange();
  bool isAt(unsigned thread, State state) const;
  void explainStuck();
  void explainExchange(unsigned waiting);
  std::string absence(unsigned thread) const;
  void checkOther(const void *address, uint64_t bytes, Access kind,
                  const void *caller);
  void refuseMisaligned(const void *address, uint64_t alignment,
                        const void *caller);
  std::vector<Copy> &openCopies();
  [[noreturn]] void refuse(const void *caller, const char *problem);
  void checkCopy(const void *address, Access kind, const void *caller);
  PhaseBarrier &barrierAt(const void *address, const void *caller);
  void wakeWaiting(PhaseBarrier &barrier);
  void report(unsigned thread, const std::string &problem);
  void reportAt(const void *caller, const std::string &problem);

  const LaunchShape *launch = nullptr;
  ThreadSchedule schedule;
  SharedMemory shared;
  MemoryChecks memory{schedule.localMemory(), shared};
  std::vector<CudaThread> threads;
  std::vector<Warp> warps;
  unsigned block = 0, atBarrier = 0;
  BulkCopies bulk;
  Span unpublishedWrites;   // passed a barrier so
  bool unpublished = false; // copies passed a barrier so
  std::optional<std::string> failure;
};

} // namespace pfc::rt::emulated

#endif // PFC_RUNTIME_DEVICE_EMULATED_CUDA_BLOCKRUNNER_H

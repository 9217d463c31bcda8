//===- BlockRunner.h - Executes the blocks of a grid, one by one *- C++ -*-===//
//
// A block's threads run one after another on one system thread. A thread that
// must wait (a barrier, a warp exchange) leaves its fiber where it is, and the
// next thread gets another; so threads that never wait share one fiber and cost
// a function call each.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_EMULATED_CUDA_BLOCKRUNNER_H
#define PFC_RUNTIME_DEVICE_EMULATED_CUDA_BLOCKRUNNER_H

#include "runtime/device/emulated_cuda/BulkCopies.h"
#include "runtime/device/emulated_cuda/Fiber.h"
#include "runtime/device/emulated_cuda/LaunchShape.h"
#include "runtime/device/emulated_cuda/MemoryChecks.h"
#include "runtime/device/emulated_cuda/TensorCore.h"
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
  static constexpr unsigned maxThreads = 1024;

  BlockRunner();

  /// Prepares for blocks of a launch.
  void startLaunch(const LaunchShape &launch);
  /// Executes a block. Returns what it did wrong, if it did.
  std::optional<std::string> run(unsigned block);

  //===--- For the running CUDA thread -----------------------------------===//

  /// The runner whose block this system thread executes; null outside kernels.
  static BlockRunner *current() { return runnerOfThisThread; }

  unsigned threadIndex() const { return running; }
  unsigned blockIndex() const { return block; }
  const LaunchShape &shape() const { return *launch; }

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
  std::byte *dynamicSharedArray(const char *name);
  uint32_t sharedAddress(const void *shared, const void *caller);
  void publishShared();
  void makeBarrier(const void *barrier, unsigned arrivals, const void *caller);
  void dropBarrier(const void *barrier, const void *caller);
  void arriveExpecting(const void *barrier, uint64_t bytes, const void *caller);
  void waitPhase(const void *barrier, unsigned parity, const void *caller);
  void copyBox(std::byte *shared, const emulation::TensorMap &map, int64_t row,
               int64_t column, const void *barrier, const void *caller);
  void beginProducts() { threads[running].multiplies = true; }
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
  enum class State { Running, AtBarrier, AtExchange, AtPhase, Done };

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
    State state = State::Done;
    unsigned line = 0;
    unsigned fiber = 0;
    PhaseBarrier *waitsAt = nullptr;
    Span written; // that bulk copies may not overwrite yet
    std::deque<std::vector<Copy>> copies; // groups; the last is still open
    bool unpublished = false; // copies that products may not see yet
    bool multiplies = false;
    std::vector<GroupProduct> products;                  // of the open group
    std::deque<std::vector<GroupProduct>> productGroups; // not ended
  };

  static void runFiber(void *pointer);
  void runThreads(unsigned fiber);
  void startBlock(unsigned block);
  void schedule();
  Context &next();
  void enter(unsigned thread);
  void wait(State state);
  void wake(unsigned thread);
  unsigned freshFiber();
  void releaseBarrier();
  void wakeOthers(uint32_t mask);
  [[noreturn]] void refuseExchange();
  void explainStuck();
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
  /// Ends the block, of which something was reported. The stack of the running
  /// thread is left as it is: whoever calls this owns nothing.
  [[noreturn]] void leave();

  const LaunchShape *launch = nullptr;
  SharedMemory shared;
  Stacks stacks{maxThreads};
  MemoryChecks memory{stacks, shared};
  Context scheduler;
  std::vector<Context> fibers;
  std::vector<unsigned> idleFibers; // wait for more threads to run
  std::vector<CudaThread> threads;
  std::vector<Warp> warps;
  std::vector<unsigned> ready; // threads that need wait no more, in order
  size_t nextReady = 0;
  unsigned block = 0, running = 0, nextThread = 0, done = 0, atBarrier = 0;
  BulkCopies bulk;
  Span unpublishedWrites;   // passed a barrier so
  bool unpublished = false; // copies passed a barrier so
  std::optional<std::string> failure;
};

} // namespace pfc::rt::emulated

#endif // PFC_RUNTIME_DEVICE_EMULATED_CUDA_BLOCKRUNNER_H

#include "runtime/device/emulated_cuda/BlockRunner.h"

#include "runtime/device/emulated_cuda/HostCompiler.h"

#include <bit>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <utility>

namespace pfc::rt::emulated {

__thread BlockRunner *runnerOfThisThread = nullptr;

BlockRunner::BlockRunner() { fibers.reserve(maxThreads); }

void BlockRunner::startLaunch(const LaunchShape &shape) {
  launch = &shape;
  shared.startLaunch();
  memory.startLaunch(shape);
  threads.resize(shape.threads);
  warps.resize((shape.threads + Warp::lanes - 1) / Warp::lanes);
}

std::optional<std::string> BlockRunner::run(unsigned index) {
  startBlock(index);
  runnerOfThisThread = this;
  schedule();
  runnerOfThisThread = nullptr;
  if (failure) { // the fibers hold threads that will not go on
    fibers.clear();
    idleFibers.clear();
  }
  return failure;
}

void BlockRunner::startBlock(unsigned index) {
  block = index;
  nextThread = done = atBarrier = 0;
  ready.clear();
  nextReady = 0;
  unpublished = false;
  unpublishedWrites = {};
  failure.reset();
  shared.startBlock();
  bulk.startBlock(threads.size());
  for (Warp &warp : warps)
    warp.start();
  for (CudaThread &thread : threads) {
    thread.state = State::Running;
    thread.copies.clear();
    thread.products.clear();
    thread.productGroups.clear();
    thread.written = {};
    thread.unpublished = thread.multiplies = false;
  }
}

//===--- Fibers and their schedule ---------------------------------------===//

/// Runs threads until none can run.
void BlockRunner::schedule() {
  Context::swap(scheduler, next());
  if (!failure && done < threads.size())
    explainStuck();
}

/// What to run next: a thread that may go on, else one that has not begun, else
/// the scheduler.
Context &BlockRunner::next() {
  if (nextReady < ready.size()) {
    unsigned thread = ready[nextReady++];
    if (nextReady == ready.size()) {
      ready.clear();
      nextReady = 0;
    }
    enter(thread);
    return fibers[threads[thread].fiber];
  }
  if (nextThread < threads.size())
    return fibers[freshFiber()];
  return scheduler;
}

/// A fiber that will start the next thread.
unsigned BlockRunner::freshFiber() {
  if (!idleFibers.empty()) {
    unsigned fiber = idleFibers.back();
    idleFibers.pop_back();
    return fiber;
  }
  auto fiber = static_cast<unsigned>(fibers.size());
  fibers.emplace_back();
  fibers.back().start(stacks.stack(fiber), stacks.size(fiber), runFiber, this);
  return fiber;
}

void BlockRunner::runFiber(void *pointer) {
  auto &runner = *static_cast<BlockRunner *>(pointer);
  // Fibers are only added, and the newest one starts at once.
  auto fiber = static_cast<unsigned>(runner.fibers.size() - 1);
  for (;;)
    runner.runThreads(fiber);
}

/// Runs threads, one after another, until all have started.
void BlockRunner::runThreads(unsigned fiber) {
  while (nextThread < threads.size()) {
    unsigned thread = nextThread++;
    threads[thread].fiber = fiber;
    enter(thread);
    launch->kernel->call(launch->pointers.data());
    threads[thread].state = State::Done;
    ++done;
  }
  idleFibers.push_back(fiber);
  Context::swap(fibers[fiber], next());
}

void BlockRunner::enter(unsigned thread) {
  running = thread;
  threads[thread].state = State::Running;
}

void BlockRunner::wait(State state) {
  CudaThread &thread = threads[running];
  thread.state = state;
  Context &own = fibers[thread.fiber], &other = next();
  if (&own != &other)
    Context::swap(own, other);
}

void BlockRunner::wake(unsigned thread) {
  threads[thread].state = State::Running;
  ready.push_back(thread);
}

//===--- What threads wait for -------------------------------------------===//

void BlockRunner::syncThreads(unsigned line) {
  threads[running].line = line;
  if (++atBarrier == threads.size())
    releaseBarrier();
  wait(State::AtBarrier);
}

/// Lets all go on, in their order.
void BlockRunner::releaseBarrier() {
  unsigned last = running, line = threads[last].line;
  atBarrier = 0;
  shared.passBarrier();
  bulk.passBarrier();
  for (unsigned i = 0; i < threads.size(); ++i) {
    if (threads[i].line != line) {
      report(last,
             fmt::format("divergent barrier: waits at __syncthreads (line "
                         "{}), thread {} at the one of line {}",
                         line, i, threads[i].line));
      leave();
    }
    unpublished |= threads[i].unpublished;
    unpublishedWrites.add(threads[i].written);
    ready.push_back(i);
  }
}

Offer &BlockRunner::runningOffer() {
  return warps[running / Warp::lanes].offer(running % Warp::lanes);
}

uint64_t BlockRunner::exchange() {
  Offer &offer = runningOffer();
  switch (warps[running / Warp::lanes].arrive(running % Warp::lanes)) {
  case Warp::Arrival::Waits:
    wait(State::AtExchange);
    break;
  case Warp::Arrival::Complete:
    wakeOthers(offer.mask);
    break;
  case Warp::Arrival::Refused:
    refuseExchange();
  }
  return offer.result;
}

/// Those of the running thread's warp that `mask` names.
void BlockRunner::wakeOthers(uint32_t mask) {
  unsigned lane = running % Warp::lanes, first = running - lane;
  for (uint32_t left = mask & ~(uint32_t{1} << lane); left != 0;
       left &= left - 1)
    wake(first + static_cast<unsigned>(std::countr_zero(left)));
}

void BlockRunner::refuseExchange() {
  unsigned lane = running % Warp::lanes, culprit = lane;
  std::string problem = warps[running / Warp::lanes].problem(lane, culprit);
  report(running - lane + culprit, problem);
  leave();
}

std::byte *BlockRunner::sharedArray(const void *key, const char *name,
                                    uint64_t bytes) {
  std::byte *array = shared.array(key, name, bytes);
  if (!array) {
    report(running, fmt::format("shared array '{}' of {} bytes: a block has {} "
                                "bytes already, and no chip has so much",
                                name, bytes, shared.totalBytes()));
    leave();
  }
  return array;
}

//===--- Copies to shared memory -----------------------------------------===//

constexpr uint64_t copyBytes = 16;

void BlockRunner::checkCopy(const void *address, Access kind,
                            const void *caller) {
  if (!launch->views)
    return; // nobody knows what was written before
  checkAlignment(address, copyBytes, caller);
  checkAccess(address, copyBytes, kind, caller);
}

/// A chip may write from now on: who reads meanwhile gets NaN.
void BlockRunner::copyAsync(std::byte *shared, const std::byte *source,
                            const void *caller) {
  if (source)
    checkCopy(source, Access::Read, caller);
  checkCopy(shared, Access::Write, caller);
  std::memset(shared, 0xff, copyBytes);
  openCopies().push_back({shared, source});
}

/// The running thread's group that no commit has ended yet.
std::vector<BlockRunner::Copy> &BlockRunner::openCopies() {
  auto &groups = threads[running].copies;
  if (groups.empty())
    groups.emplace_back();
  return groups.back();
}

void BlockRunner::commitCopies() {
  openCopies();
  threads[running].copies.emplace_back();
}

void BlockRunner::waitCopies(unsigned left, const void *caller) {
  auto &groups = threads[running].copies;
  while (groups.size() > left + 1) { // the open one is not waited for
    for (const Copy &copy : groups.front()) {
      checkCopy(copy.shared, Access::Write, caller);
      if (copy.source)
        std::memcpy(copy.shared, copy.source, copyBytes);
      else
        std::memset(copy.shared, 0, copyBytes);
      threads[running].unpublished = true;
    }
    groups.pop_front();
  }
}

//===--- Copies of boxes -------------------------------------------------===//

void BlockRunner::Span::add(const Span &other) {
  if (other.begin == other.end)
    return;
  bool empty = begin == end;
  begin = empty ? other.begin : std::min(begin, other.begin);
  end = empty ? other.end : std::max(end, other.end);
}

void BlockRunner::publishShared() {
  threads[running].unpublished = false;
  threads[running].written = {};
  bulk.publish(running);
}

constexpr uint64_t barrierBytes = 8;

void BlockRunner::makeBarrier(const void *barrier, unsigned arrivals,
                              const void *caller) {
  if (bulk.barrierAt(barrier))
    refuse(caller, "makes a barrier (mbarrier) where there is one");
  if (launch->views) {
    checkAlignment(barrier, barrierBytes, caller);
    checkAccess(barrier, barrierBytes, Access::Write, caller);
  }
  bulk.make(barrier, running, arrivals);
}

void BlockRunner::dropBarrier(const void *barrier, const void *caller) {
  if (!bulk.barrierAt(barrier))
    refuse(caller, "drops a barrier (mbarrier) where there is none");
  if (launch->views)
    checkAccess(barrier, barrierBytes, Access::Write, caller);
  bulk.drop(barrier);
}

PhaseBarrier &BlockRunner::barrierAt(const void *address, const void *caller) {
  PhaseBarrier *barrier = bulk.barrierAt(address);
  if (!barrier)
    refuse(caller, "uses a barrier (mbarrier) that nobody made");
  if (launch->views)
    checkAccess(address, barrierBytes, Access::Read, caller);
  return *barrier;
}

void BlockRunner::arriveExpecting(const void *address, uint64_t bytes,
                                  const void *caller) {
  PhaseBarrier &barrier = barrierAt(address, caller);
  if (!barrier.arrive(bytes))
    refuse(caller, "arrives at a barrier (mbarrier) whose phase has had all "
                   "its arrivals");
  wakeWaiting(barrier);
}

void BlockRunner::copyBox(std::byte *shared, const emulation::TensorMap &map,
                          int64_t row, int64_t column, const void *address,
                          const void *caller) {
  constexpr uint64_t alignment = 128;
  PhaseBarrier &barrier = barrierAt(address, caller);
  if (!barrier.published)
    refuse(caller, "copies with a barrier (mbarrier) that was made without "
                   "publishShared (fence.proxy.async)");
  BoxCopy box = {map, row, column, shared, sharedAddress(shared, caller)};
  if (box.address % alignment != 0)
    refuse(caller, "copies to an address that is no multiple of 128");
  Span written = threads[running].written;
  if (launch->views)
    for (uint64_t at = 0; at < box.bytes(); at += copyBytes)
      checkAccess(shared + at, copyBytes, Access::Write, caller);
  threads[running].written = written; // those were no plain writes
  Span target = {shared, shared + box.bytes()};
  if (target.overlaps(unpublishedWrites))
    refuse(caller, "copies over what threads wrote without publishShared "
                   "(fence.proxy.async) before the barrier");
  this->shared.settle(shared, box.bytes());
  std::memset(shared, 0xff, box.bytes());
  bulk.begin(barrier, box);
  wakeWaiting(barrier);
}

/// Threads that wait do so only until it has come.
void BlockRunner::wakeWaiting(PhaseBarrier &barrier) {
  if (barrier.waiting.empty())
    return;
  uint64_t before = barrier.ended();
  barrier.deliver();
  if (barrier.ended() == before)
    return;
  for (unsigned thread : barrier.waiting)
    wake(thread);
  barrier.waiting.clear();
}

void BlockRunner::waitPhase(const void *address, unsigned parity,
                            const void *caller) {
  PhaseBarrier &barrier = barrierAt(address, caller);
  barrier.deliver();
  if (barrier.ended() % 2 == parity) {
    threads[running].waitsAt = &barrier;
    barrier.waiting.push_back(running);
    wait(State::AtPhase);
  }
  barrier.see(running);
}

//===--- Products of warpgroups ------------------------------------------===//

void BlockRunner::refuse(const void *caller, const char *problem) {
  reportAt(caller, problem);
  leave();
}

std::byte *BlockRunner::dynamicSharedArray(const char *name) {
  static const char key = 0; // all declarations name the same memory
  return sharedArray(&key, name, launch->dynamicShared);
}

uint32_t BlockRunner::sharedAddress(const void *address, const void *caller) {
  auto at = static_cast<const std::byte *>(address) - dynamicSharedArray("");
  if (at < 0 || at >= static_cast<int64_t>(launch->dynamicShared))
    refuse(caller, "has no address in the launch's shared memory");
  return static_cast<uint32_t>(at);
}

void BlockRunner::multiplyGroup(const GroupProduct &product,
                                const void *caller) {
  if (!threads[running].multiplies)
    refuse(caller, "multiplies without beginProducts (wgmma.fence)");
  for (uint64_t operand : {product.a, product.b})
    if (const char *problem = DescribedRows(operand).problem())
      refuse(caller, problem);
  threads[running].products.push_back(product);
}

void BlockRunner::commitProducts(const void *caller) {
  CudaThread &thread = threads[running];
  if (unpublished || thread.unpublished)
    refuse(caller, "multiplies copies that passed a barrier without "
                   "publishShared (fence.proxy.async)");
  thread.productGroups.push_back(std::exchange(thread.products, {}));
  thread.multiplies = false;
}

/// A chip reads the operands at any time until here.
void BlockRunner::waitProducts(unsigned left, const void *caller) {
  std::byte *base = dynamicSharedArray("");
  auto &groups = threads[running].productGroups;
  for (; groups.size() > left; groups.pop_front())
    for (const GroupProduct &product : groups.front()) {
      const auto chunks = chunksOf(product, running % 128);
      for (uint32_t chunk : chunks)
        checkCopy(base + chunk, Access::Read, caller);
      multiply(product, chunks, base);
    }
}

//===--- What threads may not do -----------------------------------------===//

void BlockRunner::checkOther(const void *address, uint64_t bytes, Access kind,
                             const void *caller) {
  if (bulk.isUnseen(address, bytes, running))
    refuse(caller, "touches what a copy of a box (cp.async.bulk) brings, and "
                   "did not wait at its barrier (mbarrier)");
  if (kind != Access::Read && shared.owns(address)) {
    auto *begin = static_cast<const std::byte *>(address);
    threads[running].written.add({begin, begin + bytes});
  }
  Moment now;
  now.warp = static_cast<uint16_t>(running / Warp::lanes);
  now.lane = static_cast<uint16_t>(running % Warp::lanes);
  now.warpSyncs = warps[now.warp].syncs();
  if (std::string problem = memory.problem(address, bytes, kind, now);
      !problem.empty())
    reportAt(caller, problem);
  if (failure)
    leave();
}

void BlockRunner::refuseMisaligned(const void *address, uint64_t alignment,
                                   const void *caller) {
  if (memory.isPrivate(address))
    return;
  reportAt(caller, fmt::format("misaligned: accesses an address that is no "
                               "multiple of {}",
                               alignment));
  leave();
}

/// Why a thread does not come to where others wait for it.
std::string BlockRunner::absence(unsigned thread) const {
  if (thread >= threads.size())
    return fmt::format("which does not exist: the block has {} threads",
                       threads.size());
  switch (threads[thread].state) {
  case State::Done:
    return "which has returned";
  case State::AtBarrier:
    return fmt::format("which waits at __syncthreads (line {})",
                       threads[thread].line);
  case State::AtPhase:
    return "which waits at a barrier of copies (mbarrier)";
  default: {
    const Offer &offer =
        warps[thread / Warp::lanes].offer(thread % Warp::lanes);
    return fmt::format("which waits in {} with mask {:#010x}", describe(offer),
                       offer.mask);
  }
  }
}

/// Nobody can go on: says who waits in vain, and for whom.
void BlockRunner::explainStuck() {
  auto isAt = [&](unsigned thread, State state) {
    return thread < threads.size() && threads[thread].state == state;
  };
  auto find = [&](auto wanted) {
    unsigned thread = 0;
    while (thread < threads.size() && !wanted(thread))
      ++thread;
    return thread;
  };
  unsigned copying = find([&](unsigned t) { return isAt(t, State::AtPhase); });
  if (copying != threads.size())
    return report(
        copying, fmt::format("waits at a barrier of copies (mbarrier) in vain: "
                             "{}",
                             threads[copying].waitsAt->lack()));
  unsigned waiting =
      find([&](unsigned t) { return isAt(t, State::AtExchange); });
  if (waiting == threads.size()) {
    waiting = find([&](unsigned t) { return isAt(t, State::AtBarrier); });
    unsigned absent =
        find([&](unsigned t) { return !isAt(t, State::AtBarrier); });
    return report(waiting,
                  fmt::format("barrier not reached by all threads: waits at "
                              "__syncthreads (line {}) for thread {}, {}",
                              threads[waiting].line, absent, absence(absent)));
  }
  unsigned first = waiting / Warp::lanes * Warp::lanes;
  const Warp &warp = warps[waiting / Warp::lanes];
  const Offer &offer = warp.offer(waiting - first);
  unsigned lane = 0;
  while (lane < Warp::lanes &&
         (!(offer.mask >> lane & 1) || isAt(first + lane, State::AtExchange)))
    ++lane;
  if (lane == Warp::lanes) // all wait, but with other masks
    for (lane = 0;
         !(offer.mask >> lane & 1) || warp.offer(lane).mask == offer.mask;)
      ++lane;
  report(waiting, fmt::format("waits in {} with mask {:#010x} for thread {}, "
                              "{}",
                              describe(offer), offer.mask, first + lane,
                              absence(first + lane)));
}

void BlockRunner::report(unsigned thread, const std::string &problem) {
  failure = fmt::format("kernel '{}': block {}, thread {}: {}",
                        launch->kernel->name, block, thread, problem);
}

/// Of the running thread, for what it does at `caller`.
void BlockRunner::reportAt(const void *caller, const std::string &problem) {
  std::string line = sourceLine(caller, *launch->cuda);
  report(running, line.empty() ? problem : line + ": " + problem);
}

void BlockRunner::leave() {
  Context::swap(fibers[threads[running].fiber], scheduler);
  std::abort(); // a failed block is never entered again
}

} // namespace pfc::rt::emulated

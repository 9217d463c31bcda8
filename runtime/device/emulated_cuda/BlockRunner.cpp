#include "runtime/device/emulated_cuda/BlockRunner.h"

#include "runtime/device/emulated_cuda/HostCompiler.h"

#include <bit>
#include <fmt/format.h>

namespace pfc::rt::emulated {

__thread BlockRunner *runnerOfThisThread = nullptr;

void BlockRunner::startLaunch(const LaunchShape &shape) {
  launch = &shape;
  schedule.startLaunch(shape);
  shared.startLaunch();
  memory.startLaunch(shape);
  threads.resize(shape.threads);
  warps.resize((shape.threads + Warp::lanes - 1) / Warp::lanes);
}

std::optional<std::string> BlockRunner::run(unsigned index) {
  startBlock(index);
  runnerOfThisThread = this;
  bool isDone = schedule.run();
  runnerOfThisThread = nullptr;
  if (!isDone && !failure)
    explainStuck();
  return failure;
}

void BlockRunner::startBlock(unsigned index) {
  block = index;
  atBarrier = 0;
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

//===--- What threads wait for -------------------------------------------===//

/// The running thread, until it is woken.
void BlockRunner::wait(State state) {
  CudaThread &thread = threads[running()];
  thread.state = state;
  schedule.wait();
  thread.state = State::Running;
}

void BlockRunner::syncThreads(unsigned line) {
  threads[running()].line = line;
  if (++atBarrier == threads.size())
    releaseBarrier();
  wait(State::AtBarrier);
}

/// Lets all go on, in their order.
void BlockRunner::releaseBarrier() {
  unsigned last = running(), line = threads[last].line;
  atBarrier = 0;
  shared.passBarrier();
  bulk.passBarrier();
  for (unsigned i = 0; i < threads.size(); ++i) {
    if (threads[i].line != line) {
      report(last,
             fmt::format("divergent barrier: waits at __syncthreads (line "
                         "{}), thread {} at the one of line {}",
                         line, i, threads[i].line));
      schedule.abandon();
    }
    unpublished |= threads[i].unpublished;
    unpublishedWrites.add(threads[i].written);
    schedule.wake(i);
  }
}

Offer &BlockRunner::runningOffer() {
  return warps[running() / Warp::lanes].offer(running() % Warp::lanes);
}

uint64_t BlockRunner::exchange() {
  Offer &offer = runningOffer();
  switch (warps[running() / Warp::lanes].arrive(running() % Warp::lanes)) {
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
  unsigned lane = running() % Warp::lanes, first = running() - lane;
  for (uint32_t left = mask & ~(uint32_t{1} << lane); left != 0;
       left &= left - 1)
    schedule.wake(first + static_cast<unsigned>(std::countr_zero(left)));
}

void BlockRunner::refuseExchange() {
  unsigned lane = running() % Warp::lanes, culprit = lane;
  std::string problem = warps[running() / Warp::lanes].problem(lane, culprit);
  report(running() - lane + culprit, problem);
  schedule.abandon();
}

//===--- Shared memory ---------------------------------------------------===//

std::byte *BlockRunner::sharedArray(const void *key, const char *name,
                                    uint64_t bytes) {
  std::byte *array = shared.array(key, name, bytes);
  if (!array) {
    report(running(),
           fmt::format("shared array '{}' of {} bytes: a block has {} "
                       "bytes already, and no chip has so much",
                       name, bytes, shared.totalBytes()));
    schedule.abandon();
  }
  return array;
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

//===--- What threads may not do -----------------------------------------===//

void BlockRunner::checkOther(const void *address, uint64_t bytes, Access kind,
                             const void *caller) {
  if (bulk.isUnseen(address, bytes, running()))
    refuse(caller, "touches what a copy of a box (cp.async.bulk) brings, and "
                   "did not wait at its barrier (mbarrier)");
  if (kind != Access::Read && shared.owns(address)) {
    auto *begin = static_cast<const std::byte *>(address);
    threads[running()].written.add({begin, begin + bytes});
  }
  Moment now;
  now.warp = static_cast<uint16_t>(running() / Warp::lanes);
  now.lane = static_cast<uint16_t>(running() % Warp::lanes);
  now.warpSyncs = warps[now.warp].syncs();
  if (std::string problem = memory.problem(address, bytes, kind, now);
      !problem.empty())
    reportAt(caller, problem);
  if (failure)
    schedule.abandon();
}

void BlockRunner::refuseMisaligned(const void *address, uint64_t alignment,
                                   const void *caller) {
  if (memory.isPrivate(address))
    return;
  reportAt(caller, fmt::format("misaligned: accesses an address that is no "
                               "multiple of {}",
                               alignment));
  schedule.abandon();
}

/// Why a thread does not come to where others wait for it.
std::string BlockRunner::absence(unsigned thread) const {
  if (thread >= threads.size())
    return fmt::format("which does not exist: the block has {} threads",
                       threads.size());
  if (schedule.isDone(thread))
    return "which has returned";
  switch (threads[thread].state) {
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

bool BlockRunner::isAt(unsigned thread, State state) const {
  return thread < threads.size() && threads[thread].state == state;
}

/// Nobody can go on: says who waits in vain, and for whom.
void BlockRunner::explainStuck() {
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
  explainExchange(waiting);
}

/// Whom the exchange of `waiting` lacks.
void BlockRunner::explainExchange(unsigned waiting) {
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
  report(running(), line.empty() ? problem : line + ": " + problem);
}

void BlockRunner::refuse(const void *caller, const char *problem) {
  reportAt(caller, problem);
  schedule.abandon();
}

} // namespace pfc::rt::emulated

//===- AsynchronousWork.cpp - Copies and products beside threads ----------===//
//
// What a BlockRunner's threads begin, and wait for later: copies to shared
// memory (cp.async), copies of boxes (BulkCopies.h) and products of warpgroups
// (TensorCore.h). Threads that touch what is under way get NaN, or an error.
//
//===----------------------------------------------------------------------===//
#include "runtime/device/emulated_cuda/BlockRunner.h"

#include <cstring>
#include <utility>

namespace pfc::rt::emulated {

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
  auto &groups = threads[running()].copies;
  if (groups.empty())
    groups.emplace_back();
  return groups.back();
}

void BlockRunner::commitCopies() {
  openCopies();
  threads[running()].copies.emplace_back();
}

void BlockRunner::waitCopies(unsigned left, const void *caller) {
  auto &groups = threads[running()].copies;
  while (groups.size() > left + 1) { // the open one is not waited for
    for (const Copy &copy : groups.front()) {
      checkCopy(copy.shared, Access::Write, caller);
      if (copy.source)
        std::memcpy(copy.shared, copy.source, copyBytes);
      else
        std::memset(copy.shared, 0, copyBytes);
      threads[running()].unpublished = true;
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
  threads[running()].unpublished = false;
  threads[running()].written = {};
  bulk.publish(running());
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
  bulk.make(barrier, running(), arrivals);
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
  Span written = threads[running()].written;
  if (launch->views)
    for (uint64_t at = 0; at < box.bytes(); at += copyBytes)
      checkAccess(shared + at, copyBytes, Access::Write, caller);
  threads[running()].written = written; // those were no plain writes
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
    schedule.wake(thread);
  barrier.waiting.clear();
}

void BlockRunner::waitPhase(const void *address, unsigned parity,
                            const void *caller) {
  PhaseBarrier &barrier = barrierAt(address, caller);
  barrier.deliver();
  if (barrier.ended() % 2 == parity) {
    threads[running()].waitsAt = &barrier;
    barrier.waiting.push_back(running());
    wait(State::AtPhase);
  }
  barrier.see(running());
}

//===--- Products of warpgroups ------------------------------------------===//

void BlockRunner::multiplyGroup(const GroupProduct &product,
                                const void *caller) {
  if (!threads[running()].multiplies)
    refuse(caller, "multiplies without beginProducts (wgmma.fence)");
  for (uint64_t operand : {product.a, product.b})
    if (const char *problem = DescribedRows(operand).problem())
      refuse(caller, problem);
  threads[running()].products.push_back(product);
}

void BlockRunner::commitProducts(const void *caller) {
  CudaThread &thread = threads[running()];
  if (unpublished || thread.unpublished)
    refuse(caller, "multiplies copies that passed a barrier without "
                   "publishShared (fence.proxy.async)");
  thread.productGroups.push_back(std::exchange(thread.products, {}));
  thread.multiplies = false;
}

/// A chip reads the operands at any time until here.
void BlockRunner::waitProducts(unsigned left, const void *caller) {
  std::byte *base = dynamicSharedArray("");
  auto &groups = threads[running()].productGroups;
  for (; groups.size() > left; groups.pop_front())
    for (const GroupProduct &product : groups.front()) {
      const auto chunks = chunksOf(product, running() % 128);
      for (uint32_t chunk : chunks)
        checkCopy(base + chunk, Access::Read, caller);
      multiply(product, chunks, base);
    }
}

} // namespace pfc::rt::emulated

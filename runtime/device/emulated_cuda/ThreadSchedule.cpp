#include "runtime/device/emulated_cuda/ThreadSchedule.h"

#include <cstdlib>

namespace pfc::rt::emulated {

bool ThreadSchedule::run() {
  threads.assign(launch->threads, {});
  ready.clear();
  nextReady = 0;
  nextThread = done = 0;
  Context::swap(scheduler, next());
  if (done == threads.size())
    return true;
  fibers.clear(); // they hold threads that will not go on
  idleFibers.clear();
  return false;
}

/// What to run next: a thread that may go on, else one that has not begun, else
/// the scheduler.
Context &ThreadSchedule::next() {
  if (nextReady < ready.size()) {
    current = ready[nextReady++];
    if (nextReady == ready.size()) {
      ready.clear();
      nextReady = 0;
    }
    return fibers[threads[current].fiber];
  }
  if (nextThread < threads.size())
    return fibers[freshFiber()];
  return scheduler;
}

/// A fiber that will start the next thread.
unsigned ThreadSchedule::freshFiber() {
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

void ThreadSchedule::runFiber(void *pointer) {
  auto &schedule = *static_cast<ThreadSchedule *>(pointer);
  // Fibers are only added, and the newest one starts at once.
  auto fiber = static_cast<unsigned>(schedule.fibers.size() - 1);
  for (;;)
    schedule.runThreads(fiber);
}

/// Runs threads, one after another, until all have started.
void ThreadSchedule::runThreads(unsigned fiber) {
  while (nextThread < threads.size()) {
    unsigned thread = nextThread++;
    threads[thread].fiber = fiber;
    current = thread;
    launch->kernel->call(launch->pointers.data());
    threads[thread].done = true;
    ++done;
  }
  idleFibers.push_back(fiber);
  Context::swap(fibers[fiber], next());
}

void ThreadSchedule::wait() {
  Context &own = fibers[threads[current].fiber], &other = next();
  if (&own != &other)
    Context::swap(own, other);
}

void ThreadSchedule::abandon() {
  Context::swap(fibers[threads[current].fiber], scheduler);
  std::abort(); // a block that failed is never entered again
}

} // namespace pfc::rt::emulated

//===- ThreadSchedule.h - A block's threads, one after another --*- C++ -*-===//
//
// A block's threads run one after another on one system thread. A thread that
// must wait leaves its fiber where it is, and the next thread gets another; so
// threads that never wait share one fiber and cost a function call each.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_EMULATED_CUDA_THREADSCHEDULE_H
#define PFC_RUNTIME_DEVICE_EMULATED_CUDA_THREADSCHEDULE_H

#include "runtime/device/emulated_cuda/Fiber.h"
#include "runtime/device/emulated_cuda/LaunchShape.h"

#include <vector>

namespace pfc::rt::emulated {

class ThreadSchedule {
public:
  static constexpr unsigned maxThreads = 1024;

  ThreadSchedule() { fibers.reserve(maxThreads); }

  void startLaunch(const LaunchShape &shape) { launch = &shape; }
  /// Runs the launch's kernel in each thread of a block, in their order, until
  /// none can go on. False: some have not returned, and never will.
  bool run();

  /// Where threads have their local variables.
  const Stacks &localMemory() const { return stacks; }
  unsigned running() const { return current; }
  bool isDone(unsigned thread) const { return threads[thread].done; }

  /// The running thread waits until it is woken; it may have been already.
  void wait();
  /// Threads go on in the order in which they are woken.
  void wake(unsigned thread) { ready.push_back(thread); }
  /// Ends the block. The stack of the running thread is left as it is: whoever
  /// calls this owns nothing.
  [[noreturn]] void abandon();

private:
  struct Thread {
    unsigned fiber = 0;
    bool done = false;
  };

  static void runFiber(void *pointer);
  void runThreads(unsigned fiber);
  Context &next();
  unsigned freshFiber();

  const LaunchShape *launch = nullptr;
  Stacks stacks{maxThreads};
  Context scheduler;
  std::vector<Context> fibers;
  std::vector<unsigned> idleFibers; // wait for more threads to run
  std::vector<Thread> threads;
  std::vector<unsigned> ready; // threads that need wait no more, in order
  size_t nextReady = 0;
  unsigned current = 0, nextThread = 0, done = 0;
};

} // namespace pfc::rt::emulated

#endif // PFC_RUNTIME_DEVICE_EMULATED_CUDA_THREADSCHEDULE_H

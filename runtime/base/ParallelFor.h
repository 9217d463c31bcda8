//===- ParallelFor.h - A loop over threads ----------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_BASE_PARALLELFOR_H
#define PFC_RUNTIME_BASE_PARALLELFOR_H

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace pfc::rt {

/// Calls body(thread, i) for i in [0, count), on `threads` threads; `thread`
/// is 0 .. threads-1. The first exception stops the loop and is rethrown.
template <typename Body>
void parallelFor(int threads, int64_t count, Body body) {
  std::atomic<int64_t> next{0};
  std::exception_ptr error;
  std::mutex mutex;
  auto work = [&](int thread) {
    try {
      for (int64_t i; (i = next++) < count;)
        body(thread, i);
    } catch (...) {
      std::lock_guard lock(mutex);
      if (!error)
        error = std::current_exception();
      next = count;
    }
  };
  std::vector<std::thread> helpers;
  try {
    for (int thread = 1; thread < threads; ++thread)
      helpers.emplace_back(work, thread);
  } catch (const std::system_error &) {
    // The system has no more: those there are do it all.
  }
  work(0);
  for (std::thread &helper : helpers)
    helper.join();
  if (error)
    std::rethrow_exception(error);
}

} // namespace pfc::rt

#endif // PFC_RUNTIME_BASE_PARALLELFOR_H

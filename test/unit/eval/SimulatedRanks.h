//===- SimulatedRanks.h - Ranks as threads that gather floats ---*- C++ -*-===//
#ifndef PFC_TEST_UNIT_EVAL_SIMULATEDRANKS_H
#define PFC_TEST_UNIT_EVAL_SIMULATEDRANKS_H

#include <algorithm>
#include <barrier>
#include <exception>
#include <span>
#include <thread>
#include <vector>

namespace pfc::rt {

/// Runs body(rank, gather) on a thread for each rank, where gather(local, all)
/// is an all_gather. An exception of a rank, which must be every rank's, is
/// rethrown.
template <typename Body>
void onSimulatedRanks(int worldSize, Body body) {
  std::barrier meeting(worldSize);
  std::vector<std::span<const float>> locals(worldSize);
  std::vector<std::exception_ptr> errors(worldSize);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < worldSize; ++rank)
    threads.emplace_back([&, rank] {
      auto gather = [&](std::span<const float> local, std::span<float> all) {
        locals[rank] = local;
        meeting.arrive_and_wait();
        auto out = all.begin();
        for (std::span<const float> part : locals)
          out = std::copy(part.begin(), part.end(), out);
        meeting.arrive_and_wait();
      };
      try {
        body(rank, gather);
      } catch (...) {
        errors[rank] = std::current_exception();
        meeting.arrive_and_drop();
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  for (const std::exception_ptr &error : errors)
    if (error)
      std::rethrow_exception(error);
}

} // namespace pfc::rt

#endif // PFC_TEST_UNIT_EVAL_SIMULATEDRANKS_H

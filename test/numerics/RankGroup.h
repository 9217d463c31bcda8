//===- RankGroup.h - The ranks of a job as threads --------------*- C++ -*-===//
//
// Communicators for R threads of one process, so that a test of R ranks needs
// no launcher. Sums are formed in rank order, as the runtime's are.
//
//===----------------------------------------------------------------------===//
#ifndef TEST_NUMERICS_RANKGROUP_H
#define TEST_NUMERICS_RANKGROUP_H

#include "runtime/comm/Communicator.h"
#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

namespace pfc::test {

class RankGroup {
public:
  explicit RankGroup(int ranks) : sources(ranks) {}

  /// Calls body on one thread a rank and waits for all. A rank that throws
  /// wakes those that wait for it; its exception is thrown on.
  void run(const std::function<void(rt::Communicator &)> &body);

private:
  class Member;

  /// Returns when all ranks have come; throws when one never will.
  void meet();
  void giveUp();

  std::mutex mutex;
  std::condition_variable allMet;
  int waiting = 0;
  uint64_t round = 0;
  bool failed = false;
  std::vector<rt::BufferView> sources; ///< what each rank contributes
};

} // namespace pfc::test

#endif // TEST_NUMERICS_RANKGROUP_H

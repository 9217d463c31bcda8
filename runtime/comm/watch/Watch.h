//===- Watch.h - Ranks look after each other --------------------*- C++ -*-===//
//
// A thread of every rank tells the threads of ranks 0 and 1 several times a
// second what its rank is at, over TCP connections of their own, and hears from
// them. Rank 0 judges (Verdict.h); rank 1 does when rank 0 is lost. When a rank
// ends, fails, is stopped, loses its network or doesn't get on, the judge
// prints one line and ends all ranks, wherever they wait: no collective is left
// hanging. The thread of a job of one sees whether that gets on.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_COMM_WATCH_WATCH_H
#define PFC_RUNTIME_COMM_WATCH_WATCH_H

#include "runtime/comm/Communicator.h"

#include <memory>
#include <string>

namespace pfc::rt {

struct WatchOptions {
  std::string tool;        ///< begins the line: "pfc-run"
  double timeout = 60;     ///< seconds without a sign of life, or progress
  std::string advice = {}; ///< ends the line when a rank was lost
};

class Watch {
public:
  /// Collective.
  Watch(Communicator &communicator, const WatchOptions &options);
  /// Without leave() the other ranks take it for the death of this one.
  ~Watch();

  /// This rank's work is done. Collective.
  void leave();

  /// This rank has failed; what the job says is up to the judge, who prefers
  /// the lowest rank: what is wrong with all is said once. `status`: the job's.
  [[noreturn]] void fail(const std::string &why, int status);

private:
  class Thread;
  std::unique_ptr<Thread> thread;
  Communicator &communicator;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_COMM_WATCH_WATCH_H

//===- BackgroundCollectives.h - Collectives on a thread --------*- C++ -*-===//
#ifndef PFC_RUNTIME_COMM_BACKGROUNDCOLLECTIVES_H
#define PFC_RUNTIME_COMM_BACKGROUNDCOLLECTIVES_H

#include "runtime/comm/DeviceCommunicator.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

namespace pfc::rt {

/// For devices that work in host memory: a thread does the collectives, in the
/// order in which they were started, while the device computes. Nobody else may
/// use the host's communicator from a start to its finish.
class BackgroundCollectives : public DeviceCommunicator {
public:
  explicit BackgroundCollectives(Communicator &host);
  /// Waits for what was started.
  ~BackgroundCollectives() override;

  EnqueuedCollective makeCollective(plan::fb::CollectiveKind kind,
                                    BufferView source,
                                    BufferView target) override;
  void check() override {}
  void abort() override {}

private:
  struct Transfer {
    plan::fb::CollectiveKind kind;
    BufferView source, target;
    bool done = true;
    std::exception_ptr error = nullptr;
    EnqueuedCollective::Time begin = {}, end = {};
  };
  class Start;
  class Finish;

  void start(std::shared_ptr<Transfer> transfer);
  void finish(Transfer &transfer);
  void work();

  Communicator &host;
  std::mutex mutex; // of all below, and of Transfer::done and ::error
  std::condition_variable changed;
  std::deque<std::shared_ptr<Transfer>> started;
  bool ending = false;
  std::thread worker;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_COMM_BACKGROUNDCOLLECTIVES_H

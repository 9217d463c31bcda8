//===- BackgroundCollectives.h - Collectives on a thread --------*- C++ -*-===//
#ifndef PFC_RUNTIME_COMM_BACKGROUNDCOLLECTIVES_H
#define PFC_RUNTIME_COMM_BACKGROUNDCOLLECTIVES_H

#include "runtime/comm/DeviceCommunicator.h"
#include "runtime/device/BackgroundWork.h"

namespace pfc::rt {

/// For devices that work in host memory: a thread does the collectives, in the
/// order in which they were started, while the device computes. Nobody else may
/// use the host's communicator from a start to its finish.
class BackgroundCollectives : public DeviceCommunicator {
public:
  explicit BackgroundCollectives(Communicator &host) : host(host) {}

  EnqueuedTransfer makeCollective(plan::fb::CollectiveKind kind,
                                  BufferView source,
                                  BufferView target) override;
  void check() override {}

private:
  Communicator &host;
  BackgroundWork thread;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_COMM_BACKGROUNDCOLLECTIVES_H

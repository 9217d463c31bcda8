//===- Waiter.h - Waiting for a device that waits for others ----*- C++ -*-===//
#ifndef PFC_RUNTIME_EXEC_WAITER_H
#define PFC_RUNTIME_EXEC_WAITER_H

#include "runtime/comm/DeviceCommunicator.h"

#include <functional>
#include <memory>

namespace pfc::rt {

/// Where collectives are enqueued, a rank that ends leaves the others' devices
/// waiting for ever; so whoever waits for a device asks after the other ranks
/// meanwhile, and gives up after communicationTimeout().
class Waiter {
public:
  /// `collectives` may be null: then nothing enqueued waits for a rank.
  Waiter(Device &device, Communicator &host, DeviceCommunicator *collectives)
      : device(device), host(host), collectives(collectives) {}

  /// Until all that was enqueued has finished.
  void waitForDevice();
  /// Until the bytes are there.
  const std::byte *waitFor(Download &download);

private:
  void poll(const std::function<bool()> &done);

  Device &device;
  Communicator &host;
  DeviceCommunicator *collectives;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_EXEC_WAITER_H

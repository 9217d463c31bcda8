//===- DeviceCommunicator.h - Collectives on a device's memory --*- C++ -*-===//
//
// What NCCL is to MPI: the host's Communicator brings the ranks together, this
// one carries the plan's collectives between devices while they compute.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_COMM_DEVICECOMMUNICATOR_H
#define PFC_RUNTIME_COMM_DEVICECOMMUNICATOR_H

#include "runtime/comm/Communicator.h"

#include <memory>
#include <string>
#include <vector>

namespace pfc::rt {

class DeviceCommunicator {
public:
  virtual ~DeviceCommunicator() = default;

  /// On a stream or thread of the communicator's.
  virtual EnqueuedTransfer makeCollective(plan::fb::CollectiveKind kind,
                                          BufferView source,
                                          BufferView target) = 0;
  /// Throws an Error where a collective has failed, as when a rank has ended.
  virtual void check() = 0;
};

/// NCCL between the ranks' GPUs; where the device works in host memory, a
/// thread beside it. Null in a job of one, where two ranks share a GPU, which
/// NCCL refuses, and where PFC_NCCL is "off": then collectives go through host
/// memory and nothing goes on meanwhile. Collective.
std::unique_ptr<DeviceCommunicator> openDeviceCommunicator(Device &device,
                                                           Communicator &host);

/// Whether no two ranks have the same chip. Collective.
bool eachHasItsChip(const std::string &ownChip, Communicator &host);

/// What a plug-in exports: pfc_create_device_communicator.
using CreateDeviceCommunicatorFunction = DeviceCommunicator *(Device *,
                                                              Communicator *);

} // namespace pfc::rt

#endif // PFC_RUNTIME_COMM_DEVICECOMMUNICATOR_H

//===- CollectiveTask.h - A collective on host memory -----------*- C++ -*-===//
#ifndef PFC_RUNTIME_EXEC_COLLECTIVETASK_H
#define PFC_RUNTIME_EXEC_COLLECTIVETASK_H

#include "runtime/comm/Communicator.h"
#include "runtime/device/Device.h"

#include <memory>

namespace pfc::rt {

/// A collective that `communicator` does on this rank's buffers, or on copies
/// of them in host memory where the device has memory of its own.
std::unique_ptr<Task> makeHostCollective(plan::fb::CollectiveKind kind,
                                         BufferView source, BufferView target,
                                         Device &device,
                                         Communicator &communicator);

} // namespace pfc::rt

#endif // PFC_RUNTIME_EXEC_COLLECTIVETASK_H

//===- Exchange.h - Messages to and from many ranks at once -----*- C++ -*-===//
#ifndef PFC_RUNTIME_COMM_TCP_EXCHANGE_H
#define PFC_RUNTIME_COMM_TCP_EXCHANGE_H

#include "runtime/comm/tcp/Socket.h"

#include <span>

namespace pfc::rt {

/// What goes to another rank and what comes from it.
struct Messages {
  const Socket *other;
  std::span<const std::byte> outgoing;
  std::span<std::byte> incoming;
};

/// Sends and receives them all, in whatever order the network takes them. An
/// Error names the rank that ended, or those that took longer than `timeout` to
/// do anything.
void exchangeMessages(std::span<Messages> messages,
                      std::chrono::seconds timeout);

} // namespace pfc::rt

#endif // PFC_RUNTIME_COMM_TCP_EXCHANGE_H

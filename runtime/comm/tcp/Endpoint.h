//===- Endpoint.h - How a rank is reached -----------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_COMM_TCP_ENDPOINT_H
#define PFC_RUNTIME_COMM_TCP_ENDPOINT_H

#include "runtime/comm/tcp/Socket.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace pfc::rt {

/// Where a rank listens. Ranks run the same program, so it goes round as it
/// lies in memory.
struct Endpoint {
  /// What who connects has to know: strangers don't.
  using Token = std::array<uint8_t, 16>;

  std::array<char, 128> network = {}; ///< those of one reach "localhost"
  std::array<std::array<char, 46>, 8> hosts = {}; ///< the best one first
  Token token = {};
  int32_t port = 0;
};

/// Of a listening socket, with a new token. `best` is an address of this
/// machine that others are known to reach, or "".
Endpoint describe(const Socket &listening, const std::string &best);

/// A connection to an endpoint, at the first of its hosts that takes one, in
/// `patience` each. The token is still to be sent.
std::optional<Socket> reach(const Endpoint &endpoint,
                            std::chrono::seconds patience);

/// Of this machine, as those call it that are in the same `space` of it ("net",
/// "pid"): containers have their own.
std::string machineName(const std::string &space);

template <size_t Size>
void copyText(const std::string &text, std::array<char, Size> &to) {
  to.fill(0);
  text.copy(to.data(), Size - 1);
}

} // namespace pfc::rt

#endif // PFC_RUNTIME_COMM_TCP_ENDPOINT_H

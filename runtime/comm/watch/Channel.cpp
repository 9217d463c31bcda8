#include "runtime/comm/watch/Channel.h"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <type_traits>

namespace pfc::rt {

static_assert(std::is_trivially_copyable_v<WatchMessage>);

void Channel::send(const WatchMessage &message) {
  outgoing.append(reinterpret_cast<const char *>(&message), sizeof message);
  flush();
}

void Channel::flush() {
  while (connected && !outgoing.empty()) {
    ssize_t sent = ::send(handle(), outgoing.data(), outgoing.size(),
                          MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
      connected = false;
    if (sent <= 0)
      return;
    outgoing.erase(0, static_cast<size_t>(sent));
  }
}

std::optional<WatchMessage> Channel::receive() {
  flush();
  while (connected && incoming.size() < sizeof(WatchMessage)) {
    std::array<char, sizeof(WatchMessage)> bytes;
    ssize_t count = recv(handle(), bytes.data(),
                         sizeof(WatchMessage) - incoming.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EINTR)
      continue;
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK))
      connected = false;
    if (count <= 0)
      return std::nullopt;
    incoming.append(bytes.data(), static_cast<size_t>(count));
  }
  if (incoming.size() < sizeof(WatchMessage))
    return std::nullopt;
  WatchMessage message;
  std::memcpy(&message, incoming.data(), sizeof message);
  message.text.back() = message.machine.back() = 0;
  incoming.clear();
  return message;
}

} // namespace pfc::rt

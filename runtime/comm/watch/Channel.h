//===- Channel.h - Messages between watching threads ------------*- C++ -*-===//
#ifndef PFC_RUNTIME_COMM_WATCH_CHANNEL_H
#define PFC_RUNTIME_COMM_WATCH_CHANNEL_H

#include "runtime/comm/tcp/Endpoint.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace pfc::rt {

/// Of one size, so that a stream is easily cut into them. Ranks run the same
/// program, so it travels as it lies in memory.
struct WatchMessage {
  enum class Kind : uint32_t {
    Hello,  ///< machine, pid, token
    Beat,   ///< step, waits, since, place
    Ask,    ///< for a beat, now
    Failed, ///< text, status
    Left,   ///< my work is done
    Kill,   ///< a rank that hangs: machine, pid
    End,    ///< status
  };
  using Text = std::array<char, 1024>;
  using Machine = std::array<char, 128>;

  Kind kind = Kind::Beat;
  int32_t rank = 0, status = 0, pid = 0;
  uint8_t placeKind = 0;
  int64_t step = 0;
  uint64_t waits = 0;
  double since = 0;
  Endpoint::Token token = {};
  Machine machine = {};
  Text text = {}; ///< a failure, or a place
};

/// A connection that never makes its thread wait.
class Channel {
public:
  explicit Channel(Socket socket) : socket(std::move(socket)) {}

  int handle() const { return socket.handle(); }
  bool open() const { return connected; }
  void close() { connected = false; }

  /// Sends it as soon as the other side takes it.
  void send(const WatchMessage &message);
  /// A beat is worth nothing when those before it have not got through.
  void sendBeat(const WatchMessage &message) {
    if (outgoing.empty())
      send(message);
  }
  /// The next message that has come, if any; closes when the other side has.
  std::optional<WatchMessage> receive();

private:
  void flush();

  Socket socket;
  bool connected = true;
  std::string outgoing, incoming;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_COMM_WATCH_CHANNEL_H

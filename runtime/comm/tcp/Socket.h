//===- Socket.h - A connection to another rank ------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_COMM_TCP_SOCKET_H
#define PFC_RUNTIME_COMM_TCP_SOCKET_H

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace pfc::rt {

/// A connected or a listening TCP socket. A failure is an Error that names the
/// other side; a wait longer than the timeout is one.
class Socket {
public:
  /// Waits for connections at `port` of every address of this machine; 0: any
  /// that is free.
  static Socket listen(int port, std::chrono::seconds timeout);
  /// Connects to `host`:`port`, again until somebody listens there.
  static Socket connect(const std::string &host, int port,
                        std::chrono::seconds timeout);
  /// Once.
  static std::optional<Socket> tryConnect(const std::string &host, int port,
                                          std::chrono::seconds timeout);
  ~Socket();
  Socket(Socket &&other) noexcept;
  Socket &operator=(Socket &&other) noexcept;

  Socket accept() const;
  /// Whether a connection or bytes come within this time.
  bool comesWithin(std::chrono::milliseconds time) const;
  void send(const void *data, size_t bytes) const;
  void receive(void *data, size_t bytes) const;
  /// Of these bytes, those that need no wait: how many.
  size_t trySend(std::span<const std::byte> bytes) const;
  size_t tryReceive(std::span<std::byte> bytes) const;
  /// Throws what a wait that took too long does.
  [[noreturn]] void failWaiting() const;
  /// Throws where the other side has closed the connection.
  void check() const;
  int port() const;         ///< a listening one's
  std::string host() const; ///< this side's address
  void setTimeout(std::chrono::seconds timeout) const;
  int handle() const { return descriptor; }
  /// What messages call the other side: "rank 3".
  void setPeer(std::string name) { peer = std::move(name); }

private:
  Socket(int descriptor, std::string peer)
      : descriptor(descriptor), peer(std::move(peer)) {}

  int descriptor;
  std::string peer;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_COMM_TCP_SOCKET_H

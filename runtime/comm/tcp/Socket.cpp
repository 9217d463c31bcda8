#include "runtime/comm/tcp/Socket.h"

#include "runtime/base/Error.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace pfc::rt {
namespace {

constexpr const char *tooLong =
    "nothing came in time (PFC_COMM_TIMEOUT, in seconds)";

bool wouldWait() { return errno == EAGAIN || errno == EWOULDBLOCK; }

/// The errno of a wait that took too long, or of what went wrong. A connection
/// that took too long is still in progress.
std::string whyText() {
  return wouldWait() || errno == EINPROGRESS ? tooLong : std::strerror(errno);
}

void limitWaits(int descriptor, std::chrono::seconds timeout) {
  timeval value{static_cast<time_t>(timeout.count()), 0};
  setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value);
  setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value);
}

void sendAtOnce(int descriptor) {
  int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/// After an interruption connecting goes on by itself. False with errno.
bool becomesConnected(int descriptor, std::chrono::seconds timeout) {
  pollfd handle{descriptor, POLLOUT, 0};
  auto milliseconds = std::chrono::milliseconds(timeout).count();
  int ready;
  do
    ready = poll(&handle, 1, static_cast<int>(milliseconds));
  while (ready < 0 && errno == EINTR);
  int error = ready > 0 ? 0 : EAGAIN;
  socklen_t size = sizeof error;
  if (ready > 0)
    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
  errno = error;
  return error == 0;
}

/// Who connects to a port of this machine where nobody listens, and that the
/// system chose for this side too, is connected to itself: TCP allows that.
bool reachesItself(int descriptor) {
  sockaddr_storage own{}, other{};
  socklen_t size = sizeof own, otherSize = sizeof other;
  return getsockname(descriptor, reinterpret_cast<sockaddr *>(&own), &size) ==
             0 &&
         getpeername(descriptor, reinterpret_cast<sockaddr *>(&other),
                     &otherSize) == 0 &&
         size == otherSize && std::memcmp(&own, &other, size) == 0;
}

/// A connected descriptor, or -1 with errno.
int connectToOne(const addrinfo *addresses, std::chrono::seconds timeout) {
  for (const addrinfo *at = addresses; at; at = at->ai_next) {
    int descriptor = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
      continue;
    limitWaits(descriptor, timeout); // connect's too
    int error = 0;
    if (::connect(descriptor, at->ai_addr, at->ai_addrlen) != 0 &&
        !(errno == EINTR && becomesConnected(descriptor, timeout)))
      error = errno;
    else if (reachesItself(descriptor))
      error = ECONNREFUSED; // nobody else is there
    else
      return descriptor;
    close(descriptor);
    errno = error;
  }
  return -1;
}

/// A connected descriptor, or -1 and why.
int connectOnce(const std::string &host, int port, std::chrono::seconds timeout,
                std::string &why) {
  addrinfo hints{}, *addresses = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  int status = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints,
                           &addresses);
  int descriptor = status == 0 ? connectToOne(addresses, timeout) : -1;
  why = status == 0 ? whyText() : gai_strerror(status);
  if (addresses)
    freeaddrinfo(addresses);
  if (descriptor >= 0)
    sendAtOnce(descriptor);
  return descriptor;
}

} // namespace

Socket Socket::listen(int port, std::chrono::seconds timeout) {
  int descriptor = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool v6 = descriptor >= 0;
  if (!v6) // a machine without IPv6
    descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  require(descriptor >= 0, "cannot open a socket: {}", std::strerror(errno));
  Socket listening(descriptor, fmt::format("port {}", port));
  int on = 1, off = 0;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (v6)
    setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(static_cast<uint16_t>(port));
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = six.sin6_port;
  auto *address = v6 ? reinterpret_cast<const sockaddr *>(&six)
                     : reinterpret_cast<const sockaddr *>(&four);
  bool listens =
      bind(descriptor, address, v6 ? sizeof six : sizeof four) == 0 &&
      ::listen(descriptor, SOMAXCONN) == 0;
  require(listens || port == 0,
          "rank 0 cannot listen at port {} (MASTER_PORT): {}", port,
          std::strerror(errno));
  require(listens, "cannot listen at a port that the system chooses: {}",
          std::strerror(errno));
  limitWaits(descriptor, timeout);
  return listening;
}

Socket Socket::connect(const std::string &host, int port,
                       std::chrono::seconds timeout) {
  auto deadline = std::chrono::steady_clock::now() + timeout;
  std::string why;
  do {
    int descriptor = connectOnce(host, port, timeout, why);
    if (descriptor >= 0)
      return {descriptor, "rank 0"};
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  } while (std::chrono::steady_clock::now() < deadline);
  fail("cannot reach rank 0 at {}:{} (MASTER_ADDR, MASTER_PORT): {}", host,
       port, why);
}

std::optional<Socket> Socket::tryConnect(const std::string &host, int port,
                                         std::chrono::seconds timeout) {
  std::string why;
  int descriptor = connectOnce(host, port, timeout, why);
  if (descriptor < 0)
    return std::nullopt;
  return Socket(descriptor, fmt::format("{}:{}", host, port));
}

Socket::~Socket() {
  if (descriptor >= 0)
    close(descriptor);
}

Socket::Socket(Socket &&other) noexcept
    : descriptor(std::exchange(other.descriptor, -1)),
      peer(std::move(other.peer)) {}

Socket &Socket::operator=(Socket &&other) noexcept {
  std::swap(descriptor, other.descriptor);
  std::swap(peer, other.peer);
  return *this;
}

int Socket::port() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  getsockname(descriptor, reinterpret_cast<sockaddr *>(&address), &size);
  return address.ss_family == AF_INET6
             ? ntohs(reinterpret_cast<sockaddr_in6 &>(address).sin6_port)
             : ntohs(reinterpret_cast<sockaddr_in &>(address).sin_port);
}

std::string Socket::host() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  std::array<char, NI_MAXHOST> text = {};
  auto *any = reinterpret_cast<sockaddr *>(&address);
  if (getsockname(descriptor, any, &size) != 0 ||
      getnameinfo(any, size, text.data(), text.size(), nullptr, 0,
                  NI_NUMERICHOST) != 0)
    return {};
  return text.data();
}

void Socket::setTimeout(std::chrono::seconds timeout) const {
  limitWaits(descriptor, timeout);
}

bool Socket::comesWithin(std::chrono::milliseconds time) const {
  pollfd handle{descriptor, POLLIN, 0};
  return poll(&handle, 1, static_cast<int>(time.count())) > 0;
}

Socket Socket::accept() const {
  int accepted;
  do // a process that is stopped and goes on is interrupted
    accepted = accept4(descriptor, nullptr, nullptr, SOCK_CLOEXEC);
  while (accepted < 0 && errno == EINTR);
  require(accepted >= 0, "waiting for the other ranks at {}: {}", peer,
          whyText());
  Socket connected(accepted, "a rank");
  sendAtOnce(accepted);
  timeval value{};
  socklen_t size = sizeof value;
  getsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &value, &size);
  limitWaits(accepted, std::chrono::seconds(value.tv_sec));
  return connected;
}

void Socket::send(const void *data, size_t bytes) const {
  auto *next = static_cast<const char *>(data);
  while (bytes > 0) {
    ssize_t sent = ::send(descriptor, next, bytes, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR)
      continue;
    require(sent > 0, "sending to {}: {}", peer, whyText());
    next += sent;
    bytes -= static_cast<size_t>(sent);
  }
}

void Socket::receive(void *data, size_t bytes) const {
  auto *next = static_cast<char *>(data);
  while (bytes > 0) {
    ssize_t received = recv(descriptor, next, bytes, 0);
    if (received < 0 && errno == EINTR)
      continue;
    require(received != 0, "{} has ended", peer);
    require(received > 0, "waiting for {}: {}", peer, whyText());
    next += received;
    bytes -= static_cast<size_t>(received);
  }
}

size_t Socket::trySend(std::span<const std::byte> bytes) const {
  ssize_t sent = ::send(descriptor, bytes.data(), bytes.size(),
                        MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && (wouldWait() || errno == EINTR))
    return 0;
  require(sent >= 0, "sending to {}: {}", peer, std::strerror(errno));
  return static_cast<size_t>(sent);
}

size_t Socket::tryReceive(std::span<std::byte> bytes) const {
  ssize_t received = recv(descriptor, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (received < 0 && (wouldWait() || errno == EINTR))
    return 0;
  require(received != 0, "{} has ended", peer);
  require(received > 0, "waiting for {}: {}", peer, std::strerror(errno));
  return static_cast<size_t>(received);
}

void Socket::failWaiting() const { fail("waiting for {}: {}", peer, tooLong); }

void Socket::check() const {
  char next;
  ssize_t there = recv(descriptor, &next, 1, MSG_PEEK | MSG_DONTWAIT);
  require(there != 0, "{} has ended", peer);
  require(there > 0 || wouldWait(), "{}: {}", peer, std::strerror(errno));
}

} // namespace pfc::rt

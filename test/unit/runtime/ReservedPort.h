//===- ReservedPort.h - A port that nobody else gets ------------*- C++ -*-===//
#ifndef PFC_TEST_UNIT_RUNTIME_RESERVEDPORT_H
#define PFC_TEST_UNIT_RUNTIME_RESERVEDPORT_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace pfc::rt::test {

/// A port of every address of this machine, bound but not listened at while
/// this object lives: the system gives it to no other process, whoever connects
/// is refused, and a Socket may listen there (both say SO_REUSEADDR).
class ReservedPort {
public:
  ReservedPort() : descriptor(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    int on = 1, off = 0;
    if (descriptor < 0) // a machine without IPv6
      descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    else
      setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    auto *any = reinterpret_cast<sockaddr *>(&address);
    getsockname(descriptor, any, &size); // its family, and no address
    bind(descriptor, any, size);
    getsockname(descriptor, any, &size);
    port = ntohs(any->sa_family == AF_INET6
                     ? reinterpret_cast<sockaddr_in6 *>(any)->sin6_port
                     : reinterpret_cast<sockaddr_in *>(any)->sin_port);
  }
  ~ReservedPort() { close(descriptor); }
  ReservedPort(const ReservedPort &) = delete;
  ReservedPort &operator=(const ReservedPort &) = delete;

  operator int() const { return port; }

private:
  int descriptor, port = 0;
};

} // namespace pfc::rt::test

#endif // PFC_TEST_UNIT_RUNTIME_RESERVEDPORT_H

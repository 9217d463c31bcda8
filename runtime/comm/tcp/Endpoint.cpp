#include "runtime/comm/tcp/Endpoint.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <arpa/inet.h>
#include <filesystem>
#include <ifaddrs.h>
#include <net/if.h>
#include <random>
#include <unistd.h>
#include <vector>

namespace pfc::rt {

std::string machineName(const std::string &space) {
  std::array<char, 64> host = {};
  gethostname(host.data(), host.size() - 1);
  std::error_code none;
  std::string own =
      std::filesystem::read_symlink("/proc/self/ns/" + space, none);
  return fmt::format("{} {}", host.data(), own);
}

namespace {

/// The addresses of this machine that others may reach.
std::vector<std::string> ownHosts() {
  std::vector<std::string> hosts;
  ifaddrs *interfaces = nullptr;
  if (getifaddrs(&interfaces) != 0)
    return hosts;
  for (const ifaddrs *at = interfaces; at; at = at->ifa_next) {
    if (!at->ifa_addr || at->ifa_addr->sa_family != AF_INET ||
        (at->ifa_flags & IFF_LOOPBACK) || !(at->ifa_flags & IFF_UP))
      continue;
    std::array<char, INET6_ADDRSTRLEN> text = {};
    const auto *address = reinterpret_cast<const sockaddr_in *>(at->ifa_addr);
    if (inet_ntop(AF_INET, &address->sin_addr, text.data(), text.size()))
      hosts.emplace_back(text.data());
  }
  freeifaddrs(interfaces);
  return hosts;
}

bool isLoopback(const std::string &host) {
  return host.starts_with("127.") || host == "::1";
}

} // namespace

Endpoint describe(const Socket &listening, const std::string &best) {
  Endpoint endpoint;
  copyText(machineName("net"), endpoint.network);
  std::random_device random;
  for (uint8_t &byte : endpoint.token)
    byte = static_cast<uint8_t>(random());
  endpoint.port = listening.port();
  std::vector<std::string> hosts = ownHosts();
  if (!best.empty() && !isLoopback(best))
    hosts.insert(hosts.begin(), best);
  for (size_t i = 0; i < std::min(hosts.size(), endpoint.hosts.size()); ++i)
    copyText(hosts[i], endpoint.hosts[i]);
  return endpoint;
}

std::optional<Socket> reach(const Endpoint &endpoint,
                            std::chrono::seconds patience) {
  std::vector<std::string> hosts;
  if (machineName("net") == endpoint.network.data())
    hosts.emplace_back("localhost");
  for (const auto &host : endpoint.hosts)
    if (host[0] != 0)
      hosts.emplace_back(host.data());
  for (const std::string &host : hosts)
    if (auto socket = Socket::tryConnect(host, endpoint.port, patience))
      return socket;
  return std::nullopt;
}

} // namespace pfc::rt

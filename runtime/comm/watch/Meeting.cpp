#include "runtime/comm/watch/Meeting.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <filesystem>
#include <ifaddrs.h>
#include <net/if.h>
#include <optional>
#include <random>
#include <unistd.h>
#include <vector>

namespace pfc::rt {
namespace {

constexpr std::chrono::seconds patience(5);
constexpr size_t mostHosts = 8;

/// How to reach a judge; goes round as bytes.
struct Address {
  WatchMessage::Machine machine = {};
  WatchMessage::Token token = {};
  std::array<std::array<char, INET6_ADDRSTRLEN>, mostHosts> hosts = {};
  int32_t port = 0;
};

/// Two containers of one name have processes of their own.
std::string machineName() {
  std::array<char, 64> host = {};
  gethostname(host.data(), host.size() - 1);
  std::error_code none;
  std::string space = std::filesystem::read_symlink("/proc/self/ns/pid", none);
  return fmt::format("{} {}", host.data(), space);
}

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

WatchMessage::Token makeToken() {
  std::random_device random;
  WatchMessage::Token token;
  for (uint8_t &byte : token)
    byte = static_cast<uint8_t>(random());
  return token;
}

Address describe(const Socket &listening, const std::string &machine) {
  Address address;
  copyText(machine, address.machine);
  address.token = makeToken();
  address.port = listening.port();
  std::vector<std::string> hosts = ownHosts();
  for (size_t i = 0; i < std::min(hosts.size(), mostHosts); ++i)
    copyText(hosts[i], address.hosts[i]);
  return address;
}

std::optional<Channel> reach(const Address &judge, const WatchMessage &hello) {
  std::vector<std::string> hosts;
  if (judge.machine == hello.machine)
    hosts.push_back("localhost");
  for (const auto &host : judge.hosts)
    if (host[0] != 0)
      hosts.emplace_back(host.data());
  for (const std::string &host : hosts) {
    try {
      Socket socket = Socket::connect(host, judge.port, patience);
      WatchMessage own = hello;
      own.token = judge.token;
      socket.send(&own, sizeof own);
      return Channel(std::move(socket));
    } catch (const Error &) { // the next address may do
    }
  }
  return std::nullopt;
}

/// A judge takes as many as have reached it, and no stranger.
void takeRanks(const Socket &listening, const Address &own, int expected,
               Meeting &meeting) {
  while (expected > 0) {
    Socket socket = listening.accept();
    WatchMessage hello;
    try {
      socket.receive(&hello, sizeof hello);
    } catch (const Error &) {
      continue;
    }
    if (hello.kind != WatchMessage::Kind::Hello || hello.token != own.token)
      continue;
    meeting.seats[hello.rank] = {hello.machine.data(), hello.pid};
    meeting.toRanks.emplace(hello.rank, Channel(std::move(socket)));
    --expected;
  }
}

/// One flag of each rank. Collective.
std::vector<uint8_t> gatherFlags(Communicator &communicator, uint8_t own) {
  std::vector<uint8_t> flags(static_cast<size_t>(communicator.worldSize()));
  communicator.allGather(
      {reinterpret_cast<std::byte *>(&own), plan::fb::DType_U8, {1}},
      {reinterpret_cast<std::byte *>(flags.data()),
       plan::fb::DType_U8,
       {static_cast<int64_t>(flags.size())}});
  return flags;
}

} // namespace

Meeting meet(Communicator &communicator, const std::string &tool) {
  int own = communicator.rank(), size = communicator.worldSize();
  Meeting meeting;
  meeting.machine = machineName();
  if (size == 1)
    return meeting;
  WatchMessage hello;
  hello.kind = WatchMessage::Kind::Hello;
  hello.rank = own;
  hello.pid = getpid();
  copyText(meeting.machine, hello.machine);
  for (int judge = 0; judge < std::min(judges, size); ++judge) {
    std::optional<Socket> listening;
    Address address;
    if (own == judge) {
      listening = Socket::listen(0, patience);
      address = describe(*listening, meeting.machine);
    }
    communicator.broadcast(&address, sizeof address, judge);
    std::optional<Channel> channel;
    if (own != judge)
      channel = reach(address, hello);
    std::vector<uint8_t> reached = gatherFlags(communicator, !!channel);
    auto count = std::count(reached.begin(), reached.end(), 1);
    if (channel)
      meeting.toJudges.emplace(judge, std::move(*channel));
    if (listening)
      takeRanks(*listening, address, static_cast<int>(count), meeting);
    if (own == 0 && count < size - 1)
      fmt::print(stderr,
                 "{}: note: {} of {} ranks cannot reach rank {} by TCP (a "
                 "firewall?): it will not notice when they fail\n",
                 tool, size - 1 - count, size - 1, judge);
  }
  return meeting;
}

} // namespace pfc::rt

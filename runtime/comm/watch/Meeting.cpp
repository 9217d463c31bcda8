#include "runtime/comm/watch/Meeting.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <optional>
#include <unistd.h>
#include <vector>

namespace pfc::rt {
namespace {

constexpr std::chrono::seconds patience(5);

std::optional<Channel> meetJudge(const Endpoint &judge,
                                 const WatchMessage &hello) {
  std::optional<Socket> socket = reach(judge, patience);
  if (!socket)
    return std::nullopt;
  WatchMessage own = hello;
  own.token = judge.token;
  try {
    socket->send(&own, sizeof own);
  } catch (const Error &) {
    return std::nullopt;
  }
  return Channel(std::move(*socket));
}

/// A judge takes as many as have reached it, and no stranger.
void takeRanks(const Socket &listening, const Endpoint &own, int expected,
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
  meeting.machine = machineName("pid");
  if (size == 1)
    return meeting;
  WatchMessage hello;
  hello.kind = WatchMessage::Kind::Hello;
  hello.rank = own;
  hello.pid = getpid();
  copyText(meeting.machine, hello.machine);
  for (int judge = 0; judge < std::min(judges, size); ++judge) {
    std::optional<Socket> listening;
    Endpoint address;
    if (own == judge) {
      listening = Socket::listen(0, patience);
      address = describe(*listening, "");
    }
    communicator.broadcast(&address, sizeof address, judge);
    std::optional<Channel> channel;
    if (own != judge)
      channel = meetJudge(address, hello);
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

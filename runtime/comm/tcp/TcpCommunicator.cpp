#include "runtime/comm/tcp/TcpCommunicator.h"

#include "runtime/base/Error.h"
#include "runtime/comm/Sums.h"
#include "runtime/comm/Timeout.h"
#include "runtime/comm/tcp/Socket.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace pfc::rt {
namespace {

/// Bytes of a sum formed at once: bounds the scratch memory.
constexpr int64_t pieceBytes = int64_t{16} << 20;

/// How a rank introduces itself to rank 0.
struct Greeting {
  std::array<char, 8> magic = {'p', 'f', 'c', '-', 't', 'c', 'p', '1'};
  int32_t rank = 0, worldSize = 0;
  std::array<char, 64> machine = {};
};

/// Where it stands among the ranks of its machine: rank 0's answer.
struct Local {
  int32_t rank = 0, ranks = 1;
};

class TcpCommunicator : public Communicator {
public:
  explicit TcpCommunicator(const TcpPlace &place)
      : ownRank(place.rank), size(place.worldSize) {
    Greeting own;
    own.rank = ownRank;
    own.worldSize = size;
    gethostname(own.machine.data(), own.machine.size() - 1);
    if (ownRank == 0)
      gather(own, place);
    else
      join(own, place);
  }

  int rank() const override { return ownRank; }
  int worldSize() const override { return size; }
  int localRanks() const override { return local.ranks; }
  int localRank() const override { return local.rank; }

  void allReduceSum(BufferView source, BufferView target) override {
    auto width = static_cast<int64_t>(byteWidth(source.dtype));
    int64_t total = source.elements(), piece = pieceBytes / width;
    for (int64_t begin = 0; begin < total; begin += piece) {
      int64_t count = std::min(piece, total - begin);
      auto bytes = static_cast<size_t>(count * width);
      if (const std::byte *all = collect(source.data + begin * width, bytes)) {
        std::vector<std::byte> sum(bytes);
        sumInOrder(all, size, count, source.dtype, sum.data());
        std::memcpy(target.data + begin * width, sum.data(), bytes);
      }
      distribute(target.data + begin * width, bytes);
    }
  }

  void reduceScatterSum(BufferView source, BufferView target) override {
    std::vector<std::byte> sum(source.bytes());
    BufferView whole = source;
    whole.data = sum.data();
    allReduceSum(std::move(source), whole);
    std::memcpy(target.data, sum.data() + target.bytes() * ownRank,
                target.bytes());
  }

  void allGather(BufferView source, BufferView target) override {
    if (const std::byte *all = collect(source.data, source.bytes()))
      std::memcpy(target.data, all, target.bytes());
    distribute(target.data, target.bytes());
  }

  void broadcast(void *bytes, size_t length, int root) override {
    if (root != 0 && ownRank == root)
      ranks[0].send(bytes, length);
    if (root != 0 && ownRank == 0)
      ranks[root - 1].receive(bytes, length);
    if (ownRank == 0)
      for (int other = 1; other < size; ++other)
        if (other != root)
          ranks[other - 1].send(bytes, length);
    if (ownRank != 0 && ownRank != root)
      ranks[0].receive(bytes, length);
  }

  void barrier() override {
    std::byte nothing{};
    collect(&nothing, 1);
    distribute(&nothing, 1);
  }

  void checkRanks() override {
    for (const Socket &other : ranks)
      other.check();
  }

  /// The others find their connections closed.
  [[noreturn]] void abort(const std::string &why) override {
    fmt::print(stderr, "{}\n", why);
    std::fflush(nullptr);
    std::_Exit(1);
  }

private:
  void gather(const Greeting &own, const TcpPlace &place) {
    Socket listening = Socket::listen(place.port, communicationTimeout());
    std::vector<Greeting> greetings(static_cast<size_t>(size));
    std::vector<std::optional<Socket>> joined(static_cast<size_t>(size));
    greetings[0] = own;
    for (int count = 1; count < size;) {
      Socket connection = listening.accept();
      Greeting greeting;
      connection.receive(&greeting, sizeof greeting);
      if (greeting.magic != own.magic)
        continue; // a stranger at our port
      int other = greeting.rank;
      require(greeting.worldSize == size && other > 0 && other < size &&
                  !joined[other],
              "rank {} of {} joins a job of {} ranks that has it already or "
              "is of another size",
              other, greeting.worldSize, size);
      connection.setPeer(fmt::format("rank {}", other));
      greetings[other] = greeting;
      joined[other] = std::move(connection);
      ++count;
    }
    local = localOf(greetings, 0);
    for (int other = 1; other < size; ++other) {
      ranks.push_back(std::move(*joined[other]));
      Local answer = localOf(greetings, other);
      ranks.back().send(&answer, sizeof answer);
    }
  }

  void join(const Greeting &own, const TcpPlace &place) {
    ranks.push_back(
        Socket::connect(place.host, place.port, communicationTimeout()));
    ranks[0].send(&own, sizeof own);
    ranks[0].receive(&local, sizeof local);
  }

  static Local localOf(const std::vector<Greeting> &greetings, int rank) {
    Local place{0, 0};
    for (int other = 0; other < static_cast<int>(greetings.size()); ++other)
      if (greetings[other].machine == greetings[rank].machine) {
        place.rank += other < rank;
        ++place.ranks;
      }
    return place;
  }

  /// Rank 0 gets the ranks' bytes, in rank order; the others null.
  const std::byte *collect(const std::byte *own, size_t bytes) {
    if (ownRank != 0) {
      ranks[0].send(own, bytes);
      return nullptr;
    }
    received.resize(bytes * static_cast<size_t>(size));
    std::memcpy(received.data(), own, bytes);
    for (int other = 1; other < size; ++other)
      ranks[other - 1].receive(received.data() + bytes * other, bytes);
    return received.data();
  }

  /// All get rank 0's bytes.
  void distribute(std::byte *data, size_t bytes) {
    if (ownRank != 0)
      return ranks[0].receive(data, bytes);
    for (const Socket &other : ranks)
      other.send(data, bytes);
  }

  int ownRank, size;
  Local local;
  std::vector<Socket> ranks; // rank 0: of 1, 2, …; others: of 0
  std::vector<std::byte> received;
};

std::optional<int> integerFrom(const char *variable) {
  const char *text = std::getenv(variable);
  if (!text || !*text)
    return std::nullopt;
  int value = 0;
  const char *end = text + std::strlen(text);
  require(std::from_chars(text, end, value).ptr == end && value >= 0,
          "{} is '{}', not a number", variable, text);
  return value;
}

} // namespace

std::optional<TcpPlace> tcpPlaceFromEnvironment() {
  auto rank = integerFrom("RANK"), worldSize = integerFrom("WORLD_SIZE"),
       port = integerFrom("MASTER_PORT");
  const char *host = std::getenv("MASTER_ADDR");
  if (!rank || !worldSize || !port || !host || !*host)
    return std::nullopt;
  require(*rank < *worldSize && *port > 0 && *port < 65535,
          "RANK {} of WORLD_SIZE {} at MASTER_PORT {} is no place in a job",
          *rank, *worldSize, *port);
  const char *agent = std::getenv("TORCHELASTIC_USE_AGENT_STORE");
  bool taken = agent && std::strcmp(agent, "True") == 0;
  return TcpPlace{*rank, *worldSize, host, *port + taken};
}

std::unique_ptr<Communicator> makeTcpCommunicator(const TcpPlace &place) {
  return std::make_unique<TcpCommunicator>(place);
}

} // namespace pfc::rt

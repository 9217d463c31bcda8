#include "runtime/comm/tcp/TcpCommunicator.h"

#include "runtime/base/Error.h"
#include "runtime/comm/SlicedCommunicator.h"
#include "runtime/comm/Timeout.h"
#include "runtime/comm/tcp/Endpoint.h"
#include "runtime/comm/tcp/Exchange.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <stop_token>
#include <thread>
#include <unistd.h>

namespace pfc::rt {
namespace {

/// How long who has connected may take to say who they are, and how long an
/// address may take to answer.
constexpr std::chrono::seconds patience(10);

/// How often who waits for a connection looks at those it has.
constexpr std::chrono::milliseconds glance(200);

/// How long who comes to a job that has met may take to say who they are.
constexpr std::chrono::seconds lateComersPatience(1);

/// How long a rank waits before it asks again for the next job.
constexpr std::chrono::seconds nextAsking(1);

using Clock = std::chrono::steady_clock;

/// How a rank introduces itself to rank 0.
struct Greeting {
  std::array<char, 8> magic = {'p', 'f', 'c', '-', 't', 'c', 'p', '3'};
  int32_t rank = 0, worldSize = 0;
  std::array<char, 64> machine = {};
  Endpoint endpoint;
};

/// Where it stands among the ranks of its machine.
struct Local {
  int32_t rank = 0, ranks = 1;
};

/// What rank 0 says to that. Where the rank is welcome the endpoints of all
/// follow; one that comes to ranks that have met waits for their next job, as
/// it may be started again before they are.
struct Answer {
  enum class Verdict : int32_t { Welcome, TooLate, Refused };

  Verdict verdict = Verdict::Welcome;
  Local local;
  std::array<char, 512> why = {}; ///< it is refused
};

/// How a rank introduces itself to another one.
struct Hello {
  Endpoint::Token token = {};
  int32_t rank = 0;
};

/// Says once whom a rank waits for, if that takes longer than one is patient.
class WaitingNote {
public:
  explicit WaitingNote(std::string text)
      : thread([this, text = std::move(text)] {
          std::unique_lock lock(mutex);
          if (!ended.wait_for(lock, patience, [this] { return over; }))
            fmt::print(stderr, "{}, for {} s at most (PFC_COMM_TIMEOUT)\n",
                       text, communicationTimeout().count());
        }) {}
  ~WaitingNote() {
    {
      std::lock_guard lock(mutex);
      over = true;
    }
    ended.notify_all();
    thread.join();
  }
  WaitingNote(const WaitingNote &) = delete;
  WaitingNote &operator=(const WaitingNote &) = delete;

private:
  std::mutex mutex;
  std::condition_variable ended;
  bool over = false;
  std::thread thread; // last: it uses the others
};

/// What somebody who has connected says first; nothing where that is a stranger
/// who says nothing.
template <typename Message>
std::optional<Message> firstMessage(const Socket &connection,
                                    std::chrono::seconds patience) {
  connection.setTimeout(patience);
  Message message;
  try {
    connection.receive(&message, sizeof message);
  } catch (const Error &) {
    return std::nullopt;
  }
  connection.setTimeout(communicationTimeout());
  return message;
}

/// Nothing where they are of one job.
std::string sizesDiffer(const Greeting &greeting, int size) {
  if (greeting.worldSize == size)
    return {};
  return fmt::format(
      "rank {} was started for {} ranks and rank 0 for {}: start all of them "
      "with the same WORLD_SIZE",
      greeting.rank, greeting.worldSize, size);
}

/// To who may not be there any more.
void answer(const Socket &connection, Answer::Verdict verdict,
            const std::string &why = {}) {
  Answer message;
  message.verdict = verdict;
  copyText(why, message.why);
  try {
    connection.send(&message, sizeof message);
  } catch (const Error &) {
  }
}

/// Rank 0's port while the job runs: who comes is told so, and that it is of
/// another size.
class Door {
public:
  Door(Socket listening, int size)
      : listening(std::move(listening)), size(size),
        thread([this](const std::stop_token &end) { keep(end); }) {}

private:
  void keep(const std::stop_token &end) {
    try {
      while (!end.stop_requested())
        if (listening.comesWithin(glance))
          turnAway(listening.accept());
    } catch (const Error &) { // those who come find nobody
    }
  }

  void turnAway(const Socket &connection) const {
    auto greeting = firstMessage<Greeting>(connection, lateComersPatience);
    if (!greeting || greeting->magic != Greeting().magic)
      return;
    std::string why = sizesDiffer(*greeting, size);
    if (why.empty())
      return answer(connection, Answer::Verdict::TooLate);
    fmt::print(stderr, "note: {}; it is sent away\n", why);
    answer(connection, Answer::Verdict::Refused, why);
  }

  Socket listening;
  int size;
  std::jthread thread; // last: it uses the others
};

class TcpCommunicator : public SlicedCommunicator {
public:
  explicit TcpCommunicator(const TcpPlace &place)
      : ownRank(place.rank), size(place.worldSize),
        timeout(communicationTimeout()), others(static_cast<size_t>(size)) {
    Greeting own;
    own.rank = ownRank;
    own.worldSize = size;
    gethostname(own.machine.data(), own.machine.size() - 1);
    WaitingNote note(
        ownRank == 0 ? fmt::format("rank 0 waits for {} other ranks at port {}",
                                   size - 1, place.port)
                     : fmt::format("rank {} waits for rank 0 at {}:{}", ownRank,
                                   place.host, place.port));
    if (ownRank == 0)
      gather(own, place);
    else
      join(own, place);
  }

  int rank() const override { return ownRank; }
  int worldSize() const override { return size; }
  int localRanks() const override { return local.ranks; }
  int localRank() const override { return local.rank; }

  void broadcast(void *bytes, size_t length, int root) override {
    auto *data = static_cast<std::byte *>(bytes);
    if (ownRank != root)
      return others[root]->receive(data, length);
    exchangeWithAll([&](int) { return std::span(data, length); },
                    [](int) { return std::span<std::byte>(); });
  }

  void barrier() override {
    std::vector<std::byte> all(static_cast<size_t>(size));
    exchangeWithAll([&](int) { return std::span(&all[ownRank], 1); },
                    [&](int other) { return std::span(&all[other], 1); });
  }

  void checkRanks() override {
    for (const std::optional<Socket> &other : others)
      if (other)
        other->check();
  }

  /// The others find their connections closed.
  [[noreturn]] void abort(const std::string &why) override {
    fmt::print(stderr, "{}\n", why);
    std::fflush(nullptr);
    std::_Exit(1);
  }

private:
  //===--------------------------------------------------------------------===//
  // Meeting
  //===--------------------------------------------------------------------===//

  /// Rank 0.
  void gather(const Greeting &own, const TcpPlace &place) {
    Clock::time_point deadline = Clock::now() + timeout;
    Socket listening = Socket::listen(place.port, timeout);
    std::vector<Greeting> greetings(static_cast<size_t>(size));
    greetings[0] = own;
    while (!missing().empty()) {
      Socket connection = awaitRank(listening, place.port, deadline);
      auto greeting = firstMessage<Greeting>(connection, patience);
      if (!greeting || greeting->magic != own.magic)
        continue; // a stranger at our port
      greeting->machine.back() = 0;
      forgetWhoLeft(); // the same one may come again
      if (std::string why = whyRefused(*greeting, greetings); !why.empty())
        refuse(listening, connection, *greeting, why);
      int other = greeting->rank;
      greetings[other] = *greeting;
      connect(other, std::move(connection));
    }
    welcome(greetings);
    door.emplace(std::move(listening), size);
  }

  std::string whyRefused(const Greeting &greeting,
                         const std::vector<Greeting> &greetings) const {
    if (std::string why = sizesDiffer(greeting, size); !why.empty())
      return why;
    int other = greeting.rank;
    if (other <= 0 || other >= size)
      return fmt::format("rank {} joins a job of ranks 0 to {}", other,
                         size - 1);
    if (others[other])
      return fmt::format("two ranks, on {} and on {}, were started as rank {}: "
                         "give each a RANK of its own",
                         greetings[other].machine.data(),
                         greeting.machine.data(), other);
    return {};
  }

  /// A job that is started wrongly ends. All ranks are told why: those that are
  /// still to come, too, which would else wait for rank 0.
  [[noreturn]] void refuse(const Socket &listening, const Socket &connection,
                           const Greeting &greeting, const std::string &why) {
    answer(connection, Answer::Verdict::Refused, why);
    int untold = std::max(size, greeting.worldSize) - 2;
    for (const std::optional<Socket> &other : others)
      if (other) {
        answer(*other, Answer::Verdict::Refused, why);
        --untold;
      }
    if (untold > 0)
      fmt::print(stderr, "note: {}; rank 0 tells those that come, for {} s\n",
                 why, patience.count());
    for (Clock::time_point end = Clock::now() + patience;
         untold > 0 && Clock::now() < end;) {
      if (!listening.comesWithin(glance))
        continue;
      Socket late = listening.accept();
      auto message = firstMessage<Greeting>(late, lateComersPatience);
      if (!message || message->magic != greeting.magic)
        continue;
      answer(late, Answer::Verdict::Refused, why);
      --untold;
    }
    fail("{}", why);
  }

  void welcome(const std::vector<Greeting> &greetings) {
    std::vector<Endpoint> endpoints;
    for (const Greeting &greeting : greetings)
      endpoints.push_back(greeting.endpoint);
    local = localOf(greetings, 0);
    for (int other = 1; other < size; ++other) {
      Answer answer;
      answer.local = localOf(greetings, other);
      others[other]->send(&answer, sizeof answer);
      others[other]->send(endpoints.data(),
                          endpoints.size() * sizeof(Endpoint));
    }
  }

  std::vector<int> missing() const {
    std::vector<int> ranks;
    for (int other = 1; other < size; ++other)
      if (!others[other])
        ranks.push_back(other);
    return ranks;
  }

  /// Those that came and ended while others are still to come.
  void forgetWhoLeft() {
    for (std::optional<Socket> &other : others)
      try {
        if (other)
          other->check();
      } catch (const Error &error) {
        fmt::print(stderr,
                   "{} before all ranks had met: rank 0 waits for it "
                   "again\n",
                   error.what());
        other.reset();
      }
  }

  /// As rank 0: the next that connects. The deadline is that of the whole
  /// meeting: strangers, and a rank that ends and comes again, do not move it.
  Socket awaitRank(const Socket &listening, int port,
                   Clock::time_point deadline) {
    for (;;) {
      require(Clock::now() < deadline,
              "rank 0 waits at port {} for rank {}: nothing came in time "
              "(PFC_COMM_TIMEOUT, in seconds)",
              port, fmt::join(missing(), ", "));
      if (listening.comesWithin(glance))
        return listening.accept();
      forgetWhoLeft();
    }
  }

  /// As another one: the next that connects while rank 0 is there.
  Socket awaitNeighbour(const Socket &listening, Clock::time_point deadline) {
    for (;;) {
      require(Clock::now() < deadline,
              "rank {} waits for ranks behind it: nothing came in time "
              "(PFC_COMM_TIMEOUT, in seconds)",
              ownRank);
      if (listening.comesWithin(glance))
        return listening.accept();
      others[0]->check();
    }
  }

  /// Any other rank: it goes to those before it and awaits those behind it.
  void join(Greeting own, const TcpPlace &place) {
    Socket listening = Socket::listen(0, timeout);
    meetFirst(own, listening, place);
    std::vector<Endpoint> endpoints(static_cast<size_t>(size));
    others[0]->receive(endpoints.data(), endpoints.size() * sizeof(Endpoint));
    for (int other = 1; other < ownRank; ++other)
      goTo(other, endpoints[other]);
    Clock::time_point deadline = Clock::now() + timeout;
    for (int count = ownRank + 1; count < size;) {
      Socket connection = awaitNeighbour(listening, deadline);
      auto hello = firstMessage<Hello>(connection, patience);
      if (!hello || hello->token != own.endpoint.token)
        continue;
      int other = hello->rank;
      require(other > ownRank && other < size && !others[other],
              "rank {} connects to rank {}, which does not expect it", other,
              ownRank);
      connect(other, std::move(connection));
      ++count;
    }
  }

  /// Until rank 0 is one that this rank is welcome to.
  void meetFirst(Greeting &own, const Socket &listening,
                 const TcpPlace &place) {
    Clock::time_point deadline = Clock::now() + timeout;
    for (bool asked = false;; asked = true) {
      auto left =
          std::chrono::ceil<std::chrono::seconds>(deadline - Clock::now());
      require(left.count() > 0,
              "rank {} waits for rank 0 at {}:{}: its job did not end in time "
              "(PFC_COMM_TIMEOUT, in seconds)",
              ownRank, place.host, place.port);
      connect(0, Socket::connect(place.host, place.port, left));
      own.endpoint = describe(listening, others[0]->host());
      others[0]->send(&own, sizeof own);
      Answer answer;
      others[0]->receive(&answer, sizeof answer);
      answer.why.back() = 0;
      if (answer.verdict == Answer::Verdict::Welcome) {
        local = answer.local;
        return;
      }
      require(answer.verdict == Answer::Verdict::TooLate, "{}",
              answer.why.data());
      if (!asked)
        fmt::print(stderr,
                   "note: rank 0 at {}:{} has a rank {} already, with which it "
                   "trains: this one waits for its next job\n",
                   place.host, place.port, ownRank);
      std::this_thread::sleep_for(nextAsking);
    }
  }

  void goTo(int other, const Endpoint &endpoint) {
    std::optional<Socket> connection = reach(endpoint, patience);
    require(connection.has_value(),
            "rank {} cannot reach rank {} at {}:{}: is there a firewall? Every "
            "rank listens at a port that its system chose, and all connect to "
            "each other",
            ownRank, other, endpoint.hosts[0].data(), endpoint.port);
    connection->setTimeout(timeout);
    Hello hello{endpoint.token, ownRank};
    connection->send(&hello, sizeof hello);
    connect(other, std::move(*connection));
  }

  void connect(int other, Socket connection) {
    connection.setPeer(fmt::format("rank {}", other));
    others[other] = std::move(connection);
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

  //===--------------------------------------------------------------------===//
  // Messages
  //===--------------------------------------------------------------------===//

  /// To and from each other rank, beginning with the next one: not all with
  /// the same.
  template <typename Outgoing, typename Incoming>
  void exchangeWithAll(Outgoing outgoing, Incoming incoming) {
    messages.clear();
    for (int i = 1; i < size; ++i) {
      int other = (ownRank + i) % size;
      messages.push_back({&*others[other], outgoing(other), incoming(other)});
    }
    exchangeMessages(messages, timeout);
  }

  void exchangeSlices(const std::byte *source, const Slices &slices,
                      size_t width, std::byte *received) override {
    size_t own = slices.counts[ownRank] * width;
    auto outgoing = [&](int other) {
      return std::span(source + slices.offsets[other] * width,
                       slices.counts[other] * width);
    };
    std::ranges::copy(outgoing(ownRank), received + own * ownRank);
    exchangeWithAll(outgoing, [&](int other) {
      return std::span(received + own * other, own);
    });
  }

  void gatherSlices(const std::byte *own, const Slices &slices, size_t width,
                    std::byte *target) override {
    auto incoming = [&](int other) {
      return std::span(target + slices.offsets[other] * width,
                       slices.counts[other] * width);
    };
    if (incoming(ownRank).data() != own)
      std::copy_n(own, incoming(ownRank).size(), incoming(ownRank).data());
    exchangeWithAll([&](int) { return incoming(ownRank); }, incoming);
  }

  int ownRank, size;
  std::chrono::seconds timeout;
  Local local;
  std::vector<std::optional<Socket>> others; ///< by rank; not this one
  std::vector<Messages> messages;            ///< of one exchange
  std::optional<Door> door;                  ///< rank 0's
};

std::optional<int> integerFrom(const char *variable) {
  const char *text = std::getenv(variable);
  if (!text || !*text)
    return std::nullopt;
  int value = 0;
  const char *end = text + std::strlen(text);
  auto [read, error] = std::from_chars(text, end, value);
  require(error == std::errc() && read == end && value >= 0,
          "{} is '{}', no number from 0 to {}", variable, text, INT32_MAX);
  return value;
}

} // namespace

std::optional<TcpPlace> tcpPlaceFromEnvironment() {
  auto rank = integerFrom("RANK"), worldSize = integerFrom("WORLD_SIZE"),
       port = integerFrom("MASTER_PORT");
  const char *host = std::getenv("MASTER_ADDR");
  bool meets = port && host && *host;
  if (rank.value_or(0) == 0 && worldSize.value_or(1) == 1 &&
      !(rank && worldSize && meets))
    return std::nullopt; // a job of one, or none of this kind
  require(
      rank && worldSize && meets,
      "RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT say together which rank "
      "this is and where the ranks meet: {} not set",
      !rank        ? "RANK is"
      : !worldSize ? "WORLD_SIZE is"
                   : "the place is");
  const char *agent = std::getenv("TORCHELASTIC_USE_AGENT_STORE");
  bool taken = agent && std::strcmp(agent, "True") == 0;
  require(*rank < *worldSize && *port > 0 && *port + taken <= 65535,
          "RANK {} of WORLD_SIZE {} at MASTER_PORT {} is no place in a job",
          *rank, *worldSize, *port);
  return TcpPlace{*rank, *worldSize, host, *port + taken};
}

std::unique_ptr<Communicator> makeTcpCommunicator(const TcpPlace &place) {
  if (place.worldSize == 1)
    return makeSelfCommunicator();
  return std::make_unique<TcpCommunicator>(place);
}

} // namespace pfc::rt

// What communicator-test, in which all goes well, does not see.
#include "ReservedPort.h"

#include "runtime/base/Error.h"
#include "runtime/comm/tcp/Socket.h"
#include "runtime/comm/tcp/TcpCommunicator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <poll.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace pfc::rt::test {
namespace {

using testing::HasSubstr;

template <typename Body>
std::string messageOf(Body body) {
  try {
    body();
  } catch (const Error &error) {
    return error.what();
  }
  return "no error";
}

TEST(TcpCommunicator, ARankThatEndsIsNamed) {
  ReservedPort port;
  std::thread other([&] { makeTcpCommunicator({1, 2, "localhost", port}); });
  auto communicator = makeTcpCommunicator({0, 2, "localhost", port});
  other.join();
  EXPECT_THAT(messageOf([&] { communicator->checkRanks(); }),
              HasSubstr("rank 1"));
  EXPECT_THAT(messageOf([&] { communicator->barrier(); }), HasSubstr("rank 1"));
}

TEST(TcpCommunicator, RanksBesidesTheFirstKnowWhoEnds) {
  ReservedPort port;
  std::thread ends([&] { makeTcpCommunicator({2, 3, "localhost", port}); });
  std::thread notices([&] {
    auto communicator = makeTcpCommunicator({1, 3, "localhost", port});
    ends.join();
    EXPECT_THAT(messageOf([&] { communicator->checkRanks(); }),
                HasSubstr("rank 2 has ended"));
  });
  auto communicator = makeTcpCommunicator({0, 3, "localhost", port});
  notices.join();
}

TEST(TcpCommunicator, StrangersAreSentAway) {
  ReservedPort port;
  std::thread other([&] {
    Socket stranger =
        Socket::connect("localhost", port, std::chrono::seconds(60));
    std::string request(2000, 'x');
    stranger.send(request.data(), request.size());
    makeTcpCommunicator({1, 2, "localhost", port})->barrier();
  });
  makeTcpCommunicator({0, 2, "localhost", port})->barrier();
  other.join();
}

/// A rank that meets nobody: why.
std::string refusal(int rank, int worldSize, int port) {
  return messageOf(
      [&] { makeTcpCommunicator({rank, worldSize, "localhost", port}); });
}

/// What ranks say that are started at once, each with a number and world size.
std::vector<std::string> refusals(std::vector<std::pair<int, int>> ranks) {
  ReservedPort port;
  setenv("PFC_COMM_TIMEOUT", "20", 1);
  std::vector<std::string> said(ranks.size());
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < ranks.size(); ++i)
      threads.emplace_back(
          [&, i] { said[i] = refusal(ranks[i].first, ranks[i].second, port); });
  }
  unsetenv("PFC_COMM_TIMEOUT");
  return said;
}

TEST(TcpCommunicator, AllHearOfARankOfAnotherSize) {
  EXPECT_THAT(refusals({{0, 4}, {1, 4}, {2, 3}, {3, 4}}),
              testing::Each(HasSubstr(
                  "rank 2 was started for 3 ranks and rank 0 for 4")));
}

TEST(TcpCommunicator, AllHearThatRankZeroIsOfAnotherSize) {
  EXPECT_THAT(
      refusals({{0, 2}, {1, 3}, {2, 3}}),
      testing::Each(HasSubstr("was started for 3 ranks and rank 0 for 2")));
}

TEST(TcpCommunicator, AllHearThatTwoRanksAreOfOneNumber) {
  EXPECT_THAT(refusals({{0, 3}, {1, 3}, {1, 3}}),
              testing::Each(HasSubstr("were started as rank 1: ")));
}

TEST(TcpCommunicator, ALateRankOfAnotherSizeIsSentAway) {
  ReservedPort port;
  setenv("PFC_COMM_TIMEOUT", "5", 1);
  std::unique_ptr<Communicator> one;
  std::thread other(
      [&] { one = makeTcpCommunicator({1, 2, "localhost", port}); });
  auto zero = makeTcpCommunicator({0, 2, "localhost", port});
  other.join();
  EXPECT_THAT(refusal(2, 3, port),
              HasSubstr("rank 2 was started for 3 ranks and rank 0 for 2"));
  // The job knows nothing of it.
  std::thread there([&] { one->barrier(); });
  zero->barrier();
  there.join();
  unsetenv("PFC_COMM_TIMEOUT");
}

/// What this process says on stderr while one lives.
class ErrorOutput {
public:
  ErrorOutput() : before(dup(STDERR_FILENO)) {
    if (pipe(ends) == 0)
      dup2(ends[1], STDERR_FILENO);
  }
  ~ErrorOutput() {
    dup2(before, STDERR_FILENO);
    for (int end : {before, ends[0], ends[1]})
      close(end);
  }
  ErrorOutput(const ErrorOutput &) = delete;
  ErrorOutput &operator=(const ErrorOutput &) = delete;

  /// All of it up to this word, for which it waits; not forever.
  std::string upTo(const std::string &word) {
    std::string said;
    pollfd readable{ends[0], POLLIN, 0};
    while (said.find(word) == std::string::npos &&
           poll(&readable, 1, 60000) > 0) {
      std::array<char, 256> part;
      ssize_t count = read(ends[0], part.data(), part.size());
      said.append(part.data(),
                  static_cast<size_t>(std::max<ssize_t>(count, 0)));
    }
    return said;
  }

private:
  int before, ends[2] = {-1, -1};
};

// A launcher may start a rank again before rank 0 has noticed that it is gone.
TEST(TcpCommunicator, ARankThatComesAgainWaitsForTheNextJob) {
  ReservedPort port;
  std::unique_ptr<Communicator> one;
  std::thread other(
      [&] { one = makeTcpCommunicator({1, 2, "localhost", port}); });
  auto zero = makeTcpCommunicator({0, 2, "localhost", port});
  other.join();
  std::thread again;
  {
    ErrorOutput output;
    again = std::thread(
        [&] { makeTcpCommunicator({1, 2, "localhost", port})->barrier(); });
    EXPECT_THAT(output.upTo("next job"), HasSubstr("has a rank 1 already"));
  }
  one.reset();
  zero.reset();
  makeTcpCommunicator({0, 2, "localhost", port})->barrier();
  again.join();
}

/// Another process that is a rank. Its status is 0 where rank 0 is in what it
/// says of why the ranks didn't meet.
pid_t startRank(int rank, int worldSize, int port, unsigned seconds) {
  pid_t child = fork();
  if (child != 0)
    return child;
  alarm(seconds); // that it lives at most
  std::string message = messageOf(
      [&] { makeTcpCommunicator({rank, worldSize, "localhost", port}); });
  _exit(message.find("rank 0") != std::string::npos ? 0 : 1);
}

int statusOf(pid_t child) {
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

TEST(TcpCommunicator, ARankThatEndedMayComeAgain) {
  ReservedPort port;
  pid_t leaves = startRank(1, 3, port, 1); // while it waits for the others
  std::thread first(
      [&] { makeTcpCommunicator({0, 3, "localhost", port})->barrier(); });
  EXPECT_EQ(statusOf(leaves), SIGALRM);
  std::thread second(
      [&] { makeTcpCommunicator({1, 3, "localhost", port})->barrier(); });
  makeTcpCommunicator({2, 3, "localhost", port})->barrier();
  first.join();
  second.join();
}

// Rank 1 comes, and waits longer than rank 0 does.
TEST(TcpCommunicator, SaysWhoIsMissing) {
  ReservedPort port;
  pid_t other = startRank(1, 4, port, 120);
  setenv("PFC_COMM_TIMEOUT", "10", 1);
  EXPECT_THAT(
      messageOf([&] { makeTcpCommunicator({0, 4, "localhost", port}); }),
      HasSubstr("for rank 2, 3: nothing came in time (PFC_COMM_TIMEOUT"));
  unsetenv("PFC_COMM_TIMEOUT");
  EXPECT_EQ(statusOf(other), 0);
}

// The system chooses a connection's own port, and that may be the one where
// nobody listens yet: of so many connections, one's.
TEST(TcpCommunicator, NobodyReachesThemselves) {
  ReservedPort reserved;
  int other = reserved ^ 1; // connections get the ports that bind() does not
  for (int i = 0; i < 40000; ++i)
    ASSERT_FALSE(
        Socket::tryConnect("127.0.0.1", other, std::chrono::seconds(1)))
        << "connection " << i;
}

TEST(TcpCommunicator, WhoComesDoesNotProlongTheWait) {
  setenv("PFC_COMM_TIMEOUT", "1", 1);
  ReservedPort port;
  std::atomic<bool> gaveUp = false, cameTooOften = false;
  std::thread strangers([&] {
    for (int i = 0; i < 600 && !gaveUp; ++i) {
      (void)Socket::tryConnect("localhost", port, std::chrono::seconds(1));
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    cameTooOften = !gaveUp;
  });
  EXPECT_THAT(
      messageOf([&] { makeTcpCommunicator({0, 2, "localhost", port}); }),
      HasSubstr("for rank 1: nothing came in time"));
  gaveUp = true;
  strangers.join();
  EXPECT_FALSE(cameTooOften);
  unsetenv("PFC_COMM_TIMEOUT");
}

void ignore(int) {}

TEST(TcpCommunicator, ASignalDoesNotEndTheWait) {
  struct sigaction handler{};
  handler.sa_handler = ignore; // without SA_RESTART
  sigaction(SIGUSR2, &handler, nullptr);
  Socket listening = Socket::listen(0, std::chrono::seconds(60));
  pthread_t waiting = pthread_self();
  std::thread other([&] {
    for (int i = 0; i < 20; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      pthread_kill(waiting, SIGUSR2);
    }
    Socket::connect("localhost", listening.port(), std::chrono::seconds(60));
  });
  listening.accept();
  other.join();
}

TEST(TcpCommunicator, WaitsNoLongerThanItMay) {
  setenv("PFC_COMM_TIMEOUT", "1", 1);
  ReservedPort port;
  EXPECT_THAT(
      messageOf([&] { makeTcpCommunicator({1, 2, "localhost", port}); }),
      HasSubstr(fmt::format("rank 0 at localhost:{}", int{port})));
  EXPECT_THAT(
      messageOf([&] { makeTcpCommunicator({0, 2, "localhost", port}); }),
      HasSubstr("PFC_COMM_TIMEOUT"));
  unsetenv("PFC_COMM_TIMEOUT");
}

TEST(TcpPlace, IsWhatTorchrunSays) {
  EXPECT_FALSE(tcpPlaceFromEnvironment());
  setenv("RANK", "2", 1);
  setenv("WORLD_SIZE", "4", 1);
  setenv("MASTER_ADDR", "node0", 1);
  // Four jobs of their own is not what is meant.
  EXPECT_THAT(messageOf([] { tcpPlaceFromEnvironment(); }),
              HasSubstr("the place is not set"));
  unsetenv("WORLD_SIZE");
  EXPECT_THAT(messageOf([] { tcpPlaceFromEnvironment(); }),
              HasSubstr("WORLD_SIZE is not set"));
  setenv("RANK", "0", 1);
  setenv("WORLD_SIZE", "1", 1);
  EXPECT_FALSE(tcpPlaceFromEnvironment()) << "alone";
  unsetenv("RANK");
  setenv("WORLD_SIZE", "4", 1);
  EXPECT_THAT(messageOf([] { tcpPlaceFromEnvironment(); }),
              HasSubstr("RANK is not set"));
  setenv("RANK", "2", 1);
  setenv("MASTER_PORT", "29500", 1);
  auto place = tcpPlaceFromEnvironment();
  ASSERT_TRUE(place);
  EXPECT_EQ(place->rank, 2);
  EXPECT_EQ(place->worldSize, 4);
  EXPECT_EQ(place->host, "node0");
  EXPECT_EQ(place->port, 29500);
  setenv("TORCHELASTIC_USE_AGENT_STORE", "True", 1);
  EXPECT_EQ(tcpPlaceFromEnvironment()->port, 29501);
  setenv("MASTER_PORT", "65535", 1);
  EXPECT_THAT(messageOf([] { tcpPlaceFromEnvironment(); }),
              HasSubstr("MASTER_PORT 65535"));
  unsetenv("TORCHELASTIC_USE_AGENT_STORE");
  EXPECT_EQ(tcpPlaceFromEnvironment()->port, 65535);
  setenv("RANK", "4294967296", 1);
  EXPECT_THAT(messageOf([] { tcpPlaceFromEnvironment(); }),
              HasSubstr("RANK is '4294967296'"));
  setenv("RANK", "4", 1);
  EXPECT_THAT(messageOf([] { tcpPlaceFromEnvironment(); }),
              HasSubstr("RANK 4 of WORLD_SIZE 4"));
  setenv("RANK", "two", 1);
  EXPECT_THAT(messageOf([] { tcpPlaceFromEnvironment(); }),
              HasSubstr("RANK is 'two'"));
  for (const char *name : {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT",
                           "TORCHELASTIC_USE_AGENT_STORE"})
    unsetenv(name);
}

} // namespace
} // namespace pfc::rt::test

// A rank that dies or hangs ends its job, on all ranks, with one line.
#include "RunningJob.h"
#include "TrainTest.h"

#include "runtime/comm/tcp/Socket.h"
#include "runtime/comm/watch/Verdict.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <csignal>
#include <sstream>

namespace pfc::rt::test {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;

/// Lines with an error; there must be one.
std::string errorLine(const std::string &output) {
  std::string line, found;
  int count = 0;
  for (std::istringstream lines(output); std::getline(lines, line);)
    if (line.find("error") != std::string::npos) {
      found = line;
      ++count;
    }
  EXPECT_EQ(count, 1) << output;
  return found;
}

class Failure : public Train {
protected:
  /// A job of three ranks without an end.
  Words command(const std::string &more = "") {
    TestPlan test = makeTrainPlan(3);
    test.plan.settings->steps = 1 << 30;
    test.plan.settings->verify_every = 0;
    Words words = {PFC_RUN,     writePlan(test),
                   "--data",    (root / "data").string(),
                   "--out",     (root / "out").string(),
                   "--threads", "1",
                   "--timeout", "3"};
    if (!more.empty())
      words.push_back(more);
    return words;
  }
  std::string out() const { return (root / "out").string(); }
  std::string log() const { return (root / "log").string(); }
};

/// What the line says of a rank that was killed or stopped.
auto namesVictim(int signal, int victim) {
  return AllOf(
      HasSubstr(fmt::format("pfc-run: error: rank {} {}", victim,
                            signal == SIGKILL ? "ended without a word in step "
                                              : "hangs in step ")),
      ContainsRegex("ranks? [0-2](, [0-2])? waited in all_reduce"));
}

class Signal : public Failure,
               public testing::WithParamInterface<std::tuple<int, int>> {};

TEST_P(Signal, EndsAnMpiJob) {
  auto [signal, victim] = GetParam();
  RunningJob job(log());
  pid_t starter = job.start(command());
  ASSERT_TRUE(job.trains(out(), 20)) << job.output();
  std::vector<pid_t> ranks = RunningJob::ranksOf(starter);
  ASSERT_EQ(ranks.size(), 3u);
  kill(ranks[victim], signal);
  EXPECT_GT(job.status(starter), 0) << job.output();
  EXPECT_THAT(errorLine(job.output()), namesVictim(signal, victim));
  for (pid_t rank : ranks)
    EXPECT_TRUE(soon([&] { return !alive(rank); })) << "an orphan";
}

TEST_P(Signal, EndsATcpJob) {
  auto [signal, victim] = GetParam();
  RunningJob job(log());
  int port = Socket::listen(0, std::chrono::seconds(1)).port();
  std::vector<pid_t> ranks;
  Words words = command();
  for (int rank = 0; rank < 3; ++rank)
    ranks.push_back(job.start(words, tcpPlace(rank, 3, port)));
  ASSERT_TRUE(job.trains(out(), 20)) << job.output();
  kill(ranks[victim], signal);
  for (int rank = 0; rank < 3; ++rank)
    EXPECT_EQ(job.status(ranks[rank]),
              rank == victim ? 128 + SIGKILL : statusWorthRestart)
        << job.output();
  EXPECT_THAT(errorLine(job.output()), namesVictim(signal, victim));
}

INSTANTIATE_TEST_SUITE_P(
    OfARank, Signal,
    testing::Combine(testing::Values(SIGKILL, SIGSTOP), testing::Values(0, 1)),
    [](const auto &info) {
      return fmt::format("{}{}",
                         std::get<0>(info.param) == SIGKILL ? "Kill" : "Stop",
                         std::get<1>(info.param));
    });

// mpirun gone, its ranks must not train on.
TEST_F(Failure, NoOrphansOfAKilledStarter) {
  RunningJob job(log());
  pid_t starter = job.start(command());
  ASSERT_TRUE(job.trains(out(), 3)) << job.output();
  std::vector<pid_t> ranks = RunningJob::ranksOf(starter);
  ASSERT_EQ(ranks.size(), 3u);
  kill(starter, SIGKILL);
  for (pid_t rank : ranks)
    EXPECT_TRUE(soon([&] { return !alive(rank); })) << "an orphan";
}

// What is wrong with every rank is said once.
TEST_F(Failure, OfAllRanksIsOneLine) {
  RunningJob job(log());
  Words words = command("--steps");
  words.push_back("10");
  words[5] = (root / "data" / "pairs.bin" / "x").string(); // --out in a file
  pid_t starter = job.start(words);
  EXPECT_EQ(job.status(starter), 1);
  EXPECT_THAT(errorLine(job.output()),
              AllOf(HasSubstr("rank 0: "), HasSubstr("pairs.bin/x")));
}

} // namespace
} // namespace pfc::rt::test

// A rank that dies or hangs ends its job, on all ranks, with one line.
#include "ReservedPort.h"
#include "RunningJob.h"
#include "TrainTest.h"

#include "runtime/comm/watch/Verdict.h"
#include "runtime/train/checkpoint/Checkpoint.h"
#include "runtime/train/checkpoint/CheckpointFolder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace pfc::rt::test {
namespace {

using testing::AllOf;
using testing::AnyOf;
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

/// Two machines and the cable between them: namespaces, which not every system
/// lets a test make.
class TwoMachines {
public:
  explicit TwoMachines(const std::string &log) : processes(log) {
    for (pid_t &machine : machines)
      machine = processes.start(
          {"/usr/bin/env", "unshare", "--net", "--uts", "sleep", "600"});
  }

  bool connect() {
    return isOfItsOwn(0) && isOfItsOwn(1) &&
           configure(0, fmt::format("ip link add pfc type veth peer name pfc "
                                    "netns {}",
                                    machines[1])) &&
           configure(1, "true");
  }
  bool cut() { return run(0, "ip link set pfc down"); }

  /// The command, there.
  Words on(int machine, const Words &command) const {
    Words words = {"/usr/bin/env", "nsenter", "--net=" + space(machine, "net"),
                   "--uts=" + space(machine, "uts")};
    words.insert(words.end(), command.begin(), command.end());
    return words;
  }

  static std::string address(int machine) {
    return fmt::format("10.77.0.{}", machine + 1);
  }

private:
  std::string space(int machine, const char *kind) const {
    return fmt::format("/proc/{}/ns/{}", machines[machine], kind);
  }
  bool isOfItsOwn(int machine) {
    auto separate = [&](const char *kind) {
      std::error_code error;
      auto name = std::filesystem::read_symlink(space(machine, kind), error);
      return !error && name != std::filesystem::read_symlink(
                                   std::string("/proc/self/ns/") + kind);
    };
    bool ended = false;
    return soon([&] {
             ended = processes.hasEnded(machines[machine]);
             return ended || (separate("net") && separate("uts"));
           }) &&
           !ended;
  }
  bool run(int machine, const std::string &script) {
    return processes.status(processes.start(on(
               machine, {"sh", "-c", "PATH=$PATH:/usr/sbin; " + script}))) == 0;
  }
  bool configure(int machine, const std::string &makeLink) {
    return run(machine,
               fmt::format("{} && echo pfc-{} > /proc/sys/kernel/hostname && "
                           "ip addr add {}/24 dev pfc && "
                           "ip link set lo up && ip link set pfc up",
                           makeLink, machine, address(machine)));
  }

  RunningJob processes;
  std::array<pid_t, 2> machines{};
};

class Failure : public Train {
protected:
  /// A job of three ranks without an end.
  Words command(const std::string &more = "") {
    TestPlan test = makeTrainPlan(3);
    test.plan.settings->steps = 1 << 30;
    test.plan.settings->verify_every = 0;
    return command(test, more);
  }
  Words command(const TestPlan &test, const std::string &more = "") {
    Words words = {PFC_RUN,     writePlan(test),
                   "--data",    (root / "data").string(),
                   "--out",     (root / "out").string(),
                   "--threads", "1",
                   "--timeout", std::to_string(timeout)};
    if (!more.empty())
      words.push_back(more);
    return words;
  }
  std::string out() const { return (root / "out").string(); }
  std::string log() const { return (root / "log").string(); }

  /// Of the job, in seconds; of one that hangs, what the test has to wait for.
  /// Not so short that a rank that gets no processor seems to hang.
  int timeout = 60;
  static constexpr int timeoutOfAHang = 10;
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
  if (signal == SIGSTOP)
    timeout = timeoutOfAHang;
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
  if (signal == SIGSTOP)
    timeout = timeoutOfAHang;
  RunningJob job(log());
  ReservedPort port;
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

TEST_F(Failure, NoOrphansOfAKilledMpirun) {
  RunningJob job(log());
  pid_t starter = job.start(command());
  ASSERT_TRUE(job.trains(out(), 3)) << job.output();
  std::vector<pid_t> ranks = RunningJob::ranksOf(starter);
  ASSERT_EQ(ranks.size(), 3u);
  kill(RunningJob::childrenOf(starter).at(0), SIGKILL);
  EXPECT_EQ(job.status(starter), 128 + SIGKILL) << job.output();
  // Or a rank says so, which sees another one end before it does.
  EXPECT_THAT(job.output(),
              AnyOf(HasSubstr("pfc-run: error: mpirun, or a rank before it "
                              "trained, was ended by signal 9 (Killed)"),
                    ContainsRegex("pfc-run: error: .* ended without a word")));
  for (pid_t rank : ranks)
    EXPECT_TRUE(soon([&] { return !alive(rank); })) << "an orphan";
}

// Nobody else ends those that are stopped.
TEST_F(Failure, AllThatHangAreKilled) {
  timeout = timeoutOfAHang;
  RunningJob job(log());
  ReservedPort port;
  std::vector<pid_t> ranks;
  const Words words = command(); // which writes the plan
  for (int rank = 0; rank < 3; ++rank)
    ranks.push_back(job.start(words, tcpPlace(rank, 3, port)));
  ASSERT_TRUE(job.trains(out(), 20)) << job.output();
  for (int rank : {1, 2})
    kill(ranks[rank], SIGSTOP);
  EXPECT_EQ(job.status(ranks[0]), statusWorthRestart) << job.output();
  for (int rank : {1, 2})
    EXPECT_TRUE(soon([&] { return job.hasEnded(ranks[rank]); })) << rank;
  EXPECT_THAT(job.output(), HasSubstr("ranks 1, 2 hang in step "));
}

// A rank that is cut off can't be told; it says so itself.
TEST_F(Failure, ALostNetworkEndsTheJob) {
  timeout = timeoutOfAHang;
  TwoMachines machines(log());
  if (!machines.connect())
    GTEST_SKIP() << "this system lets a test make no network namespaces";
  RunningJob job(log());
  std::vector<pid_t> ranks;
  Words words = command(), place;
  for (int rank = 0; rank < 3; ++rank) {
    place = tcpPlace(rank, 3, 29000);
    place[2] = fmt::format("MASTER_ADDR={}", TwoMachines::address(0));
    ranks.push_back(job.start(machines.on(rank == 2, words), place));
  }
  ASSERT_TRUE(job.trains(out(), 20)) << job.output();
  ASSERT_TRUE(machines.cut()) << job.output();
  for (pid_t rank : ranks)
    EXPECT_EQ(job.status(rank), statusWorthRestart) << job.output();
  EXPECT_THAT(job.output(),
              AllOf(HasSubstr("pfc-run: error: rank 2 hangs in step "),
                    ContainsRegex("waited in all_reduce"),
                    HasSubstr("pfc-run: error: rank 2: rank 0 ended, hangs, or "
                              "lost its network")));
}

// Nobody waits for a rank that is alone, but it is watched too.
TEST_F(Failure, AHangAloneEndsTheRun) {
  timeout = timeoutOfAHang;
  TestPlan test = makeTrainPlan(1);
  test.variant().kernel_ir += R"(
declare i32 @pause()

define void @hang(ptr %args, i64 %begin, i64 %end) {
  br label %again
again:
  %woken = call i32 @pause()
  br label %again
}
)";
  auto &programs = test.variant().programs;
  std::swap(programs[0], programs[1]); // train_step first
  test.launch(test.kernel("hang", 1), {test.program().inputs[0]->buffer}, 1);
  std::swap(programs[0], programs[1]);
  RunningJob job(log());
  EXPECT_EQ(job.status(job.start(command(test))), statusWorthRestart);
  EXPECT_THAT(
      errorLine(job.output()),
      AllOf(HasSubstr("pfc-run: error: the run has not got on for "),
            HasSubstr("in step 1, at: layer1.0.conv1, instruction "),
            HasSubstr(
                "without --checkpoint-every it has written no checkpoint")));
}

TEST_F(Failure, AnotherPlanOnOneRank) {
  Words words = command(), other = words;
  TestPlan test = makeTrainPlan(3);
  other[1] = (root / "y.plan").string();
  std::filesystem::rename(words[1], other[1]);
  words[1] = writePlan(test);
  RunningJob job(log());
  ReservedPort port;
  std::vector<pid_t> ranks;
  for (int rank = 0; rank < 3; ++rank)
    ranks.push_back(
        job.start(rank == 2 ? other : words, tcpPlace(rank, 3, port)));
  for (pid_t rank : ranks)
    EXPECT_EQ(job.status(rank), 1) << job.output();
  EXPECT_THAT(errorLine(job.output()),
              AllOf(HasSubstr("rank 2: another plan, of SHA-256 "),
                    HasSubstr("give all machines the same file")));
}

class AskedToEnd : public Failure, public testing::WithParamInterface<int> {};

TEST_P(AskedToEnd, LeavesACheckpoint) {
  RunningJob job(log());
  pid_t starter = job.start(command());
  ASSERT_TRUE(job.trains(out(), 3)) << job.output();
  std::vector<pid_t> ranks = RunningJob::ranksOf(starter);
  kill(starter, GetParam());
  EXPECT_EQ(job.status(starter), 0) << job.output();
  EXPECT_THAT(job.output(), HasSubstr("stopped by a signal after step "));
  auto found = CheckpointFolder(out()).list();
  ASSERT_EQ(found.size(), 1u);
  Checkpoint(found[0].path).verify();
  EXPECT_EQ(Checkpoint(found[0].path).manifest().shards.size(), 3u);
  for (pid_t rank : ranks)
    EXPECT_FALSE(alive(rank)) << "an orphan";
}

INSTANTIATE_TEST_SUITE_P(By, AskedToEnd,
                         testing::Values(SIGTERM, SIGINT, SIGUSR1),
                         [](const auto &info) {
                           return fmt::format("Signal{}", info.param);
                         });

// mpirun passes on what comes when it has ranks; here it begins after that.
TEST_F(Failure, ASignalBeforeThereAreRanksIsNotLost) {
  const std::filesystem::path slow = root / "mpirun", begun = root / "begun";
  std::ofstream(slow) << "#!/bin/sh\ntrap 'told=1' USR1\n: > " << begun.string()
                      << "\nwhile [ -z \"$told\" ]; do sleep 0.05; done\n"
                         "trap '' USR1\nPATH=${PATH#*:}\n"
                         "exec mpirun \"$@\"\n";
  std::filesystem::permissions(slow, std::filesystem::perms::owner_all);
  RunningJob job(log());
  pid_t starter = job.start(
      command(), {fmt::format("PATH={}:{}", root.string(), getenv("PATH"))});
  ASSERT_TRUE(soon([&] { return std::filesystem::exists(begun); }));
  kill(starter, SIGTERM);
  EXPECT_EQ(job.status(starter), 0) << job.output();
  EXPECT_THAT(job.output(), HasSubstr("stopped by a signal after step 1 of "));
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

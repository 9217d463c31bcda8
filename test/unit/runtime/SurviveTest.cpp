// Jobs that lose ranks at random and start again come to the same end as one
// that isn't disturbed, bit for bit, and lose no checkpoint.
//
// $PFC_KILLS (default 6) and $PFC_SEED choose another run: bench/survive.sh.
#include "RunningJob.h"
#include "TrainTest.h"

#include "runtime/comm/watch/Verdict.h"
#include "runtime/train/checkpoint/Checkpoint.h"
#include "runtime/train/checkpoint/CheckpointFolder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <csignal>
#include <fstream>
#include <random>
#include <sstream>

namespace pfc::rt::test {
namespace {

using namespace plan::fb;
using testing::AllOf;
using testing::HasSubstr;
namespace fs = std::filesystem;

// m = 0.9 m + lr w; w = w - m, element by element: state on every rank. Slow
// steps, so that kills hit every place in them and few are needed.
constexpr const char *drift = R"(
declare i32 @usleep(i32)

define void @drift(ptr %args, i64 %begin, i64 %end) {
entry:
  %w = load ptr, ptr %args
  %m.at = getelementptr ptr, ptr %args, i64 1
  %m = load ptr, ptr %m.at
  %lr.at = getelementptr ptr, ptr %args, i64 2
  %lr.buffer = load ptr, ptr %lr.at
  %lr = load float, ptr %lr.buffer
  %slept = call i32 @usleep(i32 4000)
  br label %elements
elements:
  %i = phi i64 [ %begin, %entry ], [ %i.next, %elements ]
  %w.i = getelementptr float, ptr %w, i64 %i
  %m.i = getelementptr float, ptr %m, i64 %i
  %w.old = load float, ptr %w.i
  %m.old = load float, ptr %m.i
  %kept = fmul float %m.old, 0x3FECCCCCC0000000
  %step = fmul float %lr, %w.old
  %m.new = fadd float %kept, %step
  %w.new = fsub float %w.old, %m.new
  store float %m.new, ptr %m.i
  store float %w.new, ptr %w.i
  %i.next = add i64 %i, 1
  %more = icmp slt i64 %i.next, %end
  br i1 %more, label %elements, label %done
done:
  ret void
}
)";

/// Three ranks whose class centers and their momentum change in every step.
TestPlan makeDriftPlan(int64_t steps) {
  constexpr int64_t ranks = 3, centers = 40;
  TestPlan test = makeTrainPlan(ranks, centers);
  SettingsT &settings = *test.plan.settings;
  settings.steps = steps;
  settings.log_every = 1000;
  settings.verify_every = 0;
  settings.learning_rate = 1e-3;
  test.variant().kernel_ir += drift;
  auto &programs = test.variant().programs;
  std::swap(programs[0], programs[1]); // train_step first
  std::vector<uint32_t> arguments;
  for (const auto &variable : test.variant().variables)
    if (variable->shard) {
      arguments.push_back(test.buffer(DType_F32, variable->shape));
      test.program().buffers.back()->offset = variable->offset;
    }
  for (const auto &input : test.program().inputs)
    if (input->name == "lr")
      arguments.push_back(input->buffer);
  int64_t elements = (centers + ranks - 1) / ranks * embeddingSize;
  test.launch(test.kernel("drift", 3), arguments, elements);
  std::swap(programs[0], programs[1]);
  return test;
}

int64_t numberFrom(const char *variable, int64_t otherwise) {
  const char *text = std::getenv(variable);
  return text ? std::atoll(text) : otherwise;
}

class Survive : public Train {
protected:
  Words command(const std::string &out, const Words &more = {}) const {
    Words words = {PFC_RUN,
                   (root / "x.plan").string(),
                   "--data",
                   (root / "data").string(),
                   "--out",
                   (root / out).string(),
                   "--threads",
                   "1",
                   "--checkpoint-every",
                   "10"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  std::string log() const { return (root / "log").string(); }

  std::string bytes(const fs::path &file) const {
    std::ifstream stream(root / file, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    EXPECT_FALSE(text.str().empty()) << file;
    return std::move(text).str();
  }

  /// Losses and rates, in the order of the file.
  std::vector<std::string> history(const std::string &out) const {
    std::vector<std::string> lines;
    for (nlohmann::json &line : metrics("step", out)) {
      line.erase("seconds");
      line.erase("images_per_second");
      lines.push_back(line.dump());
    }
    return lines;
  }

  int64_t lastCheckpoint(const std::string &out) const {
    auto entries = CheckpointFolder((root / out).string()).list();
    return entries.empty() ? -1 : entries.back().step;
  }

  /// Not what a kill before `since` left.
  bool beingWritten(const std::string &out, fs::file_time_type since) const {
    std::error_code error;
    for (const auto &entry :
         fs::directory_iterator(root / out / "checkpoints", error))
      if (entry.path().extension() == ".partial" &&
          fs::last_write_time(entry.path(), error) > since && !error)
        return true;
    return false;
  }

  int64_t disturb(const std::string &out, int64_t kills, std::mt19937 &random);

  int64_t writing = 0; ///< kills while a checkpoint was being written

  void expectSame(const std::string &a, const std::string &b) const {
    EXPECT_EQ(history(a), history(b));
    Words files = {"backbone.safetensors"};
    for (int rank = 0; rank < 3; ++rank)
      files.push_back(
          fmt::format("class_centers-{:05}-of-00003.safetensors", rank));
    std::string last = fmt::format("checkpoints/step-{:09}", lastCheckpoint(a));
    for (const std::string &file : files) {
      EXPECT_EQ(bytes(fs::path(a) / file), bytes(fs::path(b) / file)) << file;
      EXPECT_EQ(bytes(fs::path(a) / last / file),
                bytes(fs::path(b) / last / file))
          << "checkpoint's " << file;
    }
  }
};

/// Kills random ranks of one job, at most `kills`, until it ends; how many.
int64_t Survive::disturb(const std::string &out, int64_t kills,
                         std::mt19937 &random) {
  RunningJob job(log());
  pid_t starter = job.start(
      command(out, {"--max-restarts", std::to_string(kills + 1), "--resume"}));
  int64_t done = 0, newest = -1;
  std::vector<pid_t> ranks, victims;
  auto started = [&] {
    ranks = RunningJob::ranksOf(starter);
    return job.hasEnded(starter) || (ranks.size() == 3 && ranks != victims);
  };
  while (done < kills && soon(started) && !job.hasEnded(starter)) {
    victims = ranks;
    auto since = fs::file_time_type::clock::now();
    // Half of them while a checkpoint is being written.
    bool wanted = random() % 2 == 0;
    auto until =
        std::chrono::steady_clock::now() +
        std::chrono::milliseconds(random() % 1200 + (wanted ? 3000 : 0));
    while (std::chrono::steady_clock::now() < until &&
           !(wanted && beingWritten(out, since)))
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    int64_t before = lastCheckpoint(out);
    EXPECT_GE(before, newest) << "a checkpoint was lost";
    newest = before;
    bool writes = beingWritten(out, since);
    if (kill(ranks[random() % 3], SIGKILL) == 0) {
      ++done;
      writing += writes;
    }
  }
  EXPECT_EQ(job.status(starter, 300), 0) << job.output();
  EXPECT_GE(lastCheckpoint(out), newest);
  return done;
}

TEST_F(Survive, RandomKills) {
  int64_t kills = numberFrom("PFC_KILLS", 6), done = 0, jobs = 0;
  std::mt19937 random(static_cast<unsigned>(numberFrom("PFC_SEED", 1)));
  writePlan(makeDriftPlan(600));
  RunningJob whole(log());
  ASSERT_EQ(whole.status(whole.start(command("whole")), 300), 0);
  while (done < kills && !HasFailure()) {
    std::string out = fmt::format("killed-{}", ++jobs);
    done += disturb(out, kills - done, random);
    for (const auto &entry : CheckpointFolder((root / out).string()).list())
      Checkpoint(entry.path).verify();
    expectSame("whole", out);
    fs::remove_all(root / out);
  }
  fmt::print("{} kills in {} jobs, {} of them during the writing of a "
             "checkpoint\n",
             done, jobs, writing);
}

// A job without an end, so that none comes before the kill.
TEST_F(Survive, OneRankRestartsToo) {
  TestPlan test = makeTrainPlan(1);
  test.plan.settings->steps = 1 << 30;
  test.plan.settings->verify_every = 0;
  writePlan(test);
  RunningJob job(log());
  pid_t starter = job.start(command("out", {"--max-restarts", "1"}));
  ASSERT_TRUE(job.trains((root / "out").string(), 30)) << job.output();
  ASSERT_TRUE(soon([&] { return lastCheckpoint("out") > 0; }));
  kill(RunningJob::childrenOf(starter).at(0), SIGKILL);
  auto trainsOn = [&] {
    std::string lines = bytes("out/metrics.jsonl");
    size_t resumed = lines.find(R"("kind":"resume")");
    return resumed != std::string::npos &&
           lines.find(R"("kind":"step")", resumed) != std::string::npos;
  };
  ASSERT_TRUE(soon([&] { return trainsOn() || job.hasEnded(starter); }));
  kill(starter, SIGTERM);
  EXPECT_EQ(job.status(starter), 0) << job.output();
  EXPECT_THAT(job.output(),
              AllOf(HasSubstr("error: the run was ended by signal 9 (Killed)"),
                    HasSubstr("pfc-run: restart 1 of 1, from "),
                    HasSubstr("stopped by a signal after step ")));
  int64_t step = 0;
  for (const nlohmann::json &line : metrics("step"))
    ASSERT_EQ(line["step"], ++step);
  EXPECT_EQ(step, lastCheckpoint("out"));
}

// A rank that is killed before it saw that the folder is another run's.
TEST_F(Survive, ARestartTakesNoOtherRunsCheckpoints) {
  TestPlan test = makeTrainPlan(1);
  test.plan.settings->verify_every = 0;
  writePlan(test);
  RunningJob job(log());
  pid_t first = job.start(command("out"));
  ASSERT_EQ(job.status(first), 0) << job.output();
  ASSERT_GT(lastCheckpoint("out"), 0);
  test.plan.settings->seed = 99;
  test.plan.settings->steps = 12;
  writePlan(test);
  auto restarted = [&] {
    return job.output().find("restart 1 of 1") != std::string::npos;
  };
  // One that saw it changes nothing: another is started.
  for (int tries = 0; tries < 100 && !restarted(); ++tries) {
    pid_t starter = job.start(command("out", {"--max-restarts", "1"}));
    std::vector<pid_t> ranks;
    ASSERT_TRUE(soon([&] {
      ranks = RunningJob::childrenOf(starter);
      return !ranks.empty() || job.hasEnded(starter);
    }));
    if (!ranks.empty())
      kill(ranks[0], SIGKILL);
    EXPECT_EQ(job.status(starter), 1) << job.output();
  }
  EXPECT_TRUE(restarted()) << job.output();
  EXPECT_THAT(job.output(), HasSubstr("an earlier run left checkpoints here"));
}

TEST_F(Survive, SilenceOfMpirunIsToldOf) {
  writePlan(makeTrainPlan(3));
  RunningJob job(log());
  pid_t starter =
      job.start(command("out"), {"OMPI_MCA_orte_default_hostfile=/none/there"});
  EXPECT_NE(job.status(starter), 0);
  EXPECT_THAT(job.output(), HasSubstr("pfc-run: error: mpirun"));
}

// What another start would meet again is no reason for one.
TEST_F(Survive, NoRestartOfWhatLasts) {
  TestPlan test = makeTrainPlan(3);
  test.plan.settings->learning_rate = 1e30;
  writePlan(test);
  RunningJob job(log());
  pid_t starter = job.start(command("out", {"--max-restarts", "3"}));
  EXPECT_EQ(job.status(starter), 1) << job.output();
  EXPECT_THAT(job.output(),
              AllOf(HasSubstr("the loss is inf at step 2 of 6"),
                    HasSubstr("first not finite, in step 2: 'loss' (f32 [1]), "
                              "written by instruction 0 of train_step "
                              "(layer1.0.conv1), on every rank"),
                    testing::Not(HasSubstr("restart 1"))));
}

TEST_F(Survive, OtherLaunchersHaveToRestart) {
  writePlan(makeTrainPlan(1));
  RunningJob job(log());
  pid_t alone =
      job.start(command("out", {"--max-restarts", "3"}), tcpPlace(0, 1, 29999));
  EXPECT_EQ(job.status(alone), 0) << job.output();
  EXPECT_THAT(job.output(), HasSubstr("note: --max-restarts has no effect"));
}

} // namespace
} // namespace pfc::rt::test

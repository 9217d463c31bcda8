// Checkpoints of a run, and runs that go on from them.
#include "TrainTest.h"
#include "runtime/base/Error.h"
#include "runtime/train/FolderLock.h"
#include "runtime/train/checkpoint/Checkpoint.h"
#include "runtime/train/checkpoint/CheckpointFolder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>
#include <csignal>
#include <fstream>
#include <functional>
#include <sstream>

namespace pfc::rt::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

class Resume : public Train {
protected:
  std::vector<CheckpointFolder::Entry> checkpoints(const std::string &out) {
    return CheckpointFolder((root / out).string()).list();
  }

  TrainOptions every(int64_t steps, const TestPlan &test,
                     const std::string &out = "out") {
    TrainOptions options = optionsFor(test, out);
    options.checkpoint = {steps, 100};
    return options;
  }

  std::string bytes(const fs::path &file) {
    std::ifstream stream(root / file, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    EXPECT_TRUE(stream.good() && !text.str().empty()) << file;
    return text.str();
  }

  /// Steps, losses, rates and accuracies: all but the times.
  std::vector<std::string> history(const std::string &out) {
    std::vector<std::string> lines;
    for (const char *kind : {"step", "verification"})
      for (nlohmann::json &line : metrics(kind, out)) {
        line.erase("seconds");
        line.erase("images_per_second");
        lines.push_back(line.dump());
      }
    return lines;
  }

  void expectSameResults(const std::string &a, const std::string &b) {
    EXPECT_EQ(history(a), history(b));
    for (const char *file :
         {"backbone.safetensors", "class_centers-00000-of-00001.safetensors"})
      EXPECT_EQ(bytes(fs::path(a) / file), bytes(fs::path(b) / file)) << file;
  }
};

TEST_F(Resume, FromAnyCheckpointToTheSameEnd) {
  TestPlan test = makeTrainPlan(1);
  train(test);
  train(every(2, test, "all"));
  expectSameResults("out", "all"); // checkpoints change nothing
  auto found = checkpoints("all");
  ASSERT_GE(found.size(), 2u); // how many depends on the disk
  EXPECT_EQ(found.back().step, 6);
  for (const auto &entry : found) {
    Checkpoint(entry.path).verify();
    std::string out = fmt::format("from-{}", entry.step);
    TrainOptions options = optionsFor(test, out);
    options.resume = entry.path;
    train(options);
    expectSameResults("out", out);
    EXPECT_EQ(metrics("resume", out).at(0)["step"], entry.step);
  }
}

// What a crash left in metrics.jsonl after the checkpoint comes again, once.
TEST_F(Resume, MetricsGoOn) {
  TestPlan test = makeTrainPlan(1);
  train(every(2, test));
  std::vector<std::string> undisturbed = history("out");
  auto found = checkpoints("out");
  for (const auto &later : found)
    if (later.step != found.front().step)
      fs::remove_all(later.path);
  std::ofstream(root / "out" / "metrics.jsonl", std::ios::app)
      << R"({"kind":"step","step":99,"loss":1})" << "\n{\"kind\":";
  TrainOptions options = every(2, test);
  options.resume = "";
  train(options);
  EXPECT_EQ(history("out"), undisturbed);
  EXPECT_EQ(metrics("run").size(), 1u);
}

TEST_F(Resume, FinishedRunsAreLeftAsTheyAre) {
  TestPlan test = makeTrainPlan(1);
  train(every(3, test));
  std::vector<std::string> before = history("out");
  TrainOptions options = every(3, test);
  options.resume = "";
  train(options);
  EXPECT_EQ(history("out"), before);
}

TEST_F(Resume, FromScratchWhenThereIsNone) {
  TestPlan test = makeTrainPlan(1);
  TrainOptions options = optionsFor(test);
  options.resume = "";
  testing::internal::CaptureStdout();
  train(options);
  EXPECT_THAT(testing::internal::GetCapturedStdout(),
              HasSubstr("out has no checkpoint: starting from scratch"));
  EXPECT_EQ(metrics("step").size(), 6u);
  options.resume = (root / "nowhere").string();
  EXPECT_THAT(failure(options), HasSubstr("nowhere: holds no checkpoint"));
}

TEST_F(Resume, NeverMixesTwoRuns) {
  TestPlan test = makeTrainPlan(1);
  train(every(2, test));
  EXPECT_THAT(failure(every(2, test)),
              HasSubstr("an earlier run left checkpoints here, the last of "
                        "step 6: go on from it with --resume"));
  TrainOptions options = every(2, test);
  options.resume = checkpoints("out").front().path;
  EXPECT_THAT(failure(options),
              AllOf(HasSubstr("step-000000006: a later checkpoint"),
                    HasSubstr("remove it, or choose another --out")));
  // Nor goes on from another's where it has its own.
  train(every(3, test, "third"));
  options = every(2, test, "third");
  options.resume = (root / "out").string();
  EXPECT_THAT(failure(options),
              HasSubstr("third: an earlier run left checkpoints here"));
  options = every(2, test, "other");
  options.resume = (root / "out").string();
  options.steps = 4;
  EXPECT_THAT(failure(options),
              HasSubstr("step-000000006 is of step 6, but this run has 4 "
                        "steps"));
}

// A lock is an open file's, so that one of this process stands for another's.
TEST_F(Resume, OneRunAtATimeInAFolder) {
  TestPlan test = makeTrainPlan(1);
  const std::string out = (root / "out").string();
  FolderLock nowhere(out);
  nowhere.take();
  EXPECT_FALSE(fs::exists(out));
  train(every(6, test));
  EXPECT_FALSE(fs::exists(out + "/.running"));
  {
    FolderLock other(out);
    other.take();
    TrainOptions options = every(6, test);
    options.resume = "";
    EXPECT_THAT(failure(options),
                HasSubstr("out: another pfc-run is at work in this folder: "
                          "wait for its end, or choose another --out"));
  }
  test.plan.settings->steps = 8;
  TrainOptions options = every(6, test);
  options.resume = "";
  train(options);
  EXPECT_EQ(checkpoints("out").back().step, 8);
}

TEST_F(Resume, SaysWhatDiffers) {
  TestPlan test = makeTrainPlan(1);
  train(every(2, test));
  test.plan.settings->seed = 4;
  test.plan.settings->steps = 8;
  TrainOptions options = every(2, test, "other");
  options.resume = (root / "out").string();
  testing::internal::CaptureStdout();
  train(options);
  EXPECT_THAT(testing::internal::GetCapturedStdout(),
              AllOf(HasSubstr("note: the seed was 3, now 4"),
                    HasSubstr("note: the number of steps was 6, now 8")));
}

class ResumeAnotherSpec : public Resume {
protected:
  /// What a run says that goes on, from the spec "before", with `spec`.
  std::string resumedWith(const std::string &before, const std::string &spec) {
    TestPlan test = makeTrainPlan(1);
    test.plan.spec_text = before;
    train(every(2, test));
    prepare();
    test.plan.spec_text = spec;
    test.plan.spec_hash = std::string(64, '1');
    TrainOptions options = every(2, test, "other");
    options.resume = (root / "out").string();
    testing::internal::CaptureStdout();
    train(options);
    return testing::internal::GetCapturedStdout();
  }

  /// What happens to the checkpoint before.
  std::function<void()> prepare = [] {};
};

TEST_F(ResumeAnotherSpec, SaysItsKeys) {
  std::string text = resumedWith(
      "[train]\nseed = 3\nsteps = 6\n\n[train.optimizer]\nlr = 0.1\n",
      "[train]\nepochs = 2\nseed = 4\n\n[train.optimizer]\nlr = 0.02\n");
  EXPECT_THAT(text, HasSubstr("\nnote: the spec: train.epochs none -> 2\n"
                              "note: the spec: train.optimizer.lr 0.1 -> 0.02\n"
                              "note: the spec: train.steps 6 -> none\n"));
  // The plan's own seed is another matter, and has a note of its own.
  EXPECT_THAT(text, testing::Not(HasSubstr("train.seed")));
}

TEST_F(ResumeAnotherSpec, OfManyKeysSaysSome) {
  std::string before = "[a]\n", now = "[a]\n";
  for (int key = 10; key < 30; ++key) {
    before += fmt::format("k{} = 1\n", key);
    now += fmt::format("k{} = [{}]\n", key, std::string(1000, 'x'));
  }
  std::string text = resumedWith(before, now);
  EXPECT_THAT(text, AllOf(HasSubstr("a.k16 1 -> [" + std::string(59, 'x') +
                                    "…\nnote: the spec: 13 more keys differ"),
                          testing::Not(HasSubstr("a.k17"))));
}

// It is read for this note alone.
TEST_F(ResumeAnotherSpec, ThatCannotBeReadEndsNoRun) {
  prepare = [&] {
    fs::resize_file(fs::path(checkpoints("out").back().path) / "train.plan", 9);
  };
  EXPECT_THAT(resumedWith("[a]", "[b]"),
              HasSubstr("note: the plan was compiled from another spec, and "
                        "the checkpoint's can't be read"));
}

TEST_F(Resume, NotWithAnotherOptimizer) {
  TestPlan test = makeTrainPlan(1);
  train(every(2, test));
  test.variable("conv1.weight.exp_avg_sq", {1, 3, 2}).role =
      plan::fb::Role_OptimizerState;
  TrainOptions options = every(2, test, "other");
  options.resume = (root / "out").string();
  EXPECT_THAT(
      failure(options),
      AllOf(HasSubstr("has no 'conv1.weight.exp_avg_sq', which the plan's "
                      "optimizer goes on from"),
            HasSubstr("another train.optimizer.type's"), HasSubstr("--init=")));
}

TEST_F(Resume, NotWithAnotherTypeOfClassCenters) {
  TestPlan test = makeTrainPlan(1);
  train(every(2, test));
  for (auto &variable : test.variant().variables)
    if (variable->shard)
      variable->dtype = plan::fb::DType_BF16;
  TrainOptions options = every(2, test, "other");
  options.resume = (root / "out").string();
  EXPECT_THAT(failure(options),
              AllOf(HasSubstr("] F32, the plan's is ["),
                    HasSubstr("] BF16: compile the spec with the "
                              "model.embedding_size, head.weight_dtype and "
                              "head.momentum_dtype that it was written "
                              "with")));
}

TEST_F(Resume, KeepsTheLastOnes) {
  TestPlan test = makeTrainPlan(1);
  TrainOptions options = every(1, test);
  options.checkpoint.keep = 1;
  train(options);
  ASSERT_EQ(checkpoints("out").size(), 1u);
  EXPECT_EQ(checkpoints("out")[0].step, 6);
}

TEST_F(Resume, SignalsLeaveACheckpoint) {
  TestPlan test = makeTrainPlan(1);
  train(every(2, test, "undisturbed"));
  PlanFile file = PlanFile::open(writePlan(test));
  for (int signal : {SIGTERM, SIGINT, SIGUSR1}) {
    std::string out = fmt::format("signal-{}", signal);
    auto communicator = makeSelfCommunicator();
    TrainOptions options = optionsFor(test, out);
    {
      Job job(file, *communicator, {.threads = 1});
      TrainLoop loop(job, options);
      std::raise(signal);
      loop.run();
    }
    ASSERT_EQ(checkpoints(out).size(), 1u);
    EXPECT_EQ(checkpoints(out)[0].step, 1);
    EXPECT_FALSE(fs::exists(root / out / "backbone.safetensors"));
    options.resume = "";
    train(options);
    expectSameResults("undisturbed", out);
  }
}

// Training goes on when a checkpoint can't be written.
TEST_F(Resume, AFullDiskIsAWarning) {
  PlanFile file = PlanFile::open(writePlan(makeTrainPlan(1)));
  auto communicator = makeSelfCommunicator();
  Job job(file, *communicator, {.threads = 1});
  TrainLoop loop(job, every(6, makeTrainPlan(1)));
  fs::path partial = root / "out/checkpoints/step-000000006.partial";
  fs::create_directories(partial.parent_path());
  std::ofstream(partial) << "in the way";
  testing::internal::CaptureStdout();
  loop.run();
  EXPECT_THAT(testing::internal::GetCapturedStdout(),
              HasSubstr("warning: no checkpoint was written of step 6: rank "
                        "0: " +
                        partial.string() + ": cannot be made"));
  EXPECT_EQ(metrics("step").size(), 6u);
}

// A state with a NaN must not push out the last good one.
TEST_F(Resume, NoCheckpointOfNaN) {
  TestPlan test = makeTrainPlan(1);
  PlanFile file = PlanFile::open(writePlan(test));
  auto communicator = makeSelfCommunicator();
  Job job(file, *communicator, {.threads = 1});
  TrainLoop loop(job, every(2, test));
  std::vector<float> momentum(7 * embeddingSize, 0.0f);
  momentum[9] = NAN;
  job.executor.writeVariable("head.weight.momentum", momentum.data(),
                             momentum.size() * sizeof(float));
  testing::internal::CaptureStdout();
  EXPECT_THROW(loop.run(), Error); // it writes no such results either
  EXPECT_THAT(testing::internal::GetCapturedStdout(),
              HasSubstr("'head.weight.momentum' is not finite after step 2"));
  EXPECT_FALSE(fs::exists(root / "out" / "backbone.safetensors"));
  EXPECT_TRUE(checkpoints("out").empty());
}

// The steps are repeated from the start, and no NaN comes.
TEST_F(Resume, AFaultAfterTheLastStepIsSkipped) {
  TestPlan test = makeTrainPlan(1);
  PlanFile file = PlanFile::open(writePlan(test));
  auto communicator = makeSelfCommunicator();
  Job job(file, *communicator, {.threads = 1});
  TrainOptions options = optionsFor(test);
  options.skipNotFinite = true;
  TrainLoop loop(job, options);
  std::vector<float> momentum(7 * embeddingSize, NAN);
  job.executor.writeVariable("head.weight.momentum", momentum.data(),
                             momentum.size() * sizeof(float));
  testing::internal::CaptureStdout();
  loop.run();
  EXPECT_THAT(testing::internal::GetCapturedStdout(),
              HasSubstr("'head.weight.momentum' is not finite after step 6: "
                        "repeating the steps from 1 on"));
  Snapshot state(job.variant, StateScope::All, 0);
  state.take(job.executor, 6);
  EXPECT_EQ(state.firstNotFinite(), "");
  EXPECT_TRUE(fs::exists(root / "out" / "backbone.safetensors"));
}

TEST_F(Resume, TwoRanksAndTheTools) {
  std::string output = pfcRun(makeTrainPlan(2), "--checkpoint-every 3");
  EXPECT_THAT(output, HasSubstr("status 0"));
  std::string out = (root / "out").string();
  std::string last = out + "/checkpoints/step-000000006";
  EXPECT_THAT(output, HasSubstr("checkpoint " + last));
  EXPECT_THAT(shell(fmt::format("{} list {}", PFC_CHECKPOINT, out)),
              AllOf(HasSubstr(last + "  step 6 of 6, plan test, fp32, 2 ranks"),
                    HasSubstr("status 0")));
  EXPECT_THAT(shell(fmt::format("{} verify {}", PFC_CHECKPOINT, out)),
              AllOf(HasSubstr(last + ": whole"), HasSubstr("status 0")));
  // A checkpoint is a model folder too.
  EXPECT_THAT(shell(fmt::format("{} verify --model {} --pairs {}", PFC_EVAL,
                                last, (root / "data" / "pairs.bin").string())),
              HasSubstr("pairs: accuracy 1.0000"));
  std::string shard = "class_centers-00001-of-00002.safetensors";
  fs::remove(last + "/" + shard);
  EXPECT_THAT(
      shell(fmt::format("{} verify {}", PFC_CHECKPOINT, out)),
      AllOf(HasSubstr("error: " + last + "/" + shard), HasSubstr("status 1")));
  EXPECT_THAT(pfcRun(makeTrainPlan(2), "--resume"),
              AllOf(HasSubstr("pfc-run: error: rank 1: " + last + "/" + shard),
                    testing::Not(HasSubstr("status 0"))));
}

} // namespace
} // namespace pfc::rt::test

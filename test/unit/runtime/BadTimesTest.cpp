// Disks, data and numbers that fail while a run trains.
#include "CheckpointStates.h"
#include "TrainTest.h"

#include "runtime/base/Error.h"
#include "runtime/data/ImageCodec.h"
#include "runtime/data/RecordSetWriter.h"
#include "runtime/exec/Finite.h"
#include "runtime/train/Preflight.h"
#include "runtime/train/checkpoint/Checkpoint.h"
#include "runtime/train/checkpoint/CheckpointFolder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>
#include <csignal>
#include <cstring>
#include <fstream>
#include <sys/resource.h>
#include <thread>

namespace pfc::rt::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
namespace fs = std::filesystem;

/// While one lives, a file can't grow beyond it: write() fails as on a full
/// disk.
class LargestFile {
public:
  explicit LargestFile(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    rlimit limit = before;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~LargestFile() { setrlimit(RLIMIT_FSIZE, &before); }
  LargestFile(const LargestFile &) = delete;
  LargestFile &operator=(const LargestFile &) = delete;

private:
  rlimit before{};
};

class BadTimes : public Train {
protected:
  TrainOptions every(int64_t steps, const TestPlan &test) const {
    TrainOptions options = optionsFor(test);
    options.checkpoint = {steps, 100};
    return options;
  }
  fs::path records() const { return root / "data/records/train.rec"; }
  /// A set that doesn't say how many identities it has.
  void writeRecords(int classes) const {
    fs::create_directories(records().parent_path());
    data::RecordSetWriter writer(records().parent_path().string());
    std::vector<uint8_t> pixels(16 * 16);
    for (int label = 0; label < classes; ++label)
      for (int number = 0; number < 8; ++number) {
        std::fill(pixels.begin(), pixels.end(), 10 * label + number);
        writer.add(label, data::encodePng(pixels, {16, 16, 1}));
      }
    writer.finish(16, 16);
    fs::remove(records().parent_path() / "property");
  }
  std::vector<CheckpointFolder::Entry> checkpoints() const {
    return CheckpointFolder((root / "out").string()).list();
  }
  void expectWholeCheckpoints() const {
    for (const auto &entry : checkpoints())
      Checkpoint(entry.path).verify();
  }
};

// w += lr leaves the finite numbers when it is squared, in every step after.
TEST_F(BadTimes, NaNNamesWhatMadeIt) {
  TestPlan test = makeTrainPlan(1);
  test.plan.settings->learning_rate = 1e30;
  EXPECT_THAT(failure(every(1, test)),
              AllOf(HasSubstr("the loss is inf at step 2 of 6 (learning rate "),
                    HasSubstr("first not finite, in step 2: 'loss' (f32 [1]), "
                              "written by instruction 0 of train_step "
                              "(layer1.0.conv1), on every rank"),
                    HasSubstr("the last checkpoint is of step 1")));
  ASSERT_EQ(checkpoints().size(), 1u);
  expectWholeCheckpoints();
}

TEST_F(BadTimes, SkippedStepsChangeNothing) {
  TestPlan test = makeTrainPlan(1);
  test.plan.settings->learning_rate = 1e30;
  test.plan.settings->verify_every = 0;
  TrainOptions options = every(1, test);
  options.skipNotFinite = true;
  train(options);
  EXPECT_EQ(metrics("step").size(), 1u);
  EXPECT_EQ(metrics("skipped").size(), 5u);
  auto found = checkpoints();
  ASSERT_EQ(found.back().step, 6);
  Checkpoint first(found.front().path), last(found.back().path);
  ASSERT_EQ(first.manifest().step, 1);
  EXPECT_EQ(first.manifest().shards.at(0).sha256.size(), 64u);
  PlanFile plan = PlanFile::open(options.planPath);
  auto communicator = makeSelfCommunicator();
  Job job(plan, *communicator, {.threads = 1});
  auto weights = [&](Checkpoint &checkpoint) {
    checkpoint.load(job.variant, 0, job.executor);
    return job.executor.readVariable("conv1.weight");
  };
  EXPECT_EQ(weights(first), weights(last));
}

TEST_F(BadTimes, SkippedStepsOfThreeRanks) {
  TestPlan test = makeTrainPlan(3);
  test.plan.settings->learning_rate = 1e30;
  test.plan.settings->verify_every = 0;
  EXPECT_THAT(
      pfcRun(test, "--on-nan=skip --checkpoint-every 1 --keep 9"),
      AllOf(HasSubstr("warning: step 2 is left out: the loss is inf at step 2 "
                      "of 6"),
            HasSubstr("on every rank"), HasSubstr("status 0")));
  EXPECT_EQ(metrics("step").size(), 1u);
  EXPECT_EQ(metrics("skipped").size(), 5u);
  auto found = checkpoints();
  ASSERT_EQ(found.front().step, 1);
  ASSERT_EQ(found.back().step, 6);
  States first(3, 7), last(3, 7);
  first.load(found.front().path);
  last.load(found.back().path);
  EXPECT_EQ(first.contents(), last.contents());
}

TEST(Finite, EveryTypeAndPlace) {
  using namespace plan::fb;
  for (size_t size : {1, 7, 5000}) {
    for (size_t at : {size_t{0}, size / 2, size - 1}) {
      std::vector<float> values(size, -3e38f);
      auto bytes = [&] { return std::as_bytes(std::span(values)); };
      EXPECT_TRUE(allFinite(DType_F32, bytes()));
      for (float bad : {NAN, INFINITY, -INFINITY}) {
        values[at] = bad;
        EXPECT_FALSE(allFinite(DType_F32, bytes()));
        EXPECT_TRUE(allFinite(DType_I32, bytes()));
      }
      std::vector<uint16_t> halves(size, 0x7BFF); // fp16's largest
      auto halfBytes = [&] { return std::as_bytes(std::span(halves)); };
      EXPECT_TRUE(allFinite(DType_F16, halfBytes()));
      EXPECT_TRUE(allFinite(DType_BF16, halfBytes()));
      halves[at] = 0xFC00; // fp16's -inf, a large bf16
      EXPECT_FALSE(allFinite(DType_F16, halfBytes()));
      EXPECT_TRUE(allFinite(DType_BF16, halfBytes()));
      halves[at] = 0x7FC0; // a NaN in both
      EXPECT_FALSE(allFinite(DType_BF16, halfBytes()));
    }
  }
}

/// A transfer, which a thread does, has ended when its result is looked at: it
/// is what made an infinity, not the instruction that it goes on under.
TEST(Finite, LooksAtTransfersWhenTheyHaveEnded) {
  using namespace plan::fb;
  constexpr int64_t size = int64_t{1} << 22;
  TestPlan test;
  uint32_t x = test.named("x", DType_F32, {size});
  uint32_t small = test.named("small", DType_F32, {4});
  uint32_t y = test.buffer(DType_F32, {size});
  uint32_t other = test.buffer(DType_F32, {4});
  uint32_t z = test.named("z", DType_F32, {size});
  test.variant().kernel_ir = makeFullPlan().variant().kernel_ir;
  uint32_t twice = test.kernel("twice", 2);
  LaunchT &transfer = *test.launch(twice, {x, y}, size).operation.AsLaunch();
  transfer.transfer = true;
  transfer.writes = {1};
  test.launch(twice, {small, other}, 4);
  test.add(WaitT{});
  test.launch(twice, {y, z}, size);
  const Plan &plan = test.finish();
  std::unique_ptr<Device> device = openDevice("cpu", {1});
  std::unique_ptr<Communicator> alone = makeSelfCommunicator();
  Executor executor(plan, *plan.variants()->Get(0), *device, *alone);
  std::vector<float> values(size, 1), few(4, 1);
  values.back() = 2e38f; // twice it is beyond fp32
  executor.setInput("main", "x", values.data(), values.size() * 4);
  executor.setInput("main", "small", few.data(), few.size() * 4);
  std::vector<FiniteFinding> findings =
      runLookingAtAll(executor, *device, "main", [] {});
  EXPECT_EQ(findings, (std::vector<FiniteFinding>{{0, y}, {3, z}}));
}

TEST(Preflight, NamesTheOddRanks) {
  EXPECT_EQ(oddRanks({"a", "a", "a"}), "");
  EXPECT_EQ(oddRanks({"a", "b", "a"}), "rank 1");
  EXPECT_EQ(oddRanks({"b", "a", "a", "a", "c"}), "ranks 0, 4");
}

TEST_F(BadTimes, PreflightIsOneLine) {
  std::string output = pfcRun(makeTrainPlan(3));
  EXPECT_THAT(output, AllOf(HasSubstr("preflight: 3 ranks, plan "),
                            HasSubstr("Open MPI"), HasSubstr("oneDNN"),
                            HasSubstr("all_reduce "), HasSubstr("status 0")));
}

TEST_F(BadTimes, PreflightRefusesLabelsBeyondTheClasses) {
  TestPlan test = makeTrainPlan(1);
  test.plan.settings->train_data = "records";
  writeRecords(14);
  EXPECT_THAT(failure(test), AllOf(HasSubstr("train.rec"),
                                   HasSubstr("is outside the plan's "
                                             "head.classes, [0, 12)")));
}

TEST_F(BadTimes, AnotherPlanThanExpected) {
  TestPlan test = makeTrainPlan(1);
  std::string sum = PlanFile::open(writePlan(test)).sha256();
  EXPECT_THAT(pfcRun(test, "--expect-hash=" + sum), HasSubstr("status 0"));
  fs::remove_all(root / "out");
  sum[5] = sum[5] == '0' ? '1' : '0';
  EXPECT_THAT(pfcRun(test, "--expect-hash=" + sum),
              AllOf(HasSubstr("x.plan: its SHA-256 is"),
                    HasSubstr("not " + sum), HasSubstr("status 1")));
  EXPECT_FALSE(fs::exists(root / "out"));
}

// A file that is deleted stays there for those who have it open.
TEST_F(BadTimes, DataThatVanishIsNoLoss) {
  TestPlan test = makeTrainPlan(1);
  test.plan.settings->train_data = "records";
  writeRecords(identities);
  train(test);
  auto before = metrics("step");
  fs::remove_all(root / "out");
  PlanFile file = PlanFile::open(writePlan(test));
  auto communicator = makeSelfCommunicator();
  Job job(file, *communicator, {.threads = 1});
  TrainLoop loop(job, optionsFor(test));
  fs::remove(records());
  loop.run();
  auto after = metrics("step");
  ASSERT_EQ(after.size(), before.size());
  for (size_t i = 0; i < after.size(); ++i)
    EXPECT_EQ(after[i]["loss"], before[i]["loss"]);
}

TEST_F(BadTimes, DataCutShortEndTheRunWithItsCheckpoints) {
  TestPlan test = makeTrainPlan(1);
  test.plan.settings->train_data = "records";
  test.plan.settings->steps = 1000000;
  test.plan.settings->verify_every = 0;
  writeRecords(identities);
  PlanFile file = PlanFile::open(writePlan(test));
  auto communicator = makeSelfCommunicator();
  Job job(file, *communicator, {.threads = 1});
  TrainOptions options = every(3, test);
  TrainLoop loop(job, options);
  std::thread cutter([&] {
    while (checkpoints().empty())
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    fs::resize_file(records(), 0);
  });
  std::string message;
  try {
    loop.run();
  } catch (const Error &error) {
    message = error.what();
  }
  cutter.join();
  EXPECT_THAT(message, AllOf(HasSubstr("train.rec: was cut short"),
                             HasSubstr("restore the file")));
  expectWholeCheckpoints();
}

TEST_F(BadTimes, PicturesThatVanishEndTheRunWithItsCheckpoints) {
  TestPlan test = makeTrainPlan(1);
  test.plan.settings->steps = 1000000;
  test.plan.settings->verify_every = 0;
  PlanFile file = PlanFile::open(writePlan(test));
  auto communicator = makeSelfCommunicator();
  Job job(file, *communicator, {.threads = 1});
  TrainLoop loop(job, every(3, test));
  std::thread remover([&] {
    while (checkpoints().empty())
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    fs::remove_all(root / "data/train/05");
  });
  std::string message;
  try {
    loop.run();
  } catch (const LastingError &error) {
    message = error.what();
  }
  remover.join();
  EXPECT_THAT(message, AllOf(HasSubstr("train/05/"),
                             HasSubstr("cannot be read (bad record 1; "
                                       "data.max_bad_records = 0)")));
  expectWholeCheckpoints();
}

// The files of results fit, those of checkpoints, with the momenta, don't: a
// disk that is full in the middle of one.
TEST_F(BadTimes, ADiskThatFillsUpDuringACheckpoint) {
  TestPlan test = makeTrainPlan(1, 5000);
  test.plan.settings->verify_every = 0;
  train(every(6, test));
  test.plan.settings->steps = 18;
  TrainOptions options = every(6, test);
  options.resume = "";
  PlanFile file = PlanFile::open(options.planPath);
  auto communicator = makeSelfCommunicator();
  Job job(file, *communicator, {.threads = 1});
  TrainLoop loop(job, options);
  testing::internal::CaptureStdout();
  {
    LargestFile limit(240000); // of 320000
    loop.run();
  }
  EXPECT_THAT(
      testing::internal::GetCapturedStdout(),
      AllOf(
          HasSubstr("warning: no checkpoint was written of step 12: rank 0: "),
          HasSubstr("warning: no checkpoint was written of step 18: rank 0: "),
          HasSubstr("class_centers-00000-of-00001.safetensors.tmp: cannot be "
                    "written: File too large; check the folder, its "
                    "permissions and the free space")));
  EXPECT_EQ(metrics("step").size(), 18u);
  ASSERT_EQ(checkpoints().size(), 1u);
  expectWholeCheckpoints();
  fs::directory_iterator left(root / "out/checkpoints");
  EXPECT_EQ(std::distance(begin(left), end(left)), 1) << "remains";
}

// Root may write anywhere, but not where the mount is read-only.
TEST_F(BadTimes, AReadOnlyCheckpointFolder) {
  TestPlan test = makeTrainPlan(1);
  train(every(6, test));
  test.plan.settings->steps = 12;
  std::string folder = (root / "out/checkpoints").string();
  std::string mount = fmt::format("mount --bind {0} {0} && "
                                  "mount -o remount,bind,ro {0}",
                                  folder);
  if (shell(fmt::format("unshare --mount sh -c '{}'", mount)) != "status 0\n")
    GTEST_SKIP() << "this system lets a test mount nothing";
  std::string run = fmt::format(
      "{} {} --data {} --out {} --threads 1 --resume --checkpoint-every 6",
      PFC_RUN, writePlan(test), (root / "data").string(),
      (root / "out").string());
  EXPECT_THAT(
      shell(fmt::format("unshare --mount sh -c '{} && {}'", mount, run)),
      AllOf(
          HasSubstr("warning: no checkpoint was written of step 12: rank 0: " +
                    folder +
                    "/step-000000012.partial: cannot be made: "
                    "Read-only file system"),
          HasSubstr("status 0")));
  ASSERT_EQ(checkpoints().size(), 1u);
  expectWholeCheckpoints();
}

// A disk that takes no more: the limit of a file's size stands for it.
TEST_F(BadTimes, AFullDiskLeavesWhatIsThere) {
  TestPlan test = makeTrainPlan(1);
  train(every(6, test)); // leaves a checkpoint
  test.plan.settings->steps = 2000;
  test.plan.settings->verify_every = 0;
  test.plan.settings->log_every = 1000;
  TrainOptions options = every(2000, test);
  options.resume = "";
  PlanFile file = PlanFile::open(options.planPath);
  auto communicator = makeSelfCommunicator();
  Job job(file, *communicator, {.threads = 1});
  TrainLoop loop(job, options);
  std::string message;
  try {
    LargestFile limit(100000); // about 700 lines of metrics
    loop.run();
  } catch (const Error &error) {
    message = error.what();
  }
  EXPECT_THAT(message, HasSubstr("metrics.jsonl: cannot be written; is the "
                                 "disk full?"));
  ASSERT_EQ(checkpoints().size(), 1u);
  expectWholeCheckpoints();
}

TEST_F(BadTimes, AFullDiskTakesNoPlan) {
  TestPlan test = makeTrainPlan(1);
  TrainOptions options = every(6, test);
  PlanFile file = PlanFile::open(options.planPath);
  auto communicator = makeSelfCommunicator();
  Job job(file, *communicator, {.threads = 1});
  std::string message;
  try {
    LargestFile limit(1000);
    TrainLoop loop(job, options);
  } catch (const Error &error) {
    message = error.what();
  }
  EXPECT_THAT(message, HasSubstr("out/train.plan.tmp: cannot be written: File "
                                 "too large; check the folder, its "
                                 "permissions and the free space"));
  EXPECT_TRUE(fs::is_empty(root / "out")) << "remains";
}

TEST_F(BadTimes, APlanThatIsReplacedWhileTheRunStarts) {
  TrainOptions options = every(6, makeTrainPlan(1));
  options.planHash = std::string(64, '0');
  EXPECT_THAT(failure(options), HasSubstr("x.plan: was replaced after this run "
                                          "had read it: start again"));
  EXPECT_TRUE(fs::is_empty(root / "out")) << "remains";
}

TEST_F(BadTimes, AReadOnlyFolderIsSaidAtOnce) {
  TestPlan test = makeTrainPlan(1);
  std::ofstream(root / "out") << "a file in the way"; // root may write anywhere
  EXPECT_THAT(failure(test), HasSubstr("out: cannot make the output folder"));
}

// The images found bad before still count after a resume, and are not told
// again.
TEST_F(BadTimes, BadRecordsAreRemembered) {
  TestPlan test = makeTrainPlan(1);
  test.plan.settings->steps = 24; // two epochs
  test.plan.settings->verify_every = 0;
  test.plan.settings->max_bad_records = 2;
  for (const char *name : {"03/1.png", "07/2.png"})
    std::ofstream(root / "data" / "train" / name) << "no picture";
  TrainOptions options = every(12, test);
  options.steps = 12;
  testing::internal::CaptureStdout();
  train(options);
  EXPECT_THAT(testing::internal::GetCapturedStdout(), HasSubstr("07/2.png"));
  EXPECT_EQ(Checkpoint(checkpoints().back().path).manifest().badRecords.size(),
            2u);
  options.steps = 24;
  options.resume = "";
  testing::internal::CaptureStdout();
  train(options);
  EXPECT_THAT(testing::internal::GetCapturedStdout(),
              testing::Not(HasSubstr("07/2.png")));
  std::ofstream(root / "data" / "train" / "05/0.png") << "no picture";
  options = optionsFor(test, "other");
  options.resume = checkpoints().front().path;
  EXPECT_THAT(failure(options), HasSubstr("bad record 3"));
}

} // namespace
} // namespace pfc::rt::test

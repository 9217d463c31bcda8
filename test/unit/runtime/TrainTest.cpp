// The step loop: in this process, and as pfc-run on two ranks.
#include "TrainTest.h"
#include "runtime/train/LrSchedule.h"
#include "runtime/train/ModelFolder.h"
#include "runtime/train/StateDict.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstring>
#include <unistd.h>

namespace pfc::rt::test {
namespace {

using namespace plan::fb;
using testing::HasSubstr;
namespace fs = std::filesystem;

TEST_F(Train, WritesWhatAPersonNeeds) {
  train(makeTrainPlan(1));
  std::vector<nlohmann::json> steps = metrics("step");
  ASSERT_EQ(steps.size(), 6u);
  double weight = 0;
  for (int t = 0; t < 6; ++t) {
    double lr = 0.5 * (1 - t / 6.0);
    EXPECT_EQ(steps[t]["step"], t + 1);
    EXPECT_NEAR(steps[t]["learning_rate"].get<double>(), lr, 1e-12);
    // The mean pixel is about 50 and a little; the weight's square is exact.
    EXPECT_NEAR(steps[t]["loss"].get<double>() - weight * weight, 50, 4);
    weight += lr;
  }
  std::vector<nlohmann::json> verifications = metrics("verification");
  ASSERT_EQ(verifications.size(), 2u);
  EXPECT_EQ(verifications[0]["step"], 4);
  EXPECT_EQ(verifications[1]["step"], 6);
  EXPECT_EQ(verifications[1]["accuracy"], 1.0); // patterns are distinct
  for (const char *name : {"curves.svg", "train.plan"})
    EXPECT_TRUE(fs::exists(root / "out" / name)) << name;

  SafetensorsFile backbone((root / "out" / "backbone.safetensors").string());
  EXPECT_EQ(backbone.tensors().size(), 3u); // no momentum, no centers
  const TensorEntry *conv = backbone.find("conv1.weight");
  ASSERT_TRUE(conv);
  EXPECT_EQ(conv->shape, (std::vector<int64_t>{1, 2, 3}));
  const TensorEntry *counter = backbone.find("bn1.num_batches_tracked");
  ASSERT_TRUE(counter);
  int64_t batches = 0;
  backbone.read(*counter, std::as_writable_bytes(std::span(&batches, 1)));
  EXPECT_EQ(batches, 6);
  SafetensorsFile centers(
      (root / "out" / "class_centers-00000-of-00001.safetensors").string());
  EXPECT_EQ(centers.metadata().at("total_classes"), "7");
}

TEST_F(Train, StepsOverrideTheSchedule) {
  train(makeTrainPlan(1), 2);
  std::vector<nlohmann::json> steps = metrics("step");
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_NEAR(steps[1]["learning_rate"].get<double>(), 0.25, 1e-12);
}

TEST_F(Train, DivergenceIsOneClearError) {
  TestPlan test = makeTrainPlan(1);
  test.plan.settings->learning_rate = 1e30;
  EXPECT_THAT(failure(test), HasSubstr("the loss is inf at step 2 of 6"));
}

TEST_F(Train, TooLittleMemoryIsSaidBeforehand) {
  TestPlan test = makeTrainPlan(1);
  test.variant().arena_bytes = uint64_t{1} << 42;
  EXPECT_THAT(failure(test),
              testing::AllOf(HasSubstr("the plan needs 4.0 TiB"),
                             HasSubstr("cluster.memory_per_rank = ")));
}

TEST_F(Train, MissingPairsAndTooManyIdentities) {
  TestPlan test = makeTrainPlan(1);
  test.plan.settings->verification = {"nothing"};
  EXPECT_THAT(failure(test), HasSubstr("no such verification set"));
  test = makeTrainPlan(1);
  test.plan.settings->classes = identities - 1;
  EXPECT_THAT(failure(test), HasSubstr("head.classes = 12"));
  test = makeTrainPlan(1);
  test.plan.settings->train_data = "elsewhere";
  EXPECT_THAT(failure(test), HasSubstr("elsewhere"));
}

TEST_F(Train, PfcRunStartsItsRanks) {
  std::string output = pfcRun(makeTrainPlan(2));
  EXPECT_THAT(output, HasSubstr("status 0"));
  EXPECT_THAT(output, HasSubstr("2 ranks x batch 4"));
  EXPECT_THAT(output, HasSubstr("verification accuracy: 1.0000"));
  std::vector<nlohmann::json> steps = metrics("step");
  ASSERT_EQ(steps.size(), 6u); // one rank writes
  EXPECT_EQ(steps[0]["images"], 8);
  for (auto [rank, first, count] : {std::tuple{0, "0", "4"}, {1, "4", "3"}}) {
    SafetensorsFile shard(
        ModelFolder((root / "out").string()).classCenters(rank, 2));
    EXPECT_EQ(shard.metadata().at("first_class"), first);
    EXPECT_EQ(shard.metadata().at("classes"), count);
  }
  // The network that was trained on two ranks verifies on one.
  std::string verified = shell(fmt::format(
      "{} verify --model {} --pairs {}", PFC_EVAL, (root / "out").string(),
      (root / "data" / "pairs.bin").string()));
  EXPECT_THAT(verified, HasSubstr("pairs: accuracy 1.0000"));
  EXPECT_THAT(verified, HasSubstr("status 0"));
}

TEST_F(Train, FailureOfAJobIsOneLineWithTheRank) {
  TestPlan test = makeTrainPlan(2);
  test.plan.settings->learning_rate = 1e30;
  std::string output = pfcRun(test);
  EXPECT_THAT(output, HasSubstr("pfc-run: error: rank 0: the loss is inf"));
  EXPECT_THAT(output, testing::Not(HasSubstr("rank 1:")));
  EXPECT_THAT(output, testing::Not(HasSubstr("status 0")));
}

TEST(ModelFolder, LoadsWhatItSaved) {
  TestPlan test = makeTrainPlan(1);
  const Plan &plan = test.finish();
  const Variant &variant = *plan.variants()->Get(0);
  auto communicator = makeSelfCommunicator();
  ModelFolder folder(
      (fs::path(testing::TempDir()) / fmt::format("pfc-m{}", getpid()))
          .string());
  fs::create_directories(fs::path(folder.plan()).parent_path());
  std::vector<float> weights = {1, 2, 3, 4, 5, 6};
  {
    auto device = openDevice("cpu", {1});
    Executor executor(plan, variant, *device, *communicator);
    executor.writeVariable("conv1.weight", weights.data(), 24);
    folder.save(variant, executor, *communicator, 1);
  }
  auto device = openDevice("cpu", {1});
  Executor executor(plan, variant, *device, *communicator);
  loadBackbone(*openWeights(folder.backbone()), variant, executor);
  std::vector<std::byte> bytes = executor.readVariable("conv1.weight");
  EXPECT_EQ(std::memcmp(bytes.data(), weights.data(), 24), 0);
  fs::remove_all(fs::path(folder.plan()).parent_path());
}

TEST(StateDict, TransposesThereAndBack) {
  // [2, 3, 4] with element = its row-major index.
  std::vector<std::byte> in(24);
  for (size_t i = 0; i < in.size(); ++i)
    in[i] = static_cast<std::byte>(i);
  std::vector<std::byte> out = transpose(in, {2, 3, 4}, {2, 0, 1}, 1);
  for (int64_t a = 0; a < 4; ++a)
    for (int64_t b = 0; b < 2; ++b)
      for (int64_t c = 0; c < 3; ++c)
        EXPECT_EQ(out[(a * 2 + b) * 3 + c], in[(b * 3 + c) * 4 + a]);
  EXPECT_EQ(transpose(out, {4, 2, 3}, {1, 2, 0}, 1), in);
}

TEST(LrSchedule, WarmsUpThenDecays) {
  LrSchedule schedule{0.8, 2, 4, 12};
  EXPECT_DOUBLE_EQ(schedule.at(0), 0.2);
  EXPECT_DOUBLE_EQ(schedule.at(3), 0.8);
  EXPECT_DOUBLE_EQ(schedule.at(4), 0.8);
  EXPECT_DOUBLE_EQ(schedule.at(8), 0.2); // half way: (1/2)^2
  EXPECT_DOUBLE_EQ(schedule.at(11), 0.8 / 64);
  EXPECT_DOUBLE_EQ(schedule.at(12), 0);
}

TEST(LrSchedule, NoWarmupAndOnlyWarmup) {
  LrSchedule none{1, 1, 0, 10};
  EXPECT_DOUBLE_EQ(none.at(0), 1);
  EXPECT_DOUBLE_EQ(none.at(5), 0.5);
  LrSchedule only{1, 1, 10, 10};
  EXPECT_DOUBLE_EQ(only.at(9), 1);
  EXPECT_DOUBLE_EQ(only.at(10), 0);
}

TEST(LrSchedule, FallsAtMilestones) {
  LrSchedule schedule{.peak = 0.8,
                      .warmup = 4,
                      .total = 100,
                      .milestones = {3, 20, 50},
                      .gamma = 0.1};
  EXPECT_DOUBLE_EQ(schedule.at(3), 0.8) << "still warming up";
  EXPECT_DOUBLE_EQ(schedule.at(4), 0.08);
  EXPECT_DOUBLE_EQ(schedule.at(19), 0.08);
  EXPECT_DOUBLE_EQ(schedule.at(20), 0.008);
  EXPECT_DOUBLE_EQ(schedule.at(99), 0.0008);
  EXPECT_DOUBLE_EQ(schedule.at(100), 0);
}

TEST(LrSchedule, EpochsBecomeSteps) {
  flatbuffers::FlatBufferBuilder builder;
  SettingsT settings;
  settings.backbone = "none";
  settings.epochs = 2.5;
  settings.warmup_epochs = 0.1;
  settings.learning_rate = 1;
  settings.schedule_power = 1;
  builder.Finish(Settings::Pack(builder, &settings));
  const auto &packed =
      *flatbuffers::GetRoot<Settings>(builder.GetBufferPointer());
  EXPECT_EQ(totalSteps(packed, 100, -1), 250);
  EXPECT_EQ(totalSteps(packed, 100, 0), 0);
  EXPECT_EQ(totalSteps(packed, 100, 7), 7);
  EXPECT_EQ(makeSchedule(packed, 100, 250).warmup, 10);
  EXPECT_TRUE(makeSchedule(packed, 100, 250).milestones.empty());
}

TEST(LrSchedule, SaysWhatIsNeverReached) {
  EXPECT_EQ(unreached({.warmup = 9, .total = 10}), "");
  EXPECT_THAT(unreached({.warmup = 10, .total = 10}),
              testing::HasSubstr("the warm-up takes 10 steps"));
  EXPECT_EQ(unreached({.warmup = 10, .total = 0}), "") << "none is trained";
  EXPECT_EQ(unreached({.total = 10, .milestones = {3, 9}}), "");
  EXPECT_THAT(unreached({.total = 10, .milestones = {3, 10}}),
              testing::HasSubstr("the milestone of step 10 is behind"));
}

TEST(LrSchedule, MilestonesInStepsOrEpochs) {
  auto scheduleOf = [](SettingsT settings) {
    flatbuffers::FlatBufferBuilder builder;
    settings.backbone = "none";
    settings.schedule_gamma = 0.5;
    builder.Finish(Settings::Pack(builder, &settings));
    return makeSchedule(
        *flatbuffers::GetRoot<Settings>(builder.GetBufferPointer()), 100, 999);
  };
  SettingsT steps, epochs;
  steps.milestone_steps = {7, 300};
  epochs.milestone_epochs = {0.5, 8};
  EXPECT_EQ(scheduleOf(steps).milestones, (std::vector<int64_t>{7, 300}));
  EXPECT_EQ(scheduleOf(epochs).milestones, (std::vector<int64_t>{50, 800}));
  EXPECT_EQ(scheduleOf(epochs).gamma, 0.5);
}

} // namespace
} // namespace pfc::rt::test

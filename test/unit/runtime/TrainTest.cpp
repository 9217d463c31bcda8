// The step loop around a plan made by hand, whose "network" is arithmetic a
// person can check, on a data set of PNG files: in this process, and as
// pfc-run on two ranks.
#include "TestPlan.h"
#include "runtime/base/Error.h"
#include "runtime/data/ImageCodec.h"
#include "runtime/data/PairWriter.h"
#include "runtime/train/LrSchedule.h"
#include "runtime/train/ModelFolder.h"
#include "runtime/train/StateDict.h"
#include "runtime/train/TrainLoop.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace pfc::rt::test {
namespace {

using namespace plan::fb;
using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr int size = 16, batch = 4, dim = 8, identities = 12, perIdentity = 4;

// loss = mean pixel + w[0]^2; w[i] += lr.
constexpr const char *kernels = R"(
define void @train(ptr %args, i64 %begin, i64 %end) {
entry:
  %images = load ptr, ptr %args
  %lr.at = getelementptr ptr, ptr %args, i64 1
  %lr.buffer = load ptr, ptr %lr.at
  %lr = load float, ptr %lr.buffer
  %w.at = getelementptr ptr, ptr %args, i64 2
  %w = load ptr, ptr %w.at
  %loss.at = getelementptr ptr, ptr %args, i64 3
  %loss = load ptr, ptr %loss.at
  br label %pixels
pixels:
  %i = phi i64 [ 0, %entry ], [ %i.next, %pixels ]
  %sum = phi i64 [ 0, %entry ], [ %sum.next, %pixels ]
  %pixel.at = getelementptr i8, ptr %images, i64 %i
  %pixel = load i8, ptr %pixel.at
  %wide = zext i8 %pixel to i64
  %sum.next = add i64 %sum, %wide
  %i.next = add i64 %i, 1
  %more = icmp slt i64 %i.next, 1024
  br i1 %more, label %pixels, label %weights
weights:
  %total = sitofp i64 %sum.next to float
  %mean = fmul float %total, 0x3F50000000000000
  %w0 = load float, ptr %w
  %square = fmul float %w0, %w0
  %value = fadd float %mean, %square
  store float %value, ptr %loss
  br label %update
update:
  %j = phi i64 [ 0, %weights ], [ %j.next, %update ]
  %at = getelementptr float, ptr %w, i64 %j
  %old = load float, ptr %at
  %new = fadd float %old, %lr
  store float %new, ptr %at
  %j.next = add i64 %j, 1
  %more.weights = icmp slt i64 %j.next, 6
  br i1 %more.weights, label %update, label %done
done:
  ret void
}

define void @embed(ptr %args, i64 %begin, i64 %end) {
entry:
  %images = load ptr, ptr %args
  %out.at = getelementptr ptr, ptr %args, i64 1
  %out = load ptr, ptr %out.at
  br label %rows
rows:
  %row = phi i64 [ %begin, %entry ], [ %row.next, %row.done ]
  br label %columns
columns:
  %c = phi i64 [ 0, %rows ], [ %c.next, %columns ]
  %from.row = mul i64 %row, 256
  %from = add i64 %from.row, %c
  %pixel.at = getelementptr i8, ptr %images, i64 %from
  %pixel = load i8, ptr %pixel.at
  %float = uitofp i8 %pixel to float
  %centered = fsub float %float, 128.0
  %to.row = mul i64 %row, 8
  %to = add i64 %to.row, %c
  %to.at = getelementptr float, ptr %out, i64 %to
  store float %centered, ptr %to.at
  %c.next = add i64 %c, 1
  %more = icmp slt i64 %c.next, 8
  br i1 %more, label %columns, label %row.done
row.done:
  %row.next = add i64 %row, 1
  %more.rows = icmp slt i64 %row.next, %end
  br i1 %more.rows, label %rows, label %done
done:
  ret void
}
)";

TestPlan makeTrainPlan(int64_t worldSize) {
  TestPlan test;
  test.plan.world_size = worldSize;
  SettingsT &settings = *test.plan.settings;
  settings.embedding_size = dim;
  settings.input_height = settings.input_width = size;
  settings.classes = identities;
  settings.batch_per_rank = batch;
  settings.steps = 6;
  settings.seed = 3;
  settings.learning_rate = 0.5;
  settings.schedule_power = 1;
  settings.log_every = 2;
  settings.verify_every = 4;
  settings.shuffle = true;
  settings.train_data = "train";
  settings.verification = {"pairs"};
  test.variant().kernel_ir = kernels;

  test.program().name = "train_step";
  VariableT &weight = test.variable("conv1.weight", {1, 3, 2});
  weight.exported = true;
  weight.export_perm = {0, 2, 1};
  VariableT &mean = test.variable("bn1.running_mean", {3});
  mean.exported = true;
  mean.role = Role_Buffer;
  VariableT &momentum = test.variable("conv1.weight.momentum", {1, 3, 2});
  momentum.role = Role_OptimizerState;
  VariableT &centers = test.variable("head.weight", {7, dim});
  centers.exported = true;
  centers.init->kind = InitKind_Normal;
  centers.init->b = 1;
  centers.shard = std::make_unique<RowShardT>();
  centers.shard->rows = 7;
  centers.shard->first = std::make_unique<RankIntegerT>();
  centers.shard->count = std::make_unique<RankIntegerT>();
  centers.shard->first->per_rank = 4; // on two ranks: 4 and 3
  centers.shard->count->base = worldSize == 1 ? 7 : 3;
  centers.shard->count->threshold = worldSize == 1 ? 0 : 1;
  centers.shard->count->below = 1;

  uint32_t images = test.named("images", DType_U8, {batch, size, size, 1});
  test.named("labels", DType_I64, {batch});
  uint32_t lr = test.named("lr", DType_F32, {1});
  test.named("step", DType_I64, {1});
  uint32_t w = test.buffer(DType_F32, {6});
  test.program().buffers[w]->offset = weight.offset;
  uint32_t loss = test.named("loss", DType_F32, {1});
  test.launch(test.kernel("train", 4), {images, lr, w, loss}, 1);
  CollectiveT sum;
  sum.source = sum.target = loss;
  test.add(std::move(sum));

  test.variant().programs.push_back(std::make_unique<ProgramT>());
  std::swap(test.variant().programs[0], test.variant().programs[1]);
  test.program().name = "embed";
  uint32_t faces = test.named("images", DType_U8, {3, size, size, 1});
  uint32_t embeddings = test.named("embeddings", DType_F32, {3, dim});
  test.launch(test.kernel("embed", 2), {faces, embeddings}, 3);
  return test;
}

/// An image of identity `id`: a pattern of its own, with a mark of `number`.
std::vector<uint8_t> makeImage(int id, int number) {
  std::vector<uint8_t> pixels(size * size, 50);
  for (int bit = 0; bit < dim; ++bit)
    pixels[bit] = (id * 37 + 11) >> bit & 1 ? 220 : 20;
  pixels[size * size - 1] = static_cast<uint8_t>(number);
  return data::encodePng(pixels, {size, size, 1});
}

void writeFile(const fs::path &path, const std::vector<uint8_t> &bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char *>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

class Train : public testing::Test {
protected:
  fs::path root =
      fs::path(testing::TempDir()) / fmt::format("pfc-train-{}", getpid());

  void SetUp() override {
    for (int id = 0; id < identities; ++id)
      for (int number = 0; number < perIdentity; ++number)
        writeFile(root / "data" / "train" / fmt::format("{:02}", id) /
                      fmt::format("{}.png", number),
                  makeImage(id, number));
    std::vector<std::vector<uint8_t>> images;
    std::vector<bool> same;
    for (int i = 0; i < 40; ++i) {
      same.push_back(i % 2 == 0);
      images.push_back(makeImage(i % 10, i));
      images.push_back(makeImage(same.back() ? i % 10 : (i + 3) % 10, 100 + i));
    }
    data::writePairs((root / "data" / "pairs.bin").string(), images, same);
  }
  void TearDown() override { fs::remove_all(root); }

  std::string writePlan(const TestPlan &test) {
    std::vector<std::byte> bytes = test.pack();
    writeFile(root / "x.plan",
              {reinterpret_cast<const uint8_t *>(bytes.data()),
               reinterpret_cast<const uint8_t *>(bytes.data()) + bytes.size()});
    return (root / "x.plan").string();
  }

  void train(const TestPlan &test, int64_t steps = -1) {
    TrainOptions options{writePlan(test), (root / "data").string(),
                         (root / "out").string(), steps};
    PlanFile file = PlanFile::open(options.planPath);
    auto communicator = makeSelfCommunicator();
    Job job(file, *communicator, {.threads = 1});
    TrainLoop(job, options).run();
  }

  /// Why training fails.
  std::string failure(const TestPlan &test) {
    try {
      train(test);
    } catch (const Error &error) {
      return error.what();
    }
    return "";
  }

  std::vector<nlohmann::json> metrics(const std::string &kind) {
    std::ifstream file(root / "out" / "metrics.jsonl");
    std::vector<nlohmann::json> lines;
    for (std::string line; std::getline(file, line);)
      if (auto json = nlohmann::json::parse(line); json["kind"] == kind)
        lines.push_back(json);
    return lines;
  }

  /// Runs a command line; its output, and its status after the last line.
  static std::string shell(const std::string &command) {
    FILE *pipe = popen((command + " 2>&1; echo status $?").c_str(), "r");
    std::string output;
    char chunk[4096];
    while (size_t count = fread(chunk, 1, sizeof chunk, pipe))
      output.append(chunk, count);
    pclose(pipe);
    return output;
  }

  std::string pfcRun(const TestPlan &test) {
    return shell(fmt::format("{} {} --data {} --out {} --threads 1", PFC_RUN,
                             writePlan(test), (root / "data").string(),
                             (root / "out").string()));
  }
};

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
  EXPECT_THAT(failure(test), HasSubstr("the plan needs 4.0 TiB"));
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
  folder.loadBackbone(variant, executor);
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
}

} // namespace
} // namespace pfc::rt::test

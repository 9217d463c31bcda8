#include "TrainTest.h"

#include "runtime/base/Error.h"
#include "runtime/data/ImageCodec.h"
#include "runtime/data/PairWriter.h"
#include "runtime/train/TrainLoop.h"

#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <unistd.h>

namespace pfc::rt::test {
namespace {

using namespace plan::fb;
namespace fs = std::filesystem;

constexpr int size = 16, batch = 4, perIdentity = 4;

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

std::unique_ptr<RowShardT> splitEvenly(int64_t rows, int64_t worldSize) {
  auto shard = std::make_unique<RowShardT>();
  shard->rows = rows;
  shard->first = std::make_unique<RankIntegerT>();
  shard->first->per_rank = rows / worldSize;
  shard->first->threshold = rows % worldSize;
  shard->first->per_capped_rank = 1;
  shard->count = std::make_unique<RankIntegerT>();
  shard->count->base = rows / worldSize;
  shard->count->threshold = rows % worldSize;
  shard->count->below = 1;
  return shard;
}

/// An image of identity `id`: a pattern of its own, with a mark of `number`.
std::vector<uint8_t> makeImage(int id, int number) {
  std::vector<uint8_t> pixels(size * size, 50);
  for (int bit = 0; bit < embeddingSize; ++bit)
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

} // namespace

TestPlan makeTrainPlan(int64_t worldSize, int64_t centerRows) {
  TestPlan test;
  test.plan.world_size = worldSize;
  SettingsT &settings = *test.plan.settings;
  settings.embedding_size = embeddingSize;
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
  for (const char *name : {"head.weight", "head.weight.momentum"}) {
    VariableT &centers = test.variable(
        name, {(centerRows + worldSize - 1) / worldSize, embeddingSize});
    centers.exported = name == std::string("head.weight");
    centers.role = centers.exported ? Role_Parameter : Role_OptimizerState;
    centers.init->kind = InitKind_Normal;
    centers.init->b = 1;
    centers.shard = splitEvenly(centerRows, worldSize);
  }

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
  uint32_t embeddings = test.named("embeddings", DType_F32, {3, embeddingSize});
  test.launch(test.kernel("embed", 2), {faces, embeddings}, 3);
  return test;
}

std::string shell(const std::string &command) {
  FILE *pipe = popen((command + " 2>&1; echo status $?").c_str(), "r");
  std::string output;
  char chunk[4096];
  while (size_t count = fread(chunk, 1, sizeof chunk, pipe))
    output.append(chunk, count);
  pclose(pipe);
  return output;
}

void Train::SetUp() {
  root = fs::path(testing::TempDir()) / fmt::format("pfc-train-{}", getpid());
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

void Train::TearDown() { fs::remove_all(root); }

std::string Train::writePlan(const TestPlan &test) const {
  std::vector<std::byte> bytes = test.pack();
  const auto *begin = reinterpret_cast<const uint8_t *>(bytes.data());
  writeFile(root / "x.plan", {begin, begin + bytes.size()});
  return (root / "x.plan").string();
}

TrainOptions Train::optionsFor(const TestPlan &test,
                               const std::string &out) const {
  return {writePlan(test), (root / "data").string(), (root / out).string()};
}

void Train::train(const TrainOptions &options) const {
  PlanFile file = PlanFile::open(options.planPath);
  auto communicator = makeSelfCommunicator();
  Job job(file, *communicator, {.threads = 1});
  TrainLoop(job, options).run();
}

void Train::train(const TestPlan &test, int64_t steps) const {
  TrainOptions options = optionsFor(test);
  options.steps = steps;
  train(options);
}

std::string Train::failure(const TrainOptions &options) const {
  try {
    train(options);
  } catch (const Error &error) {
    return error.what();
  }
  return "";
}

std::string Train::failure(const TestPlan &test) const {
  return failure(optionsFor(test));
}

std::vector<nlohmann::json> Train::metrics(const std::string &kind,
                                           const std::string &out) const {
  std::ifstream file(root / out / "metrics.jsonl");
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(file, line);)
    if (auto json = nlohmann::json::parse(line); json["kind"] == kind)
      lines.push_back(json);
  return lines;
}

std::string Train::pfcRun(const TestPlan &test, const std::string &more) const {
  return shell(fmt::format("{} {} --data {} --out {} --threads 1 {}", PFC_RUN,
                           writePlan(test), (root / "data").string(),
                           (root / "out").string(), more));
}

} // namespace pfc::rt::test

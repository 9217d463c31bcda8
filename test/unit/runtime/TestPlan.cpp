#include "TestPlan.h"

#include "runtime/plan/PlanFile.h"
#include "runtime/plan/Shape.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <unistd.h>

namespace pfc::rt::test {

using namespace plan::fb;

TestPlan::TestPlan() {
  plan.format_version = planFormatVersion;
  plan.compiler_version = "test";
  plan.name = "test";
  plan.spec_hash = std::string(64, '0');
  plan.world_size = 1;
  plan.device = "cpu";
  plan.settings = std::make_unique<SettingsT>();
  SettingsT &settings = *plan.settings;
  settings.backbone = "none";
  settings.embedding_size = settings.classes = settings.batch_per_rank = 4;
  settings.input_height = settings.input_width = settings.input_channels = 1;
  plan.variants.push_back(std::make_unique<VariantT>());
  variant().precision = "fp32";
  variant().programs.push_back(std::make_unique<ProgramT>());
  program().name = "main";
}

uint64_t TestPlan::reserve(DType dtype, const std::vector<int64_t> &shape) {
  uint64_t offset = variant().arena_bytes;
  uint64_t size = byteWidth(dtype);
  for (int64_t extent : shape)
    size *= static_cast<uint64_t>(extent);
  variant().arena_bytes += (size + 63) / 64 * 64;
  return offset;
}

uint32_t TestPlan::buffer(DType dtype, std::vector<int64_t> shape) {
  auto buffer = std::make_unique<BufferT>();
  buffer->dtype = dtype;
  buffer->offset = reserve(dtype, shape);
  buffer->shape = std::move(shape);
  program().buffers.push_back(std::move(buffer));
  return static_cast<uint32_t>(program().buffers.size() - 1);
}

uint32_t TestPlan::named(const std::string &name, DType dtype,
                         std::vector<int64_t> shape) {
  uint32_t index = buffer(dtype, std::move(shape));
  for (auto *bindings : {&program().inputs, &program().outputs}) {
    bindings->push_back(std::make_unique<BindingT>());
    bindings->back()->name = name;
    bindings->back()->buffer = index;
  }
  return index;
}

VariableT &TestPlan::variable(const std::string &name,
                              std::vector<int64_t> shape) {
  auto variable = std::make_unique<VariableT>();
  variable->name = name;
  variable->offset = reserve(DType_F32, shape);
  variable->shape = std::move(shape);
  variable->init = std::make_unique<InitT>();
  variant().variables.push_back(std::move(variable));
  return *variant().variables.back();
}

uint32_t TestPlan::kernel(const std::string &name, uint32_t arguments) {
  auto kernel = std::make_unique<KernelT>();
  kernel->name = name;
  kernel->arguments = arguments;
  variant().kernels.push_back(std::move(kernel));
  return static_cast<uint32_t>(variant().kernels.size() - 1);
}

InstructionT &TestPlan::launch(uint32_t kernel, std::vector<uint32_t> arguments,
                               int64_t extent) {
  LaunchT launch;
  launch.kernel = kernel;
  launch.arguments = std::move(arguments);
  launch.extent = extent;
  return add(std::move(launch));
}

std::vector<std::byte> TestPlan::pack() const {
  flatbuffers::FlatBufferBuilder builder;
  FinishPlanBuffer(builder, Plan::Pack(builder, &plan));
  std::vector<std::byte> packed(builder.GetSize());
  std::memcpy(packed.data(), builder.GetBufferPointer(), packed.size());
  return packed;
}

const Plan &TestPlan::finish() {
  bytes = pack();
  return verifyPlan(bytes.data(), bytes.size(), "test.plan");
}

TestPlan makeFullPlan(int64_t worldSize) {
  TestPlan test;
  test.plan.world_size = worldSize;
  VariableT &weight = test.variable("conv1.weight", {8, 3, 3, 4});
  weight.init->kind = InitKind_Normal;
  weight.init->b = 0.1f;
  weight.export_perm = {0, 3, 1, 2};
  VariableT &centers = test.variable("head.weight", {4, 8});
  centers.shard = std::make_unique<RowShardT>();
  centers.shard->rows = worldSize * 3 + 1; // rank 0 has one more
  centers.shard->first = std::make_unique<RankIntegerT>();
  centers.shard->first->per_rank = 3;
  centers.shard->first->threshold = 1;
  centers.shard->first->per_capped_rank = 1;
  centers.shard->count = std::make_unique<RankIntegerT>();
  centers.shard->count->base = 3;
  centers.shard->count->threshold = 1;
  centers.shard->count->below = 1;

  uint32_t images = test.named("images", DType_F32, {2, 6, 6, 4});
  uint32_t kernelView = test.buffer(DType_F32, {8, 3, 3, 4});
  test.program().buffers[kernelView]->offset = weight.offset;
  uint32_t features = test.buffer(DType_F32, {2, 3, 3, 8});
  uint32_t product = test.named("product", DType_F32, {18, 4});
  uint32_t centersView = test.buffer(DType_F32, {4, 8});
  test.program().buffers[centersView]->offset = centers.offset;
  uint32_t sum = test.buffer(DType_F32, {18, 4});
  uint32_t rank = test.named("rank", DType_I64, {1});
  test.program().constants.push_back(std::make_unique<RankConstantT>());
  test.program().constants[0]->buffer = rank;
  test.program().constants[0]->value = std::make_unique<RankIntegerT>();
  test.program().constants[0]->value->per_rank = 1;

  ConvT conv;
  conv.lhs = images, conv.rhs = kernelView, conv.result = features;
  conv.batch = 2, conv.in_height = conv.in_width = 6;
  conv.in_channels = 4, conv.out_channels = 8;
  conv.kernel = 3, conv.stride = 2, conv.padding = 1;
  test.add(std::move(conv));
  MatmulT matmul;
  matmul.lhs = features, matmul.rhs = centersView, matmul.out = product;
  matmul.m = 18, matmul.n = 4, matmul.k = 8;
  matmul.transpose_rhs = true;
  test.add(std::move(matmul));
  CopyT copy;
  copy.source = product, copy.target = sum;
  test.add(std::move(copy));
  CollectiveT reduce;
  reduce.source = sum, reduce.target = sum;
  test.add(std::move(reduce));
  test.variant().kernel_ir = R"(
define void @twice(ptr %args, i64 %begin, i64 %end) {
entry:
  %source.at = getelementptr ptr, ptr %args, i64 0
  %source = load ptr, ptr %source.at
  %target.at = getelementptr ptr, ptr %args, i64 1
  %target = load ptr, ptr %target.at
  br label %loop
loop:
  %i = phi i64 [ %begin, %entry ], [ %next, %loop ]
  %from = getelementptr float, ptr %source, i64 %i
  %value = load float, ptr %from
  %double = fadd float %value, %value
  %to = getelementptr float, ptr %target, i64 %i
  store float %double, ptr %to
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %end
  br i1 %more, label %loop, label %done
done:
  ret void
}
)";
  test.launch(test.kernel("twice", 2), {sum, product}, 72);
  return test;
}

std::string writeTemporary(const std::string &name,
                           const std::vector<std::byte> &bytes) {
  std::string path =
      testing::TempDir() + "/pfc-" + std::to_string(getpid()) + "-" + name;
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char *>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  return path;
}

} // namespace pfc::rt::test

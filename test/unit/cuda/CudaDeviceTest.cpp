// The CUDA device, task by task, on a driver that is none (fake/FakeCuda.h).
#include "../runtime/TestPlan.h"
#include "CudaTest.h"

#include <bit>
#include <cmath>
#include <numeric>
#include <random>

namespace pfc::rt::test {
namespace {

using namespace plan::fb;
using testing::HasSubstr;

constexpr const char *text = R"(
extern "C" __global__ void scale(float *out, const float *in) {
  out[threadIdx.x] = 2.0f * in[threadIdx.x];
}
)";

class CudaDeviceTest : public CudaTest {
protected:
  std::unique_ptr<Device> device;
  std::byte *arena = nullptr;
  uint64_t used = 0;
  TestPlan plan;

  void open(uint64_t arenaBytes = 1 << 20) {
    device = openDevice("cuda", {1, 0});
    arena = device->allocateArena(arenaBytes).device;
  }

  BufferView place(DType dtype, std::vector<int64_t> shape) {
    BufferView view{arena + used, dtype, std::move(shape)};
    used += (view.bytes() + 63) / 64 * 64;
    return view;
  }

  BufferView hold(const std::vector<float> &values) {
    BufferView view = place(DType_F32, {static_cast<int64_t>(values.size())});
    device->upload(values.data(), view);
    return view;
  }

  std::vector<float> read(const BufferView &view) {
    std::vector<float> values(static_cast<size_t>(view.elements()));
    device->download(view, values.data());
    return values;
  }

  /// Loads `scale` as the plan declares it.
  void loadScale(uint32_t arguments, uint32_t threads, int64_t work,
                 const char *name = "scale") {
    plan.kernel(name, arguments);
    plan.variant().kernels[0]->threads = threads;
    plan.variant().kernel_cuda = text;
    plan.buffer(DType_F32, {1});
    plan.launch(0, std::vector<uint32_t>(arguments, 0), work);
    device->loadKernels(*plan.finish().variants()->Get(0));
  }

  const Launch &scaleLaunch() {
    return *plan.finish()
                .variants()
                ->Get(0)
                ->programs()
                ->Get(0)
                ->instructions()
                ->Get(0)
                ->operation_as_Launch();
  }

  std::unique_ptr<Task> makeScale(BufferView out, BufferView in) {
    return device->makeLaunch(scaleLaunch(), {std::move(out), std::move(in)});
  }

  static void defineScale(size_t elements) {
    fakecuda::define("scale", [=](const std::vector<void *> &arguments) {
      auto *out = static_cast<float *>(arguments[0]);
      auto *in = static_cast<const float *>(arguments[1]);
      for (size_t i = 0; i < elements; ++i)
        out[i] = 2 * in[i];
      return CUDA_SUCCESS;
    });
  }
};

TEST_F(CudaDeviceTest, TakesTheGpuOfItsRank) {
  open();
  EXPECT_THAT(device->describe(), HasSubstr("GPU 0, Fake GPU, sm_80"));
  EXPECT_TRUE(device->supports(""));
  EXPECT_TRUE(device->supports("sm_75"));
  EXPECT_TRUE(device->supports("sm_80"));
  EXPECT_FALSE(device->supports("sm_90"));
  EXPECT_FALSE(device->supports("amx_bf16"));
  EXPECT_FALSE(device->supports("sm_80x"));
  EXPECT_FALSE(device->supports("sm_90a"));
  // Two GPUs: the fourth rank of the machine shares the second.
  EXPECT_THAT(openDevice("cuda", {1, 3})->describe(), HasSubstr("GPU 1"));
}

TEST_F(CudaDeviceTest, SaysThatThereIsNoGpu) {
  setenv("FAKE_CUDA_GPUS", "0", 1);
  std::string none = messageOf([] { openDevice("cuda", {}); });
  unsetenv("FAKE_CUDA_GPUS");
  EXPECT_THAT(none, HasSubstr("finds no GPU"));
  EXPECT_THAT(none, HasSubstr("--device=cpu"));
  setenv("FAKE_CUDA_VERSION", "12020", 1);
  std::string old = messageOf([] { openDevice("cuda", {}); });
  unsetenv("FAKE_CUDA_VERSION");
  EXPECT_THAT(old, HasSubstr("12.2; 12.4 or newer"));
}

TEST_F(CudaDeviceTest, SaysThatTheArenaDoesNotFit) {
  device = openDevice("cuda", {});
  EXPECT_THAT(messageOf([&] { device->allocateArena(uint64_t{2} << 30); }),
              testing::AllOf(
                  HasSubstr("needs 2.0 GiB on a GPU; GPU 0 has 1.0 GiB free"),
                  HasSubstr("with cluster.memory_per_rank = 0.5, which")));
  fakecuda::failNext("cuMemAlloc", CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_THAT(messageOf([&] { device->allocateArena(1 << 20); }),
              HasSubstr("cuMemAlloc of 1.0 MiB: CUDA_ERROR_OUT_OF_MEMORY"));
}

TEST_F(CudaDeviceTest, ArenaStartsAsZero) {
  open();
  EXPECT_EQ(read({arena, DType_F32, {100}}), std::vector<float>(100));
}

// More than the ring of page-locked memory holds, from host memory that is
// overwritten at once, while the GPU does nothing until it is waited for.
TEST_F(CudaDeviceTest, UploadsKeepTheirBytes) {
  constexpr int64_t elements = 10 << 20;
  open(3 * elements * 4);
  std::vector<float> host(elements);
  std::vector<BufferView> views;
  for (int copy = 0; copy < 3; ++copy) {
    std::iota(host.begin(), host.end(), static_cast<float>(copy));
    views.push_back(hold(host));
  }
  for (int copy = 0; copy < 3; ++copy) {
    std::iota(host.begin(), host.end(), static_cast<float>(copy));
    EXPECT_EQ(read(views[copy]), host) << copy;
  }
}

TEST_F(CudaDeviceTest, DownloadsWhatWasThereWhenTheyStarted) {
  open();
  BufferView view = hold({1, 2, 3});
  std::unique_ptr<Download> first = device->startDownload(view);
  std::vector<float> later = {4, 5, 6};
  device->upload(later.data(), view);
  std::unique_ptr<Download> second = device->startDownload(view);
  while (!second->ready()) {
  }
  EXPECT_EQ(reinterpret_cast<const float *>(second->wait())[0], 4);
  EXPECT_TRUE(first->ready());
  EXPECT_EQ(reinterpret_cast<const float *>(first->wait())[2], 3);
}

TEST_F(CudaDeviceTest, LaunchesWhatFitsOnTheChip) {
  open();
  loadScale(2, 256, 1000);
  defineScale(3);
  BufferView in = hold({1, 2, 3}), out = place(DType_F32, {3});
  auto task = makeScale(out, in);
  task->execute();
  EXPECT_EQ(fakecuda::count("run scale"), 0u) << "executing only enqueues";
  EXPECT_THAT(read(out), testing::ElementsAre(2, 4, 6));
  // Four times as many as 4 multiprocessors with room for 2048 threads hold.
  EXPECT_EQ(fakecuda::count("cuLaunchKernel scale 128x256"), 1u);
}

// On a stream of its own, by an eighth of the threads, with the addresses of
// host memory as they are.
TEST_F(CudaDeviceTest, CopiesFromHostMemoryBesideOtherWork) {
  device = openDevice("cuda", {1, 0});
  Arena both = device->allocateArena(1 << 20, 1 << 16);
  arena = both.device;
  auto *rows = reinterpret_cast<float *>(both.host);
  EXPECT_EQ(rows[100], 0);
  std::iota(rows, rows + 3, 1.0f);
  loadScale(2, 256, 1000);
  defineScale(3);
  BufferView host{both.host, DType_F32, {3}};
  BufferView fetched = place(DType_F32, {3}), out = place(DType_F32, {3});
  EnqueuedTransfer fetch = device->makeTransfer(scaleLaunch(), {fetched, host});
  auto use = makeScale(out, fetched);
  fetch.start->execute();
  EXPECT_EQ(fakecuda::count("run scale"), 0u) << "starting only enqueues";
  fetch.finish->execute();
  use->execute();
  EXPECT_THAT(read(out), testing::ElementsAre(4, 8, 12));
  EXPECT_EQ(fakecuda::count("cuLaunchKernel scale 4x256"), 1u);
  EXPECT_EQ(fakecuda::count("cuLaunchKernel scale 128x256"), 1u);
  // Both go into one graph.
  auto recorded = device->record([&] {
    fetch.start->execute();
    fetch.finish->execute();
    use->execute();
  });
  std::iota(rows, rows + 3, 10.0f);
  recorded->execute();
  EXPECT_THAT(read(out), testing::ElementsAre(40, 44, 48));
  device->clearHostMemory();
  EXPECT_EQ(rows[1], 0);
}

TEST_F(CudaDeviceTest, RefusesKernelsThatArentWhatThePlanSays) {
  open();
  EXPECT_THAT(
      messageOf([&] { loadScale(3, 256, 1); }),
      HasSubstr("kernel 'scale' takes 2 arguments of 8, 8 bytes, the plan "
                "gives it 3 of 8, 8, 8"));
}

// An integer and a real, as a plan has them: the first bytes of 64 bits.
TEST_F(CudaDeviceTest, GivesKernelsTheirNumbers) {
  open();
  KernelT &kernel = *plan.variant().kernels[plan.kernel("fill", 1)];
  kernel.threads = 32;
  kernel.numbers = {DType_I32, DType_F32, DType_I64};
  plan.variant().kernel_cuda = R"(
extern "C" __global__ void fill(float *x, int n, float value, long long at) {
  if (threadIdx.x < n)
    x[at + threadIdx.x] = value;
})";
  plan.buffer(DType_F32, {4});
  plan.launch(0, {0}, 1);
  LaunchT &launch = *plan.program().instructions[0]->operation.AsLaunch();
  launch.numbers = {3, std::bit_cast<int32_t>(-0.5f), 1};
  const Variant &variant = *plan.finish().variants()->Get(0);
  device->loadKernels(variant);
  fakecuda::define("fill", [](const std::vector<void *> &arguments) {
    auto number = [&](size_t i) { return uintptr_t(arguments[i]); };
    for (uintptr_t i = 0; i < number(1); ++i)
      static_cast<float *>(arguments[0])[number(3) + i] =
          std::bit_cast<float>(uint32_t(number(2)));
    return CUDA_SUCCESS;
  });
  BufferView x = hold({1, 1, 1, 1});
  auto &op = *variant.programs()->Get(0)->instructions()->Get(0);
  device->makeLaunch(*op.operation_as_Launch(), {x})->execute();
  EXPECT_THAT(read(x), testing::ElementsAre(1, -0.5f, -0.5f, -0.5f));
}

// Between buffers and numbers, of the matrix that the launch gives.
TEST_F(CudaDeviceTest, GivesKernelsTheirTensorMaps) {
  open();
  KernelT &kernel = *plan.variant().kernels[plan.kernel("rows", 2)];
  kernel.threads = 32;
  kernel.tensor_maps = {plan::fb::TensorMap(1, 128, 64)};
  kernel.numbers = {DType_I32};
  plan.variant().kernel_cuda = R"(
struct alignas(64) Map { unsigned long long words[16]; };
extern "C" __global__ void rows(float *x, unsigned short *y,
                                const __grid_constant__ Map map, int n) {
  x[0] = n + reinterpret_cast<unsigned long long>(&map);
})";
  plan.buffer(DType_F32, {1});
  plan.buffer(DType_BF16, {40, 72});
  plan.launch(0, {0, 1}, 1);
  plan.program().instructions[0]->operation.AsLaunch()->numbers = {7};
  const Variant &variant = *plan.finish().variants()->Get(0);
  device->loadKernels(variant);
  BufferView x = hold({0}), y = place(DType_BF16, {40, 72});
  fakecuda::define("rows", [&](const std::vector<void *> &arguments) {
    EXPECT_EQ(arguments[1], fakecuda::host(y.data));
    auto &map = *static_cast<const fakecuda::TensorMap *>(arguments[2]);
    EXPECT_EQ(map.matrix, fakecuda::host(y.data));
    EXPECT_EQ(map.type, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16);
    EXPECT_EQ(map.rows, 40u);
    EXPECT_EQ(map.columns, 72u);
    EXPECT_EQ(map.rowBytes, 144u);
    EXPECT_EQ(map.boxRows, 128u);
    EXPECT_EQ(map.boxColumns, 64u);
    *static_cast<float *>(arguments[0]) = float(uintptr_t(arguments[3]));
    return CUDA_SUCCESS;
  });
  auto &op = *variant.programs()->Get(0)->instructions()->Get(0);
  device->makeLaunch(*op.operation_as_Launch(), {x, y})->execute();
  EXPECT_THAT(read(x), testing::ElementsAre(7));
}

TEST_F(CudaDeviceTest, RefusesNumbersOfAnotherSize) {
  open();
  KernelT &kernel = *plan.variant().kernels[plan.kernel("take", 1)];
  kernel.threads = 32;
  kernel.numbers = {DType_I32};
  plan.variant().kernel_cuda =
      "extern \"C\" __global__ void take(float *x, double n) { x[0] = n; }";
  plan.buffer(DType_F32, {1});
  plan.launch(0, {0}, 1);
  plan.program().instructions[0]->operation.AsLaunch()->numbers = {1};
  const Variant &variant = *plan.finish().variants()->Get(0);
  EXPECT_THAT(messageOf([&] { device->loadKernels(variant); }),
              HasSubstr("takes 2 arguments of 8, 8 bytes, the plan gives it 2 "
                        "of 8, 4"));
}

TEST_F(CudaDeviceTest, RefusesKernelsThatAreNotThere) {
  open();
  EXPECT_THAT(messageOf([&] { loadScale(2, 256, 1, "absent"); }),
              HasSubstr("no kernel 'absent'"));
}

TEST_F(CudaDeviceTest, RefusesBlocksThatAreTooLarge) {
  open();
  EXPECT_THAT(messageOf([&] { loadScale(2, 2048, 1); }),
              HasSubstr("blocks of 2048 threads"));
}

// A chip that gives a block less can load the plan, but not launch it.
TEST_F(CudaDeviceTest, SharedMemoryThatALaunchGives) {
  open();
  for (unsigned bytes : {96u << 10, 200u << 10}) {
    plan = TestPlan();
    KernelT &kernel = *plan.variant().kernels[plan.kernel("share", 1)];
    kernel.threads = 32;
    kernel.shared = bytes;
    plan.variant().kernel_cuda =
        "extern \"C\" __global__ void share(float *x) { x[0] = 2; }";
    plan.buffer(DType_F32, {1});
    plan.launch(0, {0}, 1);
    const Variant &variant = *plan.finish().variants()->Get(0);
    device->loadKernels(variant);
    fakecuda::define("share", [](const std::vector<void *> &arguments) {
      *static_cast<float *>(arguments[0]) = 2;
      return CUDA_SUCCESS;
    });
    BufferView x = hold({1});
    auto launch = [&] {
      auto &op = *variant.programs()->Get(0)->instructions()->Get(0);
      device->makeLaunch(*op.operation_as_Launch(), {x})->execute();
    };
    if (bytes <= 163 << 10) {
      launch();
      EXPECT_THAT(read(x), testing::ElementsAre(2));
    } else {
      EXPECT_THAT(messageOf(launch),
                  HasSubstr("wants 204800 bytes of shared memory"));
    }
  }
}

TEST_F(CudaDeviceTest, RecordsAndReplays) {
  open();
  loadScale(2, 32, 1);
  defineScale(2);
  BufferView a = hold({1, 2}), b = place(DType_F32, {2}),
             c = place(DType_F32, {2});
  auto once = makeScale(b, a), twice = makeScale(c, b);
  auto copy = device->makeCopy(c, a);
  auto recorded = device->record([&] {
    once->execute();
    twice->execute();
    copy->execute();
  });
  ASSERT_TRUE(recorded);
  device->synchronize();
  EXPECT_EQ(fakecuda::count("run scale"), 0u) << "recording does nothing";
  recorded->execute();
  recorded->execute();
  EXPECT_THAT(read(c), testing::ElementsAre(16, 32));
  EXPECT_EQ(fakecuda::count("cuGraphLaunch"), 2u);
  EXPECT_EQ(fakecuda::count("cuGraphInstantiate 3"), 1u);
}

TEST_F(CudaDeviceTest, ARecordingThatFailsLeavesTheStreamUsable) {
  open();
  EXPECT_THAT(
      messageOf([&] { device->record([&] { device->synchronize(); }); }),
      HasSubstr("cuStreamSynchronize"));
  EXPECT_THAT(read(hold({7})), testing::ElementsAre(7));
}

TEST_F(CudaDeviceTest, AsksForAProductOnce) {
  open();
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(CreateMatmul(builder, 0, 1, 2, 2, 2, 2, false, false));
  const auto &op = *flatbuffers::GetRoot<Matmul>(builder.GetBufferPointer());
  auto matrix = [&] { return place(DType_F32, {2, 2}); };
  auto first = device->makeMatmul(op, matrix(), matrix(), matrix());
  auto second = device->makeMatmul(op, matrix(), matrix(), matrix());
  EXPECT_EQ(fakecuda::count("cublasLtMatmulAlgoGetHeuristic"), 1u);
  // Of three at a time it is another.
  builder.Clear();
  builder.Finish(CreateMatmul(builder, 0, 1, 2, 2, 2, 2, false, false, false,
                              /*batch=*/3));
  const auto &each = *flatbuffers::GetRoot<Matmul>(builder.GetBufferPointer());
  auto matrices = [&] { return place(DType_F32, {3, 2, 2}); };
  auto third = device->makeMatmul(each, matrices(), matrices(), matrices());
  EXPECT_EQ(fakecuda::count("cublasLtMatmulAlgoGetHeuristic"), 2u);
}

TEST_F(CudaDeviceTest, SaysWhichLibrariesAPlanUses) {
  open();
  EXPECT_THAT(device->libraries(),
              testing::Not(testing::HasSubstr("cuBLASLt")));
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(CreateMatmul(builder, 0, 1, 2, 2, 2, 2, false, false));
  auto matrix = [&] { return place(DType_F32, {2, 2}); };
  auto product = device->makeMatmul(
      *flatbuffers::GetRoot<Matmul>(builder.GetBufferPointer()), matrix(),
      matrix(), matrix());
  EXPECT_THAT(device->libraries(), testing::EndsWith(", cuBLASLt 13.1.2"));
  builder.Clear();
  builder.Finish(
      CreateConv(builder, ConvKind_Forward, 0, 1, 2, 1, 4, 4, 4, 4, 1, 1, 0));
  auto pixels = [&] { return place(DType_F32, {1, 4, 4, 4}); };
  auto convolution =
      device->makeConv(*flatbuffers::GetRoot<Conv>(builder.GetBufferPointer()),
                       pixels(), place(DType_F32, {4, 1, 1, 4}), pixels());
  EXPECT_THAT(device->libraries(),
              testing::ContainsRegex(", cuBLASLt 13.1.2, cuDNN 9[.0-9]+$"));
}

TEST_F(CudaDeviceTest, NamesAnEngineThatFailsAndWhatLeavesItOut) {
  open();
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(
      CreateConv(builder, ConvKind_Forward, 0, 1, 2, 1, 4, 4, 4, 4, 1, 1, 0));
  const auto &op = *flatbuffers::GetRoot<Conv>(builder.GetBufferPointer());
  auto task = device->makeConv(op, place(DType_F32, {1, 4, 4, 4}),
                               place(DType_F32, {4, 1, 1, 4}),
                               place(DType_F32, {1, 4, 4, 4}));
  setenv("FAKE_CUDNN_BROKEN", "1", 1);
  EXPECT_EQ(messageOf([&] { task->execute(); }),
            "cudnnBackendExecute: CUDNN_STATUS_EXECUTION_FAILED (the engine is "
            "broken); PFC_CUDNN_WITHOUT=3 leaves this engine of cuDNN out");
  unsetenv("FAKE_CUDNN_BROKEN");
}

/// Where cuDNN refuses an fp32 gradient of bf16 operands: when engines are
/// asked for, or the operation itself.
class CudnnRefusalTest : public CudaDeviceTest,
                         public testing::WithParamInterface<const char *> {};
INSTANTIATE_TEST_SUITE_P(Places, CudnnRefusalTest,
                         testing::Values("engines", "operation"));

TEST_P(CudnnRefusalTest, WidensAResultOf16Bits) {
  open();
  setenv("FAKE_CUDNN_NARROW", GetParam(), 1);
  std::vector<uint16_t> ones(64, 0x3f80);
  BufferView in = place(DType_BF16, {1, 4, 4, 4});
  BufferView outGrad = place(DType_BF16, {1, 4, 4, 4});
  BufferView weightGrad = place(DType_F32, {4, 1, 1, 4});
  device->upload(ones.data(), in);
  device->upload(ones.data(), outGrad);
  fakecuda::define("widen", [](const std::vector<void *> &arguments) {
    auto *target = static_cast<float *>(arguments[0]);
    auto *source = static_cast<const uint16_t *>(arguments[1]);
    auto elements = reinterpret_cast<int64_t>(arguments[2]);
    for (int64_t i = 0; i < elements; ++i)
      target[i] = std::bit_cast<float>(uint32_t{source[i]} << 16);
    return CUDA_SUCCESS;
  });
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(CreateConv(builder, ConvKind_BackwardWeights, 0, 1, 2, 1, 4, 4,
                            4, 4, 1, 1, 0));
  const auto &op = *flatbuffers::GetRoot<Conv>(builder.GetBufferPointer());
  auto task = device->makeConv(op, in, outGrad, weightGrad);
  unsetenv("FAKE_CUDNN_NARROW");
  task->execute();
  EXPECT_EQ(read(weightGrad), std::vector<float>(16, 16));
}

} // namespace
} // namespace pfc::rt::test

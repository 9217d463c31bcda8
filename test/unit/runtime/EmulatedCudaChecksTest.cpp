// What the emulated device refuses: each test breaks one rule of CUDA, once, in
// a kernel that a GPU might well execute, and reads kernel, block, thread and
// line in the message. The plainest of each kind are
// test/runtime/emulated-cuda.
#include "EmulatedCudaTest.h"
#include "runtime/exec/Executor.h"

#include <numeric>

namespace pfc::rt::test {
namespace {

using namespace plan::fb;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class EmulatedCudaChecks : public EmulatedCudaTest {
protected:
  std::vector<float> zeros = std::vector<float>(64);
  BufferView x = hold(DType_F32, zeros), y = hold(DType_F32, zeros);
};

//===--- Barriers --------------------------------------------------------===//

TEST_F(EmulatedCudaChecks, BarriersOfTwoBranches) {
  EXPECT_THAT(problem(R"(
extern "C" __global__ void k(float *x) {
  if (threadIdx.x < 32)
    __syncthreads();
  else
    __syncthreads();
})",
                      64, 1, {x}),
              AllOf(StartsWith("kernel 'k': block 0, thread"),
                    HasSubstr("divergent barrier"), HasSubstr("line 4"),
                    HasSubstr("line 6")));
}

// A block is of no use after such an error, but its device is.
TEST_F(EmulatedCudaChecks, TheDeviceGoesOnAfterAnError) {
  EXPECT_THAT(problem(R"(
extern "C" __global__ void k(float *x) {
  if (threadIdx.x != 5)
    __syncthreads();
})",
                      64, 3, {x}),
              HasSubstr("for thread 5"));
  run(R"(
extern "C" __global__ void k(float *x) {
  __syncthreads();
  x[threadIdx.x] = 2.0f;
})",
      64, 1, {x});
  EXPECT_EQ(read<float>(x), std::vector<float>(64, 2.0f));
}

//===--- Warps -----------------------------------------------------------===//

TEST_F(EmulatedCudaChecks, ShuffleThatALaneLeavesOut) {
  EXPECT_THAT(problem(R"(
extern "C" __global__ void k(float *x) {
  float v = x[threadIdx.x];
  if (threadIdx.x != 40)
    v += __shfl_xor_sync(0xffffffffu, v, 1);
  x[threadIdx.x] = v;
})",
                      64, 1, {x}),
              AllOf(StartsWith("kernel 'k': block 0, thread 32: waits in "
                               "__shfl_xor_sync (line 5)"),
                    HasSubstr("for thread 40, which has returned")));
}

TEST_F(EmulatedCudaChecks, MaskWithoutTheCaller) {
  EXPECT_THAT(problem(R"(
extern "C" __global__ void k(float *x) {
  x[threadIdx.x] = __shfl_sync(0x0000ffffu, x[threadIdx.x], 0);
})",
                      32, 1, {x}),
              AllOf(StartsWith("kernel 'k': block 0, thread 16"),
                    HasSubstr("leaves out its own lane 16")));
}

TEST_F(EmulatedCudaChecks, LaneThatTheMaskLeavesOut) {
  EXPECT_THAT(problem(R"(
extern "C" __global__ void k(float *x) {
  if (threadIdx.x < 16)
    x[threadIdx.x] = __shfl_sync(0x0000ffffu, x[threadIdx.x], 16);
})",
                      32, 1, {x}),
              HasSubstr("reads lane 16, which mask 0x0000ffff leaves out"));
}

TEST_F(EmulatedCudaChecks, LanesAtDifferentCalls) {
  EXPECT_THAT(problem(R"(
extern "C" __global__ void k(float *x) {
  if (threadIdx.x & 1)
    __syncwarp();
  else
    x[0] = __any_sync(0xffffffffu, 1);
})",
                      32, 1, {x}),
              AllOf(HasSubstr("diverged"), HasSubstr("__syncwarp (line 4)"),
                    HasSubstr("__ballot_sync (any, all) (line 6)")));
}

//===--- The arena -------------------------------------------------------===//

TEST_F(EmulatedCudaChecks, WriteBeforeABuffer) {
  EXPECT_THAT(
      problem(R"(
__device__ void store(float *at, float value) {
  *at = value; // inlined; the line is this one
}
extern "C" __global__ void k(float *x, float *y) {
  if (blockIdx.x == 2)
    store(y + (int)threadIdx.x - 7, 1.0f);
})",
              8, 3, {x, y}),
      AllOf(StartsWith("kernel 'k': block 2, thread 0: line 3"),
            HasSubstr("out of bounds: writes 4 bytes at byte -28 of argument "
                      "1")));
}

TEST_F(EmulatedCudaChecks, WideAccessAcrossTheEnd) {
  BufferView odd = place(DType_F32, {63});
  EXPECT_THAT(problem(R"(
extern "C" __global__ void k(float *x, float *y) {
  float4 v = reinterpret_cast<const float4 *>(x)[threadIdx.x];
  reinterpret_cast<float4 *>(y)[threadIdx.x] = v;
})",
                      16, 1, {x, odd}),
              AllOf(StartsWith("kernel 'k': block 0, thread 15: line 4"),
                    HasSubstr("argument 1 (63 f32), which has 252 bytes")));
}

TEST_F(EmulatedCudaChecks, FarOutOfTheArena) {
  EXPECT_THAT(problem(R"(
extern "C" __global__ void k(float *x) {
  x[1 << 21] = 1.0f;
})",
                      1, 1, {x}),
              AllOf(StartsWith("kernel 'k': block 0, thread 0: line 3"),
                    HasSubstr("out of bounds")));
}

TEST_F(EmulatedCudaChecks, AtomicOutOfBounds) {
  BufferView sum = place(DType_F32, {1});
  EXPECT_THAT(problem(R"(
extern "C" __global__ void k(float *sum) {
  atomicAdd(&sum[threadIdx.x], 1.0f);
})",
                      2, 1, {sum}),
              AllOf(StartsWith("kernel 'k': block 0, thread 1: line 3"),
                    HasSubstr("out of bounds")));
}

TEST_F(EmulatedCudaChecks, MisalignedAccess) {
  EXPECT_THAT(problem(R"(
extern "C" __global__ void k(float *x, float *y) {
  float4 v = *reinterpret_cast<const float4 *>(x + threadIdx.x);
  y[threadIdx.x] = v.x + v.y + v.z + v.w;
})",
                      8, 1, {x, y}),
              AllOf(StartsWith("kernel 'k': block 0, thread 1: line 3"),
                    HasSubstr("misaligned")));
}

// A chip may read x from a cache that does not see what is written to y.
TEST_F(EmulatedCudaChecks, WriteOfAnArgumentThatAnotherOverlaps) {
  const std::string kernel = R"(
extern "C" __global__ void k(const float *__restrict__ x,
                             float *__restrict__ y, float *__restrict__ z) {
  TARGET[threadIdx.x] = x[threadIdx.x] + y[threadIdx.x];
})";
  BufferView half = x, z = hold(DType_F32, zeros);
  half.data += 128, half.shape = {32};
  EXPECT_THAT(problem("#define TARGET y" + kernel, 32, 1, {x, half, z}),
              AllOf(StartsWith("kernel 'k': block 0, thread 0: line 4"),
                    HasSubstr("writes argument 1 (32 f32), which argument 0 "
                              "overlaps")));
  EXPECT_EQ(problem("#define TARGET z" + kernel, 32, 1, {x, half, z}),
            "nothing");
  EXPECT_THAT(problem("#define TARGET z" + kernel, 33, 1, {x, half, z}),
              HasSubstr("at byte 128 of argument 1"));
}

//===--- Shared memory ---------------------------------------------------===//

TEST_F(EmulatedCudaChecks, SharedWriteOutOfBounds) {
  EXPECT_THAT(problem(R"(
extern "C" __global__ void k(float *y) {
  __shared__ float tile[4][8];
  tile[threadIdx.x / 8][threadIdx.x % 8] = 1.0f;
})",
                      33, 1, {y}),
              AllOf(StartsWith("kernel 'k': block 0, thread 32: line 4"),
                    HasSubstr("out of bounds: writes 4 bytes at byte 128 of "
                              "shared array 'tile', which has 128 bytes")));
}

// What one block wrote is nothing to the next.
TEST_F(EmulatedCudaChecks, SharedReadOfAnotherBlock) {
  EXPECT_THAT(problem(R"(
extern "C" __global__ void k(float *y) {
  __shared__ float tile[64];
  if (blockIdx.x == 0)
    tile[threadIdx.x] = 1.0f;
  __syncthreads();
  y[threadIdx.x] = tile[threadIdx.x];
})",
                      64, 2, {y}),
              StartsWith("kernel 'k': block 1, thread 0: line 7"));
}

TEST_F(EmulatedCudaChecks, MoreSharedMemoryThanAnyChipHas) {
  EXPECT_THAT(problem(R"(
extern "C" __global__ void k(float *y) {
  __shared__ float tile[60000];
  tile[threadIdx.x] = 1.0f;
})",
                      1, 1, {y}),
              HasSubstr("shared array 'tile' of 240000 bytes"));
}

//===--- Races in shared memory ------------------------------------------===//

// Executed in the threads' order, these give the right results.
TEST_F(EmulatedCudaChecks, WriteWithoutABarrierAfterTheRead) {
  EXPECT_THAT(problem(R"(
extern "C" __global__ void k(float *y) {
  __shared__ float tile[64];
  for (int round = 0; round < 2; ++round) {
    tile[threadIdx.x] = round;
    __syncthreads();
    y[threadIdx.x] = tile[(threadIdx.x + 1) % 64];
  }
})",
                      64, 1, {y}),
              AllOf(StartsWith("kernel 'k': block 0, thread 1: line 5"),
                    HasSubstr("writes 4 bytes at byte 4 of"),
                    HasSubstr("which thread 0 read, with no barrier between")));
}

TEST_F(EmulatedCudaChecks, WritesOfTwoThreads) {
  EXPECT_THAT(problem(R"(
extern "C" __global__ void k(float *y) {
  __shared__ float tile[32];
  tile[threadIdx.x / 2] = threadIdx.x;
})",
                      64, 1, {y}),
              AllOf(StartsWith("kernel 'k': block 0, thread 1: line 4"),
                    HasSubstr("which thread 0 wrote")));
}

TEST_F(EmulatedCudaChecks, ShufflesOrderNoMemory) {
  const std::string kernel = R"(
extern "C" __global__ void k(float *y) {
  __shared__ float tile[64];
  tile[threadIdx.x] = threadIdx.x;
  SYNC;
  y[threadIdx.x] = tile[threadIdx.x ^ 1];
  SYNC;
  tile[threadIdx.x] = y[threadIdx.x];
})";
  auto with = [&](const std::string &sync) {
    return problem("#define SYNC " + sync + kernel, 64, 1, {y});
  };
  EXPECT_THAT(
      with("__shfl_xor_sync(~0u, 1, 1)"),
      AllOf(StartsWith("kernel 'k': block 0, thread"), HasSubstr("a race")));
  EXPECT_EQ(with("__syncwarp()"), "nothing");
  EXPECT_EQ(with("__syncthreads()"), "nothing");
}

TEST_F(EmulatedCudaChecks, WarpSyncOrdersItsWarpAlone) {
  EXPECT_THAT(problem(R"(
extern "C" __global__ void k(float *y) {
  __shared__ float tile[64];
  tile[threadIdx.x] = threadIdx.x;
  __syncwarp();
  y[threadIdx.x] = tile[threadIdx.x % 32];
})",
                      64, 1, {y}),
              AllOf(StartsWith("kernel 'k': block 0, thread 63: line 6"),
                    HasSubstr("which thread 31 wrote")));
}

TEST_F(EmulatedCudaChecks, AtomicsRaceOnlyWithOthers) {
  const std::string kernel = R"(
extern "C" __global__ void k(float *y) {
  __shared__ unsigned count;
  if (threadIdx.x == 0)
    count = 0;
  __syncthreads();
  atomicAdd(&count, 1u);
  SYNC;
  y[threadIdx.x] = count;
})";
  EXPECT_EQ(problem("#define SYNC __syncthreads()" + kernel, 64, 1, {y}),
            "nothing");
  EXPECT_EQ(read<float>(y), std::vector<float>(64, 64.0f));
  EXPECT_THAT(problem("#define SYNC" + kernel, 64, 1, {y}),
              AllOf(StartsWith("kernel 'k': block 0, thread 1: line 7"),
                    HasSubstr("a race")));
}

//===--- Plans -----------------------------------------------------------===//

TEST_F(EmulatedCudaChecks, TextThatDoesNotCompile) {
  EXPECT_THAT(problem(R"(
extern "C" __global__ void k(float *y) {
  y[threadIdx.x] = undeclared;
})",
                      1, 1, {y}),
              AllOf(HasSubstr("cannot compile the plan's kernels"),
                    HasSubstr("plan.cu:3"), HasSubstr("undeclared")));
}

TEST_F(EmulatedCudaChecks, KernelThatTheTextLacks) {
  EXPECT_THAT(problem("__device__ int unused;\n", 1, 1, {y}),
              HasSubstr("table of kernels:2"));
}

TEST_F(EmulatedCudaChecks, AnotherNumberOfArguments) {
  EXPECT_THAT(problem("extern \"C\" __global__ void k(float *, float *) {}\n",
                      1, 1, {y}),
              HasSubstr("kernel 'k' takes 2 arguments, the plan gives it 1"));
}

TEST_F(EmulatedCudaChecks, PlanOfTheCpu) {
  EXPECT_THAT(problem("", 1, 1, {y}), HasSubstr("cluster.device"));
}

TEST_F(EmulatedCudaChecks, CompilerThatIsMissing) {
  setenv("PFC_HOST_CXX", "no-such-compiler", 1);
  std::string message =
      problem("extern \"C\" __global__ void k(float *) {}\n", 1, 1, {y});
  unsetenv("PFC_HOST_CXX");
  EXPECT_THAT(message,
              AllOf(HasSubstr("no-such-compiler"), HasSubstr("PFC_HOST_CXX")));
}

// As a person sees it: where in the plan, on which rank, and what.
TEST_F(EmulatedCudaChecks, ErrorsNameTheInstruction) {
  TestPlan test;
  uint32_t values = test.named("values", DType_F32, {4});
  test.variant().kernel_cuda = R"(
extern "C" __global__ void twice(float *x) {
  x[threadIdx.x] *= 2;
})";
  uint32_t kernel = test.kernel("twice", 1);
  test.variant().kernels[0]->threads = 32;
  test.launch(kernel, {values}, 1);
  const Plan &plan = test.finish();
  std::unique_ptr<Device> fresh = openDevice("emulated-cuda", {1});
  std::unique_ptr<Communicator> alone = makeSelfCommunicator();
  Executor executor(plan, *plan.variants()->Get(0), *fresh, *alone);
  try {
    executor.run("main");
    FAIL();
  } catch (const Error &error) {
    EXPECT_THAT(error.what(),
                StartsWith("program 'main', instruction 0 (layer1.0.conv1), "
                           "rank 0: kernel 'twice': block 0, thread 4: line 3 "
                           "(`x[threadIdx.x] *= 2;`): out of bounds"));
  }
}

TEST_F(EmulatedCudaChecks, TurnedOff) {
  setenv("PFC_EMULATION_CHECKS", "off", 1);
  device = openDevice("emulated-cuda", {2});
  unsetenv("PFC_EMULATION_CHECKS");
  arena = device->allocateArena(arenaBytes).device;
  used = 0;
  x = hold(DType_F32, std::vector<float>{1, 2, 3, 4});
  y = hold(DType_F32, std::vector<float>(16, 5));
  run(R"(
extern "C" __global__ void k(const float *x, float *y) {
  y[threadIdx.x] = x[threadIdx.x + 16];
})",
      16, 1, {x, y});
  EXPECT_EQ(read<float>(y), std::vector<float>(16, 5));
  // An atomic access of what a plain one has written.
  BufferView sums = hold(DType_I32, std::vector<int32_t>(16));
  run(R"(
extern "C" __global__ void k(int *sums) {
  __shared__ int counts[16];
  counts[threadIdx.x] = threadIdx.x;
  __syncthreads();
  atomicAdd(&counts[15 - threadIdx.x], 1);
  __syncthreads();
  sums[threadIdx.x] = counts[threadIdx.x];
})",
      16, 1, {sums});
  std::vector<int32_t> expected(16);
  std::iota(expected.begin(), expected.end(), 1);
  EXPECT_EQ(read<int32_t>(sums), expected);
}

} // namespace
} // namespace pfc::rt::test

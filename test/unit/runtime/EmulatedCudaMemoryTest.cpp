// What threads may not access on the emulated device, and not without a
// barrier. Each test breaks one rule of CUDA, once, in a kernel that a GPU
// might well execute, and reads kernel, block, thread and line in the message.
// The plainest of each kind are test/runtime/emulated-cuda.
#include "EmulatedCudaTest.h"

namespace pfc::rt::test {
namespace {

using namespace plan::fb;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

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

} // namespace
} // namespace pfc::rt::test

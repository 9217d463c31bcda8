// What the emulated device refuses: each test breaks one rule of CUDA, once, in
// a kernel that a GPU might well execute, and reads kernel, block, thread and
// line in the message. The plainest of each kind are
// test/runtime/emulated-cuda.
#include "EmulatedCudaTest.h"
#include "runtime/exec/Executor.h"

#include <cmath>
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

//===--- Tensor cores ----------------------------------------------------===//

/// A kernel that copies 64 floats to shared memory, does `then`, and writes
/// shared[i] to y[i].
static std::string copying(const std::string &then) {
  return R"(
extern "C" __global__ void k(const float *x, float *y) {
  __shared__ __align__(16) float shared[64];
  int t = threadIdx.x;
  if (t < 16)
    pfc::copyAsync(shared + 4 * t, x + 4 * t, t < 15);
  )" + then +
         R"(
  y[t] = shared[t];
})";
}

TEST_F(EmulatedCudaChecks, CopiesAreThereAfterTheirWait) {
  std::vector<float> counted(64);
  std::iota(counted.begin(), counted.end(), 1.0f);
  BufferView source = hold(DType_F32, counted);
  run(copying("pfc::commitCopies(); pfc::waitCopies<0>(); __syncthreads();"),
      64, 1, {source, y});
  std::fill(counted.end() - 4, counted.end(), 0.0f); // not inside
  EXPECT_EQ(read<float>(y), counted);
}

// Of two groups the first is waited for.
TEST_F(EmulatedCudaChecks, CopiesThatAreNotWaitedFor) {
  run(copying("pfc::commitCopies(); pfc::commitCopies(); pfc::waitCopies<1>(); "
              "__syncthreads();"),
      64, 1, {x, y});
  EXPECT_EQ(read<float>(y), zeros);
  run(copying("pfc::commitCopies(); pfc::waitCopies<1>(); __syncthreads();"),
      64, 1, {x, y});
  EXPECT_TRUE(std::isnan(read<float>(y)[0]));
}

TEST_F(EmulatedCudaChecks, CopiesWithoutABarrier) {
  EXPECT_THAT(problem(copying("pfc::commitCopies(); pfc::waitCopies<0>();"), 64,
                      1, {x, y}),
              HasSubstr("race"));
}

TEST_F(EmulatedCudaChecks, CopyIntoWhatIsBeingRead) {
  EXPECT_THAT(problem(R"(
extern "C" __global__ void k(const float *x, float *y) {
  __shared__ __align__(16) float shared[64];
  int t = threadIdx.x;
  shared[t] = x[t];
  __syncthreads();
  y[t] = shared[t ^ 32];
  if (t < 16)
    pfc::copyAsync(shared + 4 * t, x + 4 * t, true);
  pfc::commitCopies();
  pfc::waitCopies<0>();
})",
                      64, 1, {x, y}),
              AllOf(HasSubstr("race"), HasSubstr("line 9")));
}

TEST_F(EmulatedCudaChecks, CopyFromAMisalignedAddress) {
  EXPECT_THAT(problem(R"(
extern "C" __global__ void k(const float *x, float *y) {
  __shared__ __align__(16) float shared[64];
  pfc::copyAsync(shared, x + 1, true);
})",
                      1, 1, {x, y}),
              AllOf(HasSubstr("misaligned"), HasSubstr("line 4")));
}

TEST_F(EmulatedCudaChecks, CopyFromBeyondTheEnd) {
  EXPECT_THAT(problem(R"(
extern "C" __global__ void k(const float *x, float *y) {
  __shared__ __align__(16) float shared[64];
  pfc::copyAsync(shared, x + 64, true);
})",
                      1, 1, {x, y}),
              HasSubstr("out of bounds: reads 16 bytes"));
}

/// A warpgroup's product, of which something is left out or different.
static std::string
groupProduct(const std::string &publish, const std::string &begin, int first,
             const std::string &end = "pfc::waitProducts<0>(sums)") {
  return fmt::format(R"(
#include <cuda_bf16.h>
extern "C" __global__ void k(const __nv_bfloat16 *x, float *y) {{
  extern __shared__ __align__(1024) __nv_bfloat16 shared[];
  int t = threadIdx.x;
  for (int i = 0; i < 8; ++i)
    pfc::copyAsync(shared + 8 * (128 * i + t), x, true);
  pfc::commitCopies();
  pfc::waitCopies<0>();
  {0};
  __syncthreads();
  float sums[64] = {{}};
  unsigned long long rows = pfc::sharedAddress(shared + {2}) >> 4 |
                            64ull << 32 | 1ull << 62;
  {1};
  pfc::multiplyGroup(sums, rows, rows, x);
  pfc::commitProducts();
  {3};
  y[t % 64] = sums[0];
}})",
                     publish, begin, first, end);
}

TEST_F(EmulatedCudaChecks, ProductsOfWarpgroups) {
  shared = 16 << 10;
  std::vector<uint16_t> ones(8, 0x3f80);
  std::vector<BufferView> buffers = {hold(DType_BF16, ones), y};
  const char *publish = "pfc::publishShared()",
             *begin = "pfc::beginProducts(sums)";
  run(groupProduct(publish, begin, 0), 128, 1, buffers);
  EXPECT_EQ(read<float>(y), std::vector<float>(64, 16));
  EXPECT_THAT(problem(groupProduct("", begin, 0), 128, 1, buffers),
              HasSubstr("without publishShared (fence.proxy.async)"));
  EXPECT_THAT(problem(groupProduct(publish, "", 0), 128, 1, buffers),
              HasSubstr("without beginProducts (wgmma.fence)"));
  EXPECT_THAT(problem(groupProduct(publish, begin, 64), 128, 1, buffers),
              HasSubstr("do not begin at a multiple of 1024 bytes"));
  // There are no sums yet.
  run(groupProduct(publish, begin, 0, "pfc::waitProducts<1>(sums)"), 128, 1,
      buffers);
  EXPECT_EQ(read<float>(y), std::vector<float>(64, 0));
  // The products may still read what is written.
  EXPECT_THAT(problem(groupProduct(publish, begin, 0,
                                   "pfc::waitProducts<1>(sums);\n"
                                   "__syncthreads();\n"
                                   "shared[t] = x[0];\n"
                                   "pfc::waitProducts<0>(sums)"),
                      128, 1, buffers),
              HasSubstr("race"));
}

/// Copies a box of 8 x 32 floats from (row, column) of `x`, does what `steps`
/// say, and writes box[i] to y[i].
class EmulatedCudaBoxes : public EmulatedCudaChecks {
protected:
  EmulatedCudaBoxes() {
    shared = 2048;
    maps = {TensorMap(0, 8, 32)};
    std::vector<float> counted(10 * 36);
    std::iota(counted.begin(), counted.end(), 1.0f);
    matrix = hold(DType_F32, counted);
    matrix.shape = {10, 36};
  }

  static std::string kernel(const std::string &steps) {
    return R"(
extern "C" __global__ void k(const float *x, float *y,
                             const __grid_constant__ pfc::TensorMap map) {
  extern __shared__ __align__(1024) float box[];
  unsigned long long *barrier = (unsigned long long *)(box + 256);
  int t = threadIdx.x;
  )" + steps +
           R"(
  for (int i = t; i < 256; i += 64)
    y[i] = box[i];
})";
  }
  /// The rules, each of which a test leaves out.
  std::string make = "if (t == 0) pfc::makeBarrier(barrier, 1);\n",
              publish = "pfc::publishShared();\n", sync = "__syncthreads();\n",
              expect = "if (t == 0) pfc::arriveExpecting(barrier, 1024);\n",
              copy = "if (t == 0) pfc::copyBox(box, map, 4, 8, barrier);\n",
              wait = "pfc::waitPhase(barrier, 0);\n";

  std::string problemOf(const std::string &steps) {
    return problem(kernel(steps), 64, 1, {matrix, result});
  }

  BufferView matrix, result = hold(DType_F32, std::vector<float>(256, -1));
};

// With zeros beyond the matrix, and chunks of 4 floats exchanged.
TEST_F(EmulatedCudaBoxes, AreThereAfterTheirPhase) {
  run(kernel(make + publish + sync + expect + copy + wait), 64, 1,
      {matrix, result});
  std::vector<float> expected(256);
  for (int r = 0; r < 8; ++r)
    for (int c = 0; c < 32; ++c)
      if (r + 4 < 10 && c + 8 < 36)
        expected[r * 32 + ((c / 4) ^ r) * 4 + c % 4] =
            static_cast<float>((r + 4) * 36 + c + 8 + 1);
  EXPECT_EQ(read<float>(result), expected);
}

// Threads that came first wait for a copy that begins later.
TEST_F(EmulatedCudaBoxes, WakeThreadsThatWait) {
  std::string late = "if (t == 63) pfc::arriveExpecting(barrier, 1024);\n"
                     "if (t == 63) pfc::copyBox(box, map, 0, 0, barrier);\n";
  run(kernel(make + publish + sync + late + wait), 64, 1, {matrix, result});
  EXPECT_EQ(read<float>(result)[0], 1);
  // The second phase of the barrier has parity 1.
  std::string again = "pfc::waitPhase(barrier, 1);\n";
  run(kernel(make + publish + sync + expect + copy + wait + sync + expect +
             copy + again),
      64, 1, {matrix, result});
  EXPECT_EQ(read<float>(result)[0], 4 * 36 + 8 + 1);
}

TEST_F(EmulatedCudaBoxes, ThatNobodyWaitedFor) {
  const char *unseen = "did not wait at its barrier (mbarrier)";
  EXPECT_THAT(problemOf(make + publish + sync + expect + copy),
              AllOf(HasSubstr(unseen), HasSubstr("thread 0: line")));
  EXPECT_THAT(
      problemOf(make + publish + sync + expect + copy + "if (t != 40) " + wait),
      AllOf(HasSubstr(unseen), HasSubstr("thread 40: line")));
  EXPECT_EQ(problemOf(make + publish + sync + expect + copy + "if (t == 40) " +
                      wait + sync),
            "nothing");
}

TEST_F(EmulatedCudaBoxes, ThatNoArrivalExpects) {
  const char *inVain = "waits at a barrier of copies (mbarrier) in vain: ";
  EXPECT_THAT(
      problemOf(make + publish + sync + copy + wait),
      AllOf(HasSubstr(inVain), HasSubstr("1024 bytes came that no arrival")));
  EXPECT_THAT(problemOf(make + publish + sync + expect + wait),
              AllOf(HasSubstr(inVain),
                    HasSubstr("0 arrivals and 1024 bytes have not come")));
  EXPECT_THAT(problemOf(make + publish + sync + expect + expect + copy + wait),
              HasSubstr("whose phase has had all its arrivals"));
}

TEST_F(EmulatedCudaBoxes, WithABarrierThatIsNotReady) {
  EXPECT_THAT(problemOf(expect), HasSubstr("that nobody made"));
  EXPECT_THAT(problemOf(make + sync + expect + copy + wait),
              HasSubstr("made without publishShared (fence.proxy.async)"));
  EXPECT_THAT(problemOf(make + publish + expect + copy + wait),
              HasSubstr("a race"));
  EXPECT_THAT(problemOf(make + make), HasSubstr("where there is one"));
  EXPECT_THAT(problemOf("pfc::dropBarrier(barrier);\n"),
              HasSubstr("where there is none"));
  EXPECT_THAT(problemOf(make + publish + sync + expect + copy + wait +
                        "if (t == 63) pfc::dropBarrier(barrier);\n"),
              HasSubstr("a race"));
}

TEST_F(EmulatedCudaBoxes, OverWhatThreadsTouch) {
  std::string write = "box[t] = 1;\n";
  EXPECT_THAT(
      problemOf(make + publish + write + sync + expect + copy + wait),
      HasSubstr(
          "without publishShared (fence.proxy.async) before the barrier"));
  EXPECT_THAT(problemOf(make + publish + sync + expect + copy + write + wait),
              HasSubstr("did not wait at its barrier"));
  EXPECT_EQ(problemOf(make + write + publish + sync + expect + copy + wait),
            "nothing");
  EXPECT_THAT(problemOf(make + publish + sync + expect +
                        "if (t == 0) pfc::copyBox(box + 16, map, 0, 0, "
                        "barrier);\n"),
              HasSubstr("no multiple of 128"));
  EXPECT_THAT(problemOf(make + publish + sync + expect +
                        "if (t == 0) pfc::copyBox(box + 480, map, 0, 0, "
                        "barrier);\n"),
              HasSubstr("out of bounds"));
}

TEST_F(EmulatedCudaChecks, MatricesThatALaneLeavesOut) {
  EXPECT_THAT(problem(R"(
extern "C" __global__ void k(const float *x, float *y) {
  __shared__ __align__(16) float shared[128];
  for (int i = threadIdx.x; i < 128; i += 32)
    shared[i] = 0;
  __syncthreads();
  unsigned matrices[4];
  if (threadIdx.x != 7)
    pfc::loadMatrices(matrices, shared + threadIdx.x * 4);
  y[threadIdx.x] = matrices[0];
})",
                      32, 1, {x, y}),
              AllOf(HasSubstr("ldmatrix"), HasSubstr("for thread 7")));
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

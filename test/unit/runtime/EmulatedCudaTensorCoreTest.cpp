// Asynchronous copies and products on the emulated device: what they do, and
// what they refuse. Each test breaks one rule of CUDA, once, in a kernel that a
// GPU might well execute, and reads kernel, block, thread and line in the
// message. The plainest of each kind are test/runtime/emulated-cuda.
#include "EmulatedCudaTest.h"

#include <cmath>
#include <numeric>

namespace pfc::rt::test {
namespace {

using namespace plan::fb;
using testing::AllOf;
using testing::HasSubstr;

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

} // namespace
} // namespace pfc::rt::test

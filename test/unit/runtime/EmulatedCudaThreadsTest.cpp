// How threads may not meet on the emulated device: at barriers and in warps.
// Each test breaks one rule of CUDA, once, in a kernel that a GPU might well
// execute, and reads kernel, block, thread and line in the message. The
// plainest of each kind are test/runtime/emulated-cuda.
#include "EmulatedCudaTest.h"

namespace pfc::rt::test {
namespace {

using namespace plan::fb;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

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

} // namespace
} // namespace pfc::rt::test

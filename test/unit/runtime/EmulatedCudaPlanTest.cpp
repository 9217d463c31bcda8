// Plans that the emulated device refuses, and how their errors are told.
#include "EmulatedCudaTest.h"
#include "runtime/exec/Executor.h"

#include <numeric>

namespace pfc::rt::test {
namespace {

using namespace plan::fb;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

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

// A whole program on the CUDA device: calls in order, nothing waited for inside
// a step, one graph a step, and failures with their instruction and rank.
#include "../runtime/TestPlan.h"
#include "CudaTest.h"
#include "runtime/comm/Communicator.h"
#include "runtime/exec/Executor.h"
#include "runtime/exec/ProgramRunner.h"

#include <chrono>
#include <filesystem>
#include <thread>
#include <unistd.h>

namespace pfc::rt::test {
namespace {

using namespace plan::fb;
using testing::AllOf;
using testing::HasSubstr;

/// x -> doubled -> collective, if wanted -> x doubled twice.
class CudaExecutorTest : public CudaTest {
protected:
  TestPlan plan;
  std::unique_ptr<Device> device;
  std::unique_ptr<Communicator> communicator = makeSelfCommunicator();
  std::unique_ptr<Executor> executor;

  /// With `asTransfer` the first launch goes on under the collective.
  void build(bool withCollective, bool asTransfer = false) {
    uint32_t x = plan.named("x", DType_F32, {4});
    uint32_t y = plan.buffer(DType_F32, {4});
    uint32_t z = plan.named("z", DType_F32, {4});
    uint32_t kernel = addScale(plan);
    InstructionT &first = plan.launch(kernel, {y, x}, 1);
    first.location = "first";
    if (asTransfer) {
      first.operation.AsLaunch()->transfer = true;
      first.operation.AsLaunch()->writes = {0};
    }
    if (withCollective) {
      CollectiveT sum;
      sum.kind = CollectiveKind_AllReduceSum;
      sum.source = sum.target = asTransfer ? plan.buffer(DType_F32, {4}) : y;
      plan.add(std::move(sum)).location = "sum";
    }
    if (asTransfer)
      plan.add(WaitT{});
    plan.launch(kernel, {z, y}, 1).location = "second";
    const Plan &finished = plan.finish();
    device = openDevice("cuda", {});
    executor = std::make_unique<Executor>(
        finished, *finished.variants()->Get(0), *device, *communicator);
    define(CUDA_SUCCESS, 0);
  }

  /// `scale` fails with `status` when it has run `good` times.
  static void define(CUresult status, int good) {
    fakecuda::define("scale", [=, runs = 0](const auto &arguments) mutable {
      for (int i = 0; i < 4; ++i)
        static_cast<float *>(arguments[0])[i] =
            2 * static_cast<const float *>(arguments[1])[i];
      return runs++ < good ? CUDA_SUCCESS : status;
    });
  }

  void setX(float value) {
    std::vector<float> x(4, value);
    executor->setInput("main", "x", x.data(), 16);
  }
};

TEST_F(CudaExecutorTest, AStepIsOneGraphThatNobodyWaitsFor) {
  build(false);
  setX(1);
  executor->run("main"); // waits for each instruction
  setX(2);
  executor->run("main"); // records
  fakecuda::calls().clear();
  std::vector<PendingOutput> outputs;
  for (int step = 3; step < 6; ++step) {
    setX(static_cast<float>(step));
    executor->start("main");
    outputs.push_back(executor->startOutput("main", "z"));
  }
  EXPECT_EQ(fakecuda::count("cuGraphLaunch"), 3u);
  EXPECT_EQ(fakecuda::count("cuStreamSynchronize"), 0u);
  EXPECT_EQ(fakecuda::count("cuEventSynchronize"), 0u);
  EXPECT_EQ(fakecuda::count("cuLaunchKernel scale 1x32"), 0u);
  EXPECT_EQ(fakecuda::count("run scale"), 0u);
  for (int step = 3; step < 6; ++step)
    EXPECT_EQ(outputs[step - 3].wait(), std::vector<float>(4, 4.0f * step));
}

// Device memory is none of the host's: the sum is formed on copies.
TEST_F(CudaExecutorTest, CollectivesGoThroughHostMemory) {
  build(true);
  for (int step = 1; step < 4; ++step) {
    setX(static_cast<float>(step));
    executor->run("main");
    EXPECT_EQ(executor->output("main", "z"),
              std::vector<float>(4, 4.0f * step));
  }
  // Two graphs a step, before and after the collective, from the second on.
  EXPECT_EQ(fakecuda::count("cuGraphLaunch"), 4u);
}

/// x -> doubled -> doubled, or "both", which multiplies by `factor` at once.
/// The doubling takes a while.
class CudaFormsTest : public CudaExecutorTest {
protected:
  void build(float factor) {
    std::filesystem::remove_all(folder);
    setenv("PFC_CACHE_DIR", folder.c_str(), 1);
    uint32_t x = plan.named("x", DType_F32, {4});
    uint32_t y = plan.buffer(DType_F32, {4});
    uint32_t z = plan.named("z", DType_F32, {4});
    uint32_t scale = plan.kernel("scale", 2), both = plan.kernel("both", 2);
    for (auto &kernel : plan.variant().kernels)
      kernel->threads = 32;
    plan.variant().kernel_cuda =
        "extern \"C\" __global__ void scale(float *out, const float *in) {\n"
        "  out[threadIdx.x] = 2.0f * in[threadIdx.x];\n}\n"
        "extern \"C\" __global__ void both(float *out, const float *in) {\n"
        "  out[threadIdx.x] = 4.0f * in[threadIdx.x];\n}\n";
    plan.launch(scale, {y, x}, 1);
    plan.launch(scale, {z, y}, 1);
    for (const char *chip : {"sm_80", "sm_90a"}) {
      auto form = std::make_unique<AlternativeT>();
      form->first = 0, form->count = 2, form->requires_ = chip;
      form->results = {z};
      auto launch = std::make_unique<InstructionT>();
      LaunchT call;
      call.kernel = both, call.arguments = {z, x}, call.extent = 1;
      launch->operation.Set(std::move(call));
      form->instructions.push_back(std::move(launch));
      plan.program().alternatives.push_back(std::move(form));
    }
    const Plan &finished = plan.finish();
    device = openDevice("cuda", {});
    executor = std::make_unique<Executor>(
        finished, *finished.variants()->Get(0), *device, *communicator);
    multiplying("scale", 2, 10);
    multiplying("both", factor, 0);
  }
  ~CudaFormsTest() override {
    setenv("PFC_CACHE_DIR", PFC_TEST_CACHE, 1);
    std::filesystem::remove_all(folder);
  }

  static void multiplying(const std::string &kernel, float factor,
                          int milliseconds) {
    fakecuda::define(kernel, [=](const auto &arguments) {
      for (int i = 0; i < 4; ++i)
        static_cast<float *>(arguments[0])[i] =
            factor * static_cast<const float *>(arguments[1])[i];
      std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
      return CUDA_SUCCESS;
    });
  }

  void runThreeSteps() { runSteps(1, 3); }
  void runSteps(int first, int last) {
    for (int step = first; step <= last; ++step) {
      setX(static_cast<float>(step));
      executor->run("main");
      EXPECT_EQ(executor->output("main", "z"),
                std::vector<float>(4, 4.0f * step));
    }
  }

  std::string folder =
      testing::TempDir() + "/cuda-forms-" + std::to_string(getpid());
};

// In the first step; the graph of the others has the fastest alone.
TEST_F(CudaFormsTest, AreMeasuredBeforeAStepIsRecorded) {
  build(4);
  runSteps(1, 1);
  // As the graphs that they are timed as; 5 ms of each.
  EXPECT_GE(fakecuda::count("cuGraphLaunch"), 2u);
  fakecuda::calls().clear();
  runSteps(2, 4);
  EXPECT_EQ(fakecuda::count("cuGraphInstantiate 1"), 1u);
  EXPECT_EQ(fakecuda::count("cuGraphLaunch"), 3u);
}

// Looking at each instruction is not a step, and chooses nothing.
TEST_F(CudaFormsTest, AreMeasuredAfterALookAtEachInstruction) {
  build(4);
  setX(1);
  executor->runEach("main", [](uint32_t) {}, [](uint32_t) {});
  runThreeSteps();
  EXPECT_EQ(fakecuda::count("cuGraphInstantiate 1"), 1u);
}

TEST_F(CudaFormsTest, AreOutIfTheyComputeSomethingElse) {
  build(5);
  testing::internal::CaptureStderr();
  runThreeSteps();
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("warning: both computes something else"));
  EXPECT_EQ(fakecuda::count("cuGraphInstantiate 2"), 1u);
}

// A transfer is part of its step's graph.
TEST_F(CudaExecutorTest, TransfersGoOnOnAnotherStream) {
  build(false, true);
  for (int step = 1; step < 4; ++step) {
    setX(static_cast<float>(step));
    executor->run("main");
    EXPECT_EQ(executor->output("main", "z"),
              std::vector<float>(4, 4.0f * step));
  }
  EXPECT_EQ(fakecuda::count("cuGraphLaunch"), 2u);
}

// Looked at one by one it has ended before the next begins; timed one by one it
// is in no graph, which it would leave.
TEST_F(CudaExecutorTest, TransfersAreLookedAtAndTimedAlone) {
  build(false, true);
  setX(1);
  executor->runEach(
      "main", [](uint32_t) {}, [&](uint32_t) { EXPECT_TRUE(device->idle()); });
  EXPECT_EQ(executor->output("main", "z"), std::vector<float>(4, 4.0f));
  executor->run("main");
  std::vector<double> seconds = executor->runner("main").timeEach(
      3, ProgramRunner::As::Said, [](uint32_t) { return true; });
  EXPECT_GT(seconds.at(0), 0);
  fakecuda::calls().clear();
  EXPECT_GT(executor->runner("main").timeTogether(
                3, [](uint32_t instruction) { return instruction == 0; }),
            0);
  EXPECT_EQ(fakecuda::count("cuGraphLaunch"), 0u);
  // With its wait it is one again.
  EXPECT_GT(
      executor->runner("main").timeTogether(3, [](uint32_t) { return true; }),
      0);
  EXPECT_GT(fakecuda::count("cuGraphLaunch"), 0u);
}

/// The first launch may go on beside another of what it reads, up to the last.
class CudaBranchTest : public CudaExecutorTest {
protected:
  void SetUp() override {
    CudaExecutorTest::SetUp();
    unsetenv("PFC_BRANCHES");
  }
  void TearDown() override {
    unsetenv("PFC_BRANCHES");
    CudaExecutorTest::TearDown();
  }

  /// With a collective of the host in between, which cuts the step.
  void build(bool withCollective = false) {
    uint32_t x = plan.named("x", DType_F32, {4});
    uint32_t y = plan.buffer(DType_F32, {4}),
             other = plan.buffer(DType_F32, {4});
    uint32_t z = plan.named("z", DType_F32, {4});
    uint32_t kernel = addScale(plan);
    plan.launch(kernel, {y, x}, 1).location = "branch";
    plan.launch(kernel, {other, x}, 1).location = "beside";
    if (withCollective) {
      CollectiveT sum;
      sum.kind = CollectiveKind_AllReduceSum;
      sum.source = sum.target = other;
      plan.add(std::move(sum));
    }
    auto branch = std::make_unique<BranchT>();
    branch->first = 0, branch->count = 1;
    branch->end = static_cast<uint32_t>(plan.program().instructions.size());
    branch->writes = {y};
    plan.program().branches.push_back(std::move(branch));
    plan.launch(kernel, {z, y}, 1).location = "last";
    const Plan &finished = plan.finish();
    device = openDevice("cuda", {});
    executor = std::make_unique<Executor>(
        finished, *finished.variants()->Get(0), *device, *communicator);
    define(CUDA_SUCCESS, 0);
  }

  void runSteps(int first, int last) {
    for (int step = first; step <= last; ++step) {
      setX(static_cast<float>(step));
      executor->run("main");
      EXPECT_EQ(executor->output("main", "z"),
                std::vector<float>(4, 4.0f * step));
    }
  }
};

// Its stream is the last that multiprocessors take blocks from.
TEST_F(CudaBranchTest, HasAStreamOfLeastPriority) {
  build();
  EXPECT_EQ(fakecuda::count("cuStreamCreateWithPriority 0"), 1u);
  EXPECT_GE(fakecuda::count("cuStreamCreateWithPriority -5"), 2u);
}

// A graph of either way is recorded, and each replayed five times.
TEST_F(CudaBranchTest, BothWaysAreTimedBeforeOneIsKept) {
  build();
  testing::internal::CaptureStderr();
  runSteps(1, 10);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(fakecuda::count("cuGraphInstantiate 3"), 2u);
  EXPECT_EQ(fakecuda::count("cuGraphLaunch"), 9u);
  testing::internal::CaptureStderr();
  runSteps(11, 13);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("note: main takes "),
                    HasSubstr(" ms with its branches beside the rest, ")));
  EXPECT_EQ(fakecuda::count("cuGraphInstantiate 3"), 2u);
  EXPECT_EQ(fakecuda::count("cuGraphLaunch"), 12u);
}

TEST_F(CudaBranchTest, OneWayIsTakenWhereItIsSaid) {
  for (const char *way : {"inline", "beside", "late"}) {
    setenv("PFC_BRANCHES", way, 1);
    plan = TestPlan();
    executor.reset();
    device.reset();
    build();
    fakecuda::calls().clear();
    runSteps(1, 4);
    EXPECT_EQ(fakecuda::count("cuGraphInstantiate 3"), 1u) << way;
    EXPECT_EQ(fakecuda::count("cuGraphLaunch"), 3u) << way;
    // Of the fork and the join, when it is recorded.
    EXPECT_EQ(fakecuda::count("cuStreamWaitEvent"),
              std::string(way) == "beside" ? 2u : 0u);
  }
}

TEST_F(CudaBranchTest, AFailedCallNamesItsInstruction) {
  setenv("PFC_BRANCHES", "beside", 1);
  build();
  runSteps(1, 1);
  fakecuda::failNext("cuLaunchKernel", CUDA_ERROR_INVALID_VALUE, 0);
  EXPECT_THAT(messageOf([&] { executor->run("main"); }),
              AllOf(HasSubstr("program 'main', instruction 0 (branch), rank 0"),
                    HasSubstr("cuLaunchKernel: CUDA_ERROR_INVALID_VALUE")));
}

TEST_F(CudaBranchTest, AnUnknownWayIsRefused) {
  setenv("PFC_BRANCHES", "both", 1);
  build();
  setX(1);
  executor->run("main");
  EXPECT_THAT(messageOf([&] { executor->run("main"); }),
              HasSubstr("PFC_BRANCHES is 'both'; 'measured', 'inline', "
                        "'beside' or 'late' is wanted"));
}

// A graph joins what it forks: here before what the host sums.
TEST_F(CudaBranchTest, EndsBeforeTheHostsCollectives) {
  setenv("PFC_BRANCHES", "beside", 1);
  build(true);
  runSteps(1, 4);
  EXPECT_EQ(fakecuda::count("cuGraphInstantiate 2"), 1u);
  EXPECT_EQ(fakecuda::count("cuGraphInstantiate 1"), 1u);
  EXPECT_EQ(fakecuda::count("cuGraphLaunch"), 6u);
}

// What is the same in every step is uploaded before the first.
TEST_F(CudaExecutorTest, ConstantsAreUploadedOnce) {
  RankConstantT first;
  first.buffer = plan.buffer(DType_I64, {1});
  first.value = std::make_unique<RankIntegerT>();
  first.value->base = 7;
  plan.program().constants.push_back(
      std::make_unique<RankConstantT>(std::move(first)));
  build(false);
  fakecuda::calls().clear();
  for (int step = 1; step < 6; ++step) {
    setX(static_cast<float>(step));
    executor->run("main");
  }
  EXPECT_EQ(fakecuda::count("cuMemcpyHtoDAsync"), 5u + 1);
  // Zeros everywhere are also where the constant was.
  executor->clear();
  fakecuda::calls().clear();
  setX(6);
  executor->run("main");
  EXPECT_EQ(fakecuda::count("cuMemcpyHtoDAsync"), 1u + 1);
}

// It ends with the graph that it begins in.
TEST_F(CudaExecutorTest, TransfersEndBeforeTheHostsCollectives) {
  build(true, true);
  for (int step = 1; step < 4; ++step) {
    setX(static_cast<float>(step));
    executor->run("main");
    EXPECT_EQ(executor->output("main", "z"),
              std::vector<float>(4, 4.0f * step));
  }
  EXPECT_EQ(fakecuda::count("cuGraphLaunch"), 4u);
}

TEST_F(CudaExecutorTest, ATracedStepIsWaitedForAfterEachInstruction) {
  build(true);
  setX(3);
  executor->run("main");
  executor->run("main"); // records
  fakecuda::calls().clear();
  StepTimes times = executor->trace("main");
  EXPECT_EQ(fakecuda::count("cuGraphLaunch"), 0u);
  EXPECT_GE(fakecuda::count("cuStreamSynchronize"), 3u);
  ASSERT_EQ(times.running.size(), 3u);
  double before = 0;
  for (const TimeSpan &span : times.running) {
    EXPECT_GE(span.begin, before);
    EXPECT_GE(span.end, span.begin);
    before = span.end;
  }
  EXPECT_EQ(executor->output("main", "z"), std::vector<float>(4, 12.0f));
}

TEST_F(CudaExecutorTest, AFailedCallNamesItsInstruction) {
  build(false);
  fakecuda::failNext("cuLaunchKernel", CUDA_ERROR_INVALID_VALUE, 1);
  EXPECT_THAT(messageOf([&] { executor->run("main"); }),
              AllOf(HasSubstr("program 'main', instruction 1 (second), rank 0"),
                    HasSubstr("cuLaunchKernel: CUDA_ERROR_INVALID_VALUE")));
}

// A kernel fails after its launch has returned; the first run waits for each.
TEST_F(CudaExecutorTest, AFailedKernelNamesItsInstruction) {
  build(false);
  define(CUDA_ERROR_ILLEGAL_ADDRESS, 1);
  EXPECT_THAT(messageOf([&] { executor->run("main"); }),
              AllOf(HasSubstr("instruction 1 (second), rank 0"),
                    HasSubstr("CUDA_ERROR_ILLEGAL_ADDRESS")));
}

TEST_F(CudaExecutorTest, ALaterFailureNamesTheProgramAndHowToLearnMore) {
  build(false);
  executor->run("main");
  define(CUDA_ERROR_ILLEGAL_ADDRESS, 1);
  EXPECT_THAT(messageOf([&] { executor->run("main"); }),
              AllOf(HasSubstr("program 'main', rank 0"),
                    HasSubstr("CUDA_ERROR_ILLEGAL_ADDRESS"),
                    HasSubstr("--profile")));
}

TEST_F(CudaExecutorTest, AFailedRecordingNamesItsInstruction) {
  build(false);
  executor->run("main");
  fakecuda::failNext("cuLaunchKernel", CUDA_ERROR_INVALID_VALUE, 1);
  EXPECT_THAT(messageOf([&] { executor->run("main"); }),
              HasSubstr("instruction 1 (second), rank 0"));
}

} // namespace
} // namespace pfc::rt::test

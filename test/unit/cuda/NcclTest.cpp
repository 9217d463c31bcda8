// Collectives between GPUs, as one rank sees them: enqueued on a stream of
// their own, recorded with the rest of the step, joined where their result is
// needed.
#include "../runtime/TestPlan.h"
#include "CudaTest.h"
#include "runtime/comm/DeviceCommunicator.h"
#include "runtime/exec/Executor.h"

#include <cstring>
#include <dlfcn.h>

namespace pfc::rt::test {
namespace {

using namespace plan::fb;
using testing::HasSubstr;

/// Rank 0 of two, whose other rank is on the GPU `otherChip`.
class TwoRanks : public Communicator {
public:
  explicit TwoRanks(std::string otherChip) : otherChip(std::move(otherChip)) {}
  int rank() const override { return 0; }
  int worldSize() const override { return 2; }
  int localRanks() const override { return 2; }
  int localRank() const override { return 0; }
  void allReduceSum(BufferView source, BufferView target) override {
    std::memmove(target.data, source.data, source.bytes());
  }
  void allGather(BufferView source, BufferView target) override {
    std::memcpy(target.data, source.data, source.bytes());
    std::strcpy(reinterpret_cast<char *>(target.data + source.bytes()),
                otherChip.c_str());
  }
  void reduceScatterSum(BufferView, BufferView) override {}
  void broadcast(void *, size_t, int) override {}
  void barrier() override {}
  [[noreturn]] void abort(const std::string &why) override { fail("{}", why); }

private:
  std::string otherChip;
};

/// y = 2 x; sum y; w = 2 x; z = 2 y: the sum may go on while w is computed.
TestPlan makePlan() {
  TestPlan plan;
  plan.plan.world_size = 2;
  uint32_t x = plan.named("x", DType_F32, {4});
  uint32_t y = plan.buffer(DType_F32, {4});
  uint32_t w = plan.buffer(DType_F32, {4});
  uint32_t z = plan.named("z", DType_F32, {4});
  uint32_t kernel = addScale(plan);
  plan.launch(kernel, {y, x}, 1);
  CollectiveT sum;
  sum.kind = CollectiveKind_AllReduceSum;
  sum.source = sum.target = y;
  plan.add(std::move(sum)).location = "sum";
  plan.launch(kernel, {w, x}, 1); // under the sum
  WaitT wait;
  wait.transfer = 1;
  plan.add(std::move(wait)).location = "sum";
  plan.launch(kernel, {z, y}, 1);
  return plan;
}

class NcclTest : public CudaTest {
protected:
  TestPlan plan = makePlan();
  std::unique_ptr<Device> device;
  std::unique_ptr<Communicator> communicator;
  std::unique_ptr<Executor> executor;

  void open(const std::string &otherChip) {
    const Plan &finished = plan.finish();
    device = openDevice("cuda", {});
    communicator = std::make_unique<TwoRanks>(otherChip);
    executor = std::make_unique<Executor>(
        finished, *finished.variants()->Get(0), *device, *communicator);
    fakecuda::define("scale", [](const auto &arguments) {
      for (int i = 0; i < 4; ++i)
        static_cast<float *>(arguments[0])[i] =
            2 * static_cast<const float *>(arguments[1])[i];
      return CUDA_SUCCESS;
    });
  }

  std::vector<float> run(float value) {
    std::vector<float> x(4, value);
    executor->setInput("main", "x", x.data(), 16);
    executor->run("main");
    return executor->output("main", "z");
  }
};

TEST_F(NcclTest, SumsOnTheGpu) {
  open("another");
  EXPECT_EQ(fakecuda::count("ncclCommInitRank 2"), 1u);
  EXPECT_EQ(run(1), std::vector<float>(4, 8));  // step by step
  EXPECT_EQ(run(2), std::vector<float>(4, 16)); // recorded
  fakecuda::calls().clear();
  EXPECT_EQ(run(3), std::vector<float>(4, 24)); // replayed
  EXPECT_EQ(fakecuda::count("cuGraphLaunch"), 1u) << "the whole step";
  EXPECT_EQ(fakecuda::count("ncclAllReduce"), 0u) << "it is in the graph";
  EXPECT_EQ(fakecuda::count("run ncclAllReduce"), 1u);
}

TEST_F(NcclTest, RanksThatShareAGpuUseHostMemory) {
  device = openDevice("cuda", {});
  open(device->chip());
  EXPECT_EQ(fakecuda::count("ncclCommInitRank 2"), 0u);
  EXPECT_EQ(run(1), std::vector<float>(4, 4)); // this host's sum is a copy
}

TEST_F(NcclTest, AFailureOfTheOtherRankIsFoundWhileWaiting) {
  open("another");
  run(1);
  auto *fakeNcclFail = reinterpret_cast<void (*)(int)>(
      dlsym(dlopen(PFC_FAKE_CUDA "/libnccl.so.2", RTLD_NOW | RTLD_NOLOAD),
            "fakeNcclFail"));
  ASSERT_TRUE(fakeNcclFail);
  fakeNcclFail(6);
  EXPECT_THAT(messageOf([&] { run(2); }),
              testing::AllOf(HasSubstr("program 'main', rank 0"),
                             HasSubstr("remote process exited"),
                             HasSubstr("another rank has ended")));
  // That would wait for the rank that has ended.
  executor.reset();
  EXPECT_EQ(fakecuda::count("ncclCommDestroy"), 0u);
}

TEST_F(NcclTest, ClosesWhatEndedWell) {
  open("another");
  run(1);
  executor.reset();
  EXPECT_EQ(fakecuda::count("ncclCommDestroy"), 1u);
}

// Whatever failed: the other ranks are not there to close it with.
TEST_F(NcclTest, LeavesItOpenBehindAFailure) {
  open("another");
  EXPECT_THROW(
      {
        std::unique_ptr<Executor> unwound = std::move(executor);
        fail("a disk is full");
      },
      Error);
  EXPECT_EQ(fakecuda::count("ncclCommDestroy"), 0u);
}

} // namespace
} // namespace pfc::rt::test

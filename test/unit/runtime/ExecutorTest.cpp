// A whole program: state, inputs, every kind of operation, outputs, errors.
#include "runtime/exec/Executor.h"
#include "TestPlan.h"
#include "runtime/base/Error.h"
#include "runtime/exec/ProgramRunner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace pfc::rt::test {
namespace {

using namespace plan::fb;
using testing::HasSubstr;

/// A communicator that claims to be one rank of several; not for collectives.
class FakeRank : public Communicator {
public:
  FakeRank(int rank, int size) : ownRank(rank), size(size) {}
  int rank() const override { return ownRank; }
  int worldSize() const override { return size; }
  int localRanks() const override { return size; }
  int localRank() const override { return ownRank; }
  void allReduceSum(BufferView, BufferView) override { fail("link down"); }
  void allGather(BufferView, BufferView) override { fail("link down"); }
  void reduceScatterSum(BufferView, BufferView) override { fail("link down"); }
  void broadcast(void *, size_t, int) override {}
  void barrier() override {}
  [[noreturn]] void abort(const std::string &why) override { fail("{}", why); }

private:
  int ownRank, size;
};

struct Fixture {
  TestPlan test = makeFullPlan();
  const Plan &plan = test.finish();
  std::unique_ptr<Device> device = openDevice("cpu", {1});
  std::unique_ptr<Communicator> communicator = makeSelfCommunicator();
  Executor executor{plan, *plan.variants()->Get(0), *device, *communicator};
};

TEST(Executor, RunsEveryOperation) {
  Fixture f;
  f.executor.initializeState(5);
  std::vector<float> images(2 * 6 * 6 * 4);
  for (size_t i = 0; i < images.size(); ++i)
    images[i] = std::sin(static_cast<float>(i));
  std::vector<float> centers(4 * 8);
  for (size_t i = 0; i < centers.size(); ++i)
    centers[i] = static_cast<float>(i % 5) - 2;
  f.executor.setInput("main", "images", images.data(), images.size() * 4);
  f.executor.writeVariable("head.weight", centers.data(), centers.size() * 4);
  f.executor.run("main");

  std::vector<std::byte> bytes = f.executor.readVariable("conv1.weight");
  const float *w = reinterpret_cast<const float *>(bytes.data());
  std::vector<float> product = f.executor.output("main", "product");
  ASSERT_EQ(product.size(), 72u);
  for (int64_t row = 0; row < 18; ++row)
    for (int64_t column = 0; column < 4; ++column) {
      int64_t b = row / 9, y = row / 3 % 3, x = row % 3;
      double sum = 0;
      for (int64_t o = 0; o < 8; ++o)
        for (int64_t i = 0; i < 3; ++i)
          for (int64_t j = 0; j < 3; ++j)
            for (int64_t c = 0; c < 4; ++c) {
              int64_t inY = 2 * y - 1 + i, inX = 2 * x - 1 + j;
              if (inY < 0 || inY >= 6 || inX < 0 || inX >= 6)
                continue;
              sum += static_cast<double>(
                         images[((b * 6 + inY) * 6 + inX) * 4 + c]) *
                     w[((o * 3 + i) * 3 + j) * 4 + c] * centers[column * 8 + o];
            }
      // The last instruction doubles it.
      EXPECT_NEAR(product[row * 4 + column], 2 * sum, 1e-4);
    }
}

TEST(Executor, ProfilesAllButTheFirstRun) {
  Fixture f;
  f.executor.startProfiling();
  f.executor.run("main");
  EXPECT_EQ(f.executor.profile("main"), "");
  f.executor.run("main");
  f.executor.run("main");
  std::string table = f.executor.profile("main");
  for (const char *part : {"2 runs", "twice", "conv Forward 2x6x6 4->8 k3 s2",
                           "matmul 18x4x8 rhs'", "all_reduce", "copy"})
    EXPECT_THAT(table, HasSubstr(part));
}

// Timing executes the chosen instructions and no others: a copy of the product,
// and what writes the double of that in its place.
TEST(Executor, TimesTheChosenInstructions) {
  Fixture f;
  f.executor.initializeState(5);
  std::vector<float> images(2 * 6 * 6 * 4, 1), centers(4 * 8, 1);
  f.executor.setInput("main", "images", images.data(), images.size() * 4);
  f.executor.writeVariable("head.weight", centers.data(), centers.size() * 4);
  f.executor.run("main");
  const float once = f.executor.output("main", "product").at(0);
  ASSERT_NE(once, 0);

  ProgramRunner &runner = f.executor.runner("main");
  const auto &instructions = *runner.program().instructions();
  auto chosen = [&](uint32_t i) {
    return instructions[i]->operation_as_Copy() ||
           instructions[i]->operation_as_Launch();
  };
  EXPECT_GT(runner.timeTogether(3, chosen), 0); // and once before
  EXPECT_EQ(f.executor.output("main", "product").at(0), 16 * once);

  std::vector<double> seconds =
      runner.timeEach(2, ProgramRunner::As::Step, chosen);
  for (uint32_t i = 0; i < instructions.size(); ++i)
    EXPECT_EQ(seconds.at(i) > 0, chosen(i)) << i;
}

TEST(Executor, WrongNamesAndSizes) {
  Fixture f;
  float value = 0;
  EXPECT_THROW(f.executor.setInput("main", "images", &value, 4), Error);
  EXPECT_THROW(f.executor.setInput("main", "nothing", &value, 4), Error);
  EXPECT_THROW(f.executor.run("other"), Error);
  EXPECT_THROW(f.executor.output("main", "nothing"), Error);
  EXPECT_THROW(f.executor.readVariable("nothing"), Error);
  EXPECT_THROW(f.executor.writeVariable("head.weight", &value, 4), Error);
  EXPECT_EQ(f.executor.shapeOf("main", "images"),
            (std::vector<int64_t>{2, 6, 6, 4}));
}

TEST(Executor, WorldSizeMustMatch) {
  TestPlan test = makeFullPlan(3);
  const Plan &plan = test.finish();
  auto device = openDevice("cpu", {1});
  auto communicator = makeSelfCommunicator();
  try {
    Executor executor(plan, *plan.variants()->Get(0), *device, *communicator);
    FAIL();
  } catch (const Error &error) {
    EXPECT_THAT(error.what(),
                HasSubstr("compiled for 3 rank(s), this job has 1"));
  }
}

TEST(Executor, FailureNamesInstructionAndRank) {
  TestPlan test = makeFullPlan(3);
  const Plan &plan = test.finish();
  auto device = openDevice("cpu", {1});
  FakeRank communicator(2, 3);
  Executor executor(plan, *plan.variants()->Get(0), *device, communicator);
  try {
    executor.run("main");
    FAIL();
  } catch (const Error &error) {
    EXPECT_STREQ(error.what(), "program 'main', instruction 3 "
                               "(layer1.0.conv1), rank 2: link down");
  }
  // The rank constant was written before the failure.
  EXPECT_EQ(executor.output("main", "rank"), std::vector<float>{2});
}

TEST(ChooseVariant, TakesTheFirstThatFits) {
  TestPlan test = makeFullPlan();
  test.plan.variants.insert(test.plan.variants.begin(),
                            std::make_unique<VariantT>());
  test.plan.variants[0]->precision = "bf16";
  test.plan.variants[0]->requires_ = "no_such_feature";
  const Plan &plan = test.finish();
  auto device = openDevice("cpu", {1});
  for (const char *precision : {"", "auto", "fp32"})
    EXPECT_EQ(chooseVariant(plan, *device, precision).precision()->str(),
              "fp32");
  EXPECT_EQ(unsupportedBefore(plan, *device, *plan.variants()->Get(1)),
            "bf16 (needs no_such_feature)");
  EXPECT_EQ(unsupportedBefore(plan, *device, *plan.variants()->Get(0)), "");
  try {
    chooseVariant(plan, *device, "bf16");
    FAIL();
  } catch (const Error &error) {
    EXPECT_THAT(error.what(), HasSubstr("bf16 (needs no_such_feature), fp32"));
  }
}

} // namespace
} // namespace pfc::rt::test

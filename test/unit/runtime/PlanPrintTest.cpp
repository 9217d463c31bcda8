#include "runtime/plan/PlanPrint.h"
#include "TestPlan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdio>

namespace pfc::rt::test {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(PlanPrint, FullShowsEveryPart) {
  TestPlan test = makeFullPlan(2);
  auto cost = std::make_unique<plan::fb::CostT>();
  cost->flops = 2000000;
  cost->bytes_read = 4096;
  test.program().instructions[0]->cost = std::move(cost);
  std::string text = printPlan(test.finish(), PlanDetail::Full);
  for (const char *part :
       {"2 x cpu", "variant fp32", "conv1.weight", "normal(0, 0.1)",
        "[of 7 rows]", "8x3x3x4 f32", "program main", "memory map",
        "conv Forward 2 = 0, 1  [2x6x6x4 -> 8, k3 s2 p1]",
        "matmul 3 = 2 * 4'  [18x4x8]", "copy 5 = 3", "AllReduceSum 5 = 5",
        "launch twice(5, 3) x 72", "(layer1.0.conv1)", "2.00MFLOP", "4.0 KiB"})
    EXPECT_THAT(text, HasSubstr(part));
}

TEST(PlanPrint, ABatchOfProducts) {
  TestPlan test = makeFullPlan();
  auto &product = *test.program().instructions[1]->operation.AsMatmul();
  product.batch = 2;
  product.m = 9;
  test.buffer(plan::fb::DType_F32, {2, 8, 4});
  product.rhs = static_cast<uint32_t>(test.program().buffers.size() - 1);
  EXPECT_THAT(printPlan(test.finish(), PlanDetail::Full),
              HasSubstr("[9x4x8 b2]"));
}

TEST(PlanPrint, SummaryLeavesListsOut) {
  std::string text = printPlan(makeFullPlan().finish(), PlanDetail::Summary);
  EXPECT_THAT(text, HasSubstr("5 instructions"));
  EXPECT_THAT(text, Not(HasSubstr("launch twice")));
}

TEST(PlanPrint, KernelsHaveTheirLaunchesAndCostOfOne) {
  TestPlan test = makeFullPlan();
  uint32_t unused = test.kernel("unused", 1);
  test.variant().kernels[unused]->description = "for nothing";
  auto &instructions = test.program().instructions;
  auto launch =
      std::find_if(instructions.begin(), instructions.end(), [](const auto &i) {
        return i->operation.type == plan::fb::Operation_Launch;
      });
  ASSERT_NE(launch, instructions.end());
  (*launch)->cost = std::make_unique<plan::fb::CostT>();
  (*launch)->cost->flops = 3500;
  (*launch)->cost->bytes_read = 1024;
  (*launch)->cost->bytes_written = 512;
  instructions.push_back(std::make_unique<plan::fb::InstructionT>(**launch));
  std::string text = printPlan(test.finish(), PlanDetail::Summary);
  EXPECT_THAT(text, HasSubstr("of LLVM IR"));
  EXPECT_THAT(text, testing::ContainsRegex(
                        "2 +3\\.50K +1\\.5 KiB  twice \\(2 buffers\\)"));
  EXPECT_THAT(
      text, testing::ContainsRegex(
                "0 +0 +0[.0]* [A-Za-z]+  unused \\(1 buffers\\)  for nothing"));
}

TEST(PlanPrint, SaysWhatKernelsAreWrittenIn) {
  TestPlan test = makeFullPlan();
  test.variant().kernel_cuda = std::string(2048, ' ');
  for (auto &kernel : test.variant().kernels)
    kernel->threads = 32;
  EXPECT_THAT(printPlan(test.finish(), PlanDetail::Summary),
              testing::AllOf(HasSubstr("(2.0 KiB of CUDA C++)"),
                             Not(HasSubstr("LLVM IR"))));
}

TEST(PlanPrint, NumbersOfALaunch) {
  TestPlan test;
  uint32_t x = test.named("x", plan::fb::DType_F32, {4});
  test.variant().kernels[test.kernel("scale", 1)]->numbers = {
      plan::fb::DType_I32, plan::fb::DType_F32};
  test.launch(0, {x}, 98).operation.AsLaunch()->numbers = {
      7, std::bit_cast<int32_t>(-0.5f)};
  EXPECT_THAT(printPlan(test.finish(), PlanDetail::Full),
              HasSubstr("launch scale(0; 7 -0.5) x 98"));
}

TEST(PlanPrint, FileErrorsAreText) {
  std::string text;
  EXPECT_FALSE(printPlanFile("/nowhere/x.plan", PlanDetail::Full, text));
  EXPECT_THAT(text, HasSubstr("cannot open"));
  std::string path = writeTemporary("print.plan", makeFullPlan().pack());
  EXPECT_TRUE(printPlanFile(path, PlanDetail::Summary, text));
  EXPECT_THAT(text, HasSubstr("variant fp32"));
  std::remove(path.c_str());
}

} // namespace
} // namespace pfc::rt::test

//===- StateTest.cpp - State on ranks, dropout, random numbers ------------===//
#include "dialects/pfc/reference/RandomInputs.h"
#include "runtime/base/Philox.h"
#include "test/unit/reference/HeadGraph.h"
#include "test/unit/reference/ReferenceTest.h"
#include <cmath>
#include <fmt/format.h>

using namespace pfc::reference;

namespace {

Tensor startingCenters(const std::string &text) {
  TestModule module(text);
  State state = module.initialState("train_step");
  return *state.logical("head.weight", module.function("train_step").getLoc());
}

TEST(StateTest, StartsTheSameAtAnyWorldSize) {
  HeadGraph one;
  one.batch = 12;
  Tensor expected = startingCenters(one.logical());
  EXPECT_EQ(expected.shape, (std::vector<int64_t>{10, 4}));
  for (int64_t ranks : {2, 3, 4}) {
    HeadGraph many = one;
    many.ranks = ranks;
    EXPECT_TRUE(startingCenters(many.partitioned()).identical(expected));
  }
}

TEST(StateTest, SplitsWhatIsSet) {
  HeadGraph graph;
  graph.ranks = 4;
  TestModule module(graph.partitioned());
  State state = module.initialState("train_step");
  Tensor table = randomNormal({10, 4}, 1, 2);
  state.set("head.weight", table);
  mlir::Location loc = module.function("train_step").getLoc();
  EXPECT_TRUE(state.logical("head.weight", loc)->identical(table));
  // Rank 3 owns classes 8 and 9; its third row is unused.
  const Tensor &last = state.local("head.weight")[3];
  EXPECT_EQ(last.shape, (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(last.reals[0], table.reals[32]);
  for (int64_t i = 8; i < 12; ++i)
    EXPECT_EQ(last.reals[i], 0.0);
}

/// The definition in State.h, by hand: element [6, 5] of a normal variable.
TEST(StateTest, InitialValuesAreTheirDefinition) {
  TestModule module(R"(
func.func @train_step() {
  %w = pfc.variable "a" parameter init<normal, 2.0, 0.5> : tensor<8x2x3xf32>
  %u = pfc.variable "u" parameter init<uniform, -1.0, 3.0> : tensor<8x6xf32>
  return
})");
  State state = module.initialState("train_step", /*seed=*/5);
  uint64_t hash = (0xCBF29CE484222325u ^ uint64_t{'a'}) * 0x100000001B3u;
  pfc::rt::PhiloxBlock words =
      pfc::rt::philox(5 ^ hash, pfc::rt::RandomPurpose::Initialize,
                      /*column/4=*/1, /*row=*/6, 0);
  double radius = std::sqrt(-2.0 * std::log(1.0 - (words[0] >> 8) * 0x1p-24));
  double normal = radius * std::sin(2.0 * M_PI * (words[1] >> 8) * 0x1p-24);
  EXPECT_DOUBLE_EQ(state.local("a")[0].reals[6 * 6 + 5], 2.0 + 0.5 * normal);
  hash = (0xCBF29CE484222325u ^ uint64_t{'u'}) * 0x100000001B3u;
  words =
      pfc::rt::philox(5 ^ hash, pfc::rt::RandomPurpose::Initialize, 0, 7, 0);
  EXPECT_DOUBLE_EQ(state.local("u")[0].reals[7 * 6 + 2],
                   -1.0 + 4.0 * ((words[2] >> 8) * 0x1p-24));
}

TEST(StateTest, NormalValuesHaveTheirMoments) {
  TestModule module(R"(
func.func @train_step() {
  %w = pfc.variable "w" parameter init<normal, 0.0, 2.0> : tensor<100x100xf32>
  return
})");
  const State state = module.initialState("train_step");
  const Tensor &w = state.local("w")[0];
  double mean = 0, variance = 0;
  for (double x : w.reals)
    mean += x / w.size();
  for (double x : w.reals)
    variance += (x - mean) * (x - mean) / w.size();
  EXPECT_NEAR(mean, 0.0, 5 * 2.0 / 100);
  EXPECT_NEAR(variance, 4.0, 5 * 4.0 * std::sqrt(2.0) / 100);
}

/// A rank's rows are dropped as they are in the whole batch.
TEST(DropoutTest, IsTheSameAtAnyWorldSize) {
  auto text = [](int64_t rows, const char *offset) {
    return fmt::format(R"(
shard.grid @ranks(shape = 3)
func.func @train_step(%x: tensor<{0}x7xf32> {{pfc.input = "x"}}, %step: tensor<1xi64> {{pfc.input = "step"}}) {{
  {1} : tensor<1xi64>
  %y = pfc.dropout %x, %step, offset %first : tensor<1xi64> {{rate = 0.4 : f64, seed = 7 : i64, layer = 2 : i64}} : tensor<{0}x7xf32>, tensor<1xi64>
  pfc.output "y", %y : tensor<{0}x7xf32>
  return
}})",
                       rows, offset);
  };
  TestModule whole(text(6, "%first = arith.constant dense<0>"));
  TestModule split(text(2, "%first = pfc.rank_constant base 0 per_rank 2 "
                           "threshold 0 below 0 per_capped_rank 0"));
  TensorMap inputs{{"x", randomNormal({6, 7}, 1, 1)},
                   {"step", scalar(int64_t{4})}};
  Tensor y = whole.run("train_step", inputs).outputs.at("y");
  EXPECT_TRUE(split.run("train_step", inputs).outputs.at("y").identical(y));
}

TEST(DropoutTest, DropsItsRateAndKeepsTheMean) {
  TestModule module(R"(
func.func @train_step(%x: tensor<100x100xf32> {pfc.input = "x"}, %step: tensor<1xi64> {pfc.input = "step"}) {
  %y = pfc.dropout %x, %step {rate = 0.4 : f64, seed = 7 : i64, layer = 2 : i64} : tensor<100x100xf32>, tensor<1xi64>
  pfc.output "y", %y : tensor<100x100xf32>
  return
})");
  Tensor ones = Tensor::ofReals({100, 100}, std::vector<double>(10000, 1.0));
  auto at = [&](int64_t step) {
    return module.run("train_step", {{"x", ones}, {"step", scalar(step)}})
        .outputs.at("y");
  };
  Tensor y = at(0);
  int64_t dropped = std::count(y.reals.begin(), y.reals.end(), 0.0);
  EXPECT_NEAR(dropped, 4000, 5 * 49); // √(10⁴·0.4·0.6) = 49
  for (double x : y.reals)
    EXPECT_TRUE(x == 0.0 || std::abs(x - 1 / 0.6) < 1e-15);
  EXPECT_FALSE(y.identical(at(1)));
}

} // namespace

//===- SamplingTest.cpp - The sample is what Partial FC says it is --------===//
#include "runtime/base/ClassPermutation.h"
#include "runtime/base/Philox.h"
#include "test/unit/reference/ReferenceTest.h"
#include <algorithm>
#include <fmt/format.h>
#include <set>

using namespace pfc::reference;

namespace {

constexpr int64_t classes = 203, ranks = 4, batch = 16, seed = 9;

/// Samples of the job and of each rank, at sample rate `rate`.
RunResult sample(double rate, const std::vector<int64_t> &labels, int64_t step,
                 const std::string &draw = "keys") {
  bool permuted = draw == "permutation";
  std::string head = fmt::format(
      R"(
shard.grid @ranks(shape = 4)
func.func @train_step(%y: tensor<16xi64> {{pfc.input = "step"}}, %step: tensor<1xi64> {{pfc.input = "lr"}}) {{
  %first = pfc.rank_constant base 0 per_rank 50 threshold 3 below 0 per_capped_rank 1 : tensor<1xi64>
  %count = pfc.rank_constant base 50 per_rank 0 threshold 3 below 1 per_capped_rank 0 : tensor<1xi64>
  %rank = pfc.rank_constant base 0 per_rank 1 threshold 0 below 0 per_capped_rank 0 : tensor<1xi64>
  %indices, %counts, %columns = pfc.sample_centers %y, %step {{classes = 203 : i64, sample_rate = {0} : f64, seed = 9 : i64, capacity = 51 : i64, draw = #pfc<draw {1}>}} : tensor<16xi64>, tensor<1xi64> -> tensor<204xi64>, tensor<4xi64>
  %local, %used, %slots{2} = pfc.sample_local_centers %y, %step, %first, %count, %rank {{shard_size = 51 : i64, sample_rate = {0} : f64, seed = 9 : i64, draw = #pfc<draw {1}>}} : tensor<16xi64>, tensor<1xi64> -> tensor<51xi64>{3}
  pfc.output "indices", %indices : tensor<204xi64>
  pfc.output "counts", %counts : tensor<4xi64>
  pfc.output "columns", %columns : tensor<16xi64>
  pfc.output "local", %local : tensor<51xi64>
  pfc.output "used", %used : tensor<1xi64>
  pfc.output "slots", %slots : tensor<16xi64>
  return
}}
)",
      fmt::format("{:.6e}", rate), draw, permuted ? ", %bits" : "",
      permuted ? ", tensor<1xi64>" : "");
  TestModule module(head);
  // "step" and "lr" are the inputs that every rank gets whole.
  return module.run(
      "train_step",
      {{"step", Tensor::ofIntegers({batch}, labels)}, {"lr", scalar(step)}});
}

std::vector<int64_t> someLabels(int64_t step) {
  std::vector<int64_t> labels(batch);
  for (int64_t i = 0; i < batch; ++i)
    labels[i] = (i * i * 17 + step * 29) % classes;
  return labels;
}

/// The result "bits" of a rank's sampler in a permutation of 70 classes.
constexpr const char *permutedShard = R"(
func.func @train_step(%y: tensor<4xi64> {pfc.input = "step"}) {
  %zero = arith.constant dense<0> : tensor<1xi64>
  %count = arith.constant dense<70> : tensor<1xi64>
  %local, %used, %slots, %bits = pfc.sample_local_centers %y, %zero, %zero, %count, %zero {shard_size = 70 : i64, sample_rate = 0.5 : f64, seed = 9 : i64, draw = #pfc<draw permutation>} : tensor<4xi64>, tensor<1xi64> -> tensor<35xi64>, tensor<2xi64>
  pfc.output "local", %local : tensor<35xi64>
  pfc.output "bits", %bits : tensor<2xi64>
  return
}
)";

class SamplingTest : public ::testing::TestWithParam<const char *> {};
INSTANTIATE_TEST_SUITE_P(Draws, SamplingTest,
                         ::testing::Values("keys", "permutation"),
                         [](const auto &info) { return info.param; });

TEST_P(SamplingTest, KeepsPositivesAndTakesExactlyK) {
  for (double rate : {0.0, 0.02, 0.1, 0.5, 1.0})
    for (int64_t step : {0, 1, 2}) {
      std::vector<int64_t> labels = someLabels(step);
      TensorMap out = sample(rate, labels, step, GetParam()).outputs;
      for (int64_t rank = 0; rank < ranks; ++rank) {
        int64_t n = rank < 3 ? 51 : 50,
                first = rank * 50 + std::min<int64_t>(rank, 3);
        std::set<int64_t> positives;
        for (int64_t label : labels)
          if (label >= first && label < first + n)
            positives.insert(label);
        auto begin = out.at("indices").integers.begin() + rank * 51;
        int64_t count = out.at("counts").integers[rank];
        EXPECT_EQ(count, std::max<int64_t>(rate * n, positives.size()));
        EXPECT_TRUE(std::is_sorted(begin, begin + count));
        std::set<int64_t> chosen(begin, begin + count);
        EXPECT_EQ(static_cast<int64_t>(chosen.size()), count);
        EXPECT_TRUE(std::includes(chosen.begin(), chosen.end(),
                                  positives.begin(), positives.end()));
        EXPECT_TRUE(chosen.empty() ||
                    (*chosen.begin() >= first && *chosen.rbegin() < first + n));
        EXPECT_EQ(std::count(begin + count, begin + 51, -1), 51 - count);
      }
    }
}

TEST_P(SamplingTest, ColumnsPointAtTheLabels) {
  std::vector<int64_t> labels = someLabels(1);
  TensorMap out = sample(0.3, labels, 1, GetParam()).outputs;
  for (int64_t i = 0; i < batch; ++i)
    EXPECT_EQ(out.at("indices").integers[out.at("columns").integers[i]],
              labels[i]);
}

TEST_P(SamplingTest, RanksDrawTheirShardOfTheJobsSample) {
  for (double rate : {0.0, 0.3, 1.0}) {
    std::vector<int64_t> labels = someLabels(2);
    TensorMap out = sample(rate, labels, 2, GetParam()).outputs;
    EXPECT_EQ(out.at("used").integers, out.at("counts").integers);
    for (int64_t rank = 0; rank < ranks; ++rank) {
      int64_t first = rank * 50 + std::min<int64_t>(rank, 3);
      for (int64_t slot = 0; slot < 51; ++slot) {
        int64_t global = out.at("indices").integers[rank * 51 + slot];
        EXPECT_EQ(out.at("local").integers[rank * 51 + slot],
                  global < 0 ? -1 : global - first);
      }
      for (int64_t i = 0; i < batch; ++i) {
        int64_t column = out.at("columns").integers[i];
        EXPECT_EQ(out.at("slots").integers[rank * batch + i],
                  column / 51 == rank ? column % 51 : -1);
      }
    }
  }
}

TEST(SamplingOrderTest, KeysTakeThoseWithTheSmallestKeys) {
  // No positives on rank 2, classes 102 … 152.
  std::vector<int64_t> labels(batch, 0);
  TensorMap out = sample(0.2, labels, 5).outputs;
  std::vector<std::pair<uint32_t, int64_t>> keys;
  for (uint32_t i = 0; i < 51; ++i)
    keys.emplace_back(pfc::rt::philox(seed,
                                      pfc::rt::RandomPurpose::SampleCenters,
                                      i / 4, /*step=*/5, /*shard=*/2)[i % 4],
                      102 + i);
  std::sort(keys.begin(), keys.end());
  std::vector<int64_t> expected;
  for (int64_t k = 0; k < 10; ++k)
    expected.push_back(keys[k].second);
  std::sort(expected.begin(), expected.end());
  auto begin = out.at("indices").integers.begin() + 2 * 51;
  EXPECT_EQ(std::vector<int64_t>(begin, begin + 10), expected);
}

TEST(SamplingOrderTest, PermutationTakesTheFirstOfItsOrder) {
  // Of rank 2's classes, 102 … 152, two are positives.
  std::vector<int64_t> labels(batch, 110);
  labels[3] = 104;
  TensorMap out = sample(0.2, labels, 5, "permutation").outputs;
  pfc::rt::PhiloxBlock words = pfc::rt::philox(
      seed, pfc::rt::RandomPurpose::SampleCenters, 0, /*step=*/5, /*shard=*/2);
  pfc::rt::ClassPermutation permutation(51, 51, {words[0], words[1]});
  std::vector<int64_t> expected = {104, 110};
  for (uint32_t i = 0; expected.size() < 10; ++i)
    if (permutation(i) != 2 && permutation(i) != 8)
      expected.push_back(102 + permutation(i));
  std::sort(expected.begin(), expected.end());
  auto begin = out.at("indices").integers.begin() + 2 * 51;
  EXPECT_EQ(std::vector<int64_t>(begin, begin + 10), expected);
}

TEST(SamplingOrderTest, BitsSayWhatAPermutationDrew) {
  TestModule module(permutedShard);
  TensorMap out = module
                      .run("train_step",
                           {{"step", Tensor::ofIntegers({4}, {69, 3, 3, 64})}})
                      .outputs;
  const std::vector<int64_t> &local = out.at("local").integers,
                             &bits = out.at("bits").integers;
  ASSERT_EQ(bits.size(), 2u);
  for (int64_t c = 0; c < 128; ++c)
    EXPECT_EQ(bits[c / 64] >> c % 64 & 1,
              std::count(local.begin(), local.end(), c))
        << c;
}

TEST_P(SamplingTest, StepsAndRanksDiffer) {
  std::vector<int64_t> labels(batch, 0);
  auto at = [&](int64_t step) {
    return sample(0.3, labels, step, GetParam()).outputs.at("local").integers;
  };
  std::vector<int64_t> one = at(1), two = at(2);
  EXPECT_NE(one, two);
  EXPECT_EQ(one, at(1));
  // Ranks 1 and 2 both have 51 classes and no positives.
  EXPECT_NE(std::vector<int64_t>(one.begin() + 51, one.begin() + 102),
            std::vector<int64_t>(one.begin() + 102, one.begin() + 153));
}

/// Every other class is as likely as the next: 51 classes, k = 10, over 400
/// steps each is drawn 400·10/51 = 78.4 times, standard deviation 7.9.
TEST_P(SamplingTest, OthersAreUniform) {
  std::vector<int64_t> labels(batch, 0), drawn(51);
  for (int64_t step = 0; step < 400; ++step) {
    std::vector<int64_t> local =
        sample(0.2, labels, step, GetParam()).outputs.at("local").integers;
    for (int64_t slot = 51; slot < 61; ++slot)
      ++drawn[local[slot]];
  }
  for (int64_t count : drawn)
    EXPECT_NEAR(count, 78.4, 5 * 7.9);
}

} // namespace

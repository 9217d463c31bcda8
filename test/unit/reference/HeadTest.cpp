//===- HeadTest.cpp - Heads on ranks, against each other and in closed form
//===//
#include "dialects/pfc/reference/Compare.h"
#include "dialects/pfc/reference/RandomInputs.h"
#include "test/unit/reference/HeadGraph.h"
#include "test/unit/reference/ReferenceTest.h"
#include <cmath>
#include <fmt/format.h>

using namespace pfc::reference;

namespace {

TensorMap inputsOf(const HeadGraph &graph, std::vector<int64_t> labels,
                   int64_t step) {
  return {{"embeddings", randomNormal({graph.batch, graph.size}, 3, step)},
          {"labels", Tensor::ofIntegers({graph.batch}, std::move(labels))},
          {"lr", scalar(0.1)},
          {"step", scalar(step)}};
}

/// Runs both for three steps; all outputs and variables must agree.
void expectSame(const HeadGraph &graph, const std::string &a,
                const std::string &b, const std::vector<int64_t> &labels) {
  TestModule first(a), second(b);
  State stateA = first.initialState("train_step");
  State stateB = second.initialState("train_step");
  for (int64_t step = 0; step < 3; ++step) {
    TensorMap inputs = inputsOf(graph, labels, step);
    RunResult resultA = first.run("train_step", inputs, stateA);
    RunResult resultB = second.run("train_step", inputs, stateB);
    for (const auto &[name, tensor] : resultA.outputs) {
      Difference difference = compare(tensor, resultB.outputs.at(name));
      EXPECT_LT(difference.relative, 1e-12) << name << difference.description;
    }
    for (const std::string &name : stateA.names()) {
      mlir::Location loc = first.function("train_step").getLoc();
      Difference difference =
          compare(*stateA.logical(name, loc), *stateB.logical(name, loc));
      EXPECT_LT(difference.relative, 1e-12) << name << difference.description;
    }
  }
}

struct Labels {
  const char *name;
  std::vector<int64_t> values;
};
// On 4 ranks the 10 classes are {0 1 2} {3 4 5} {6 7} {8 9}.
const Labels labelSets[] = {
    {"Spread", {7, 2, 0, 9, 3, 8, 5, 2}},
    {"OneRankOnly", {3, 4, 5, 3, 4, 5, 3, 4}},
    {"OneClassOnly", {9, 9, 9, 9, 9, 9, 9, 9}},
};

class HeadTest
    : public testing::TestWithParam<std::tuple<Labels, double, std::string>> {
protected:
  HeadGraph graph() {
    HeadGraph graph;
    graph.ranks = 4;
    graph.sampleRate = std::get<1>(GetParam());
    graph.rowUpdate = std::get<2>(GetParam());
    return graph;
  }
};

TEST_P(HeadTest, PartitionedAndFusedMeanTheSame) {
  const Labels &labels = std::get<0>(GetParam());
  HeadGraph arcface = graph();
  expectSame(arcface, arcface.logical(), arcface.partitioned(), labels.values);
  expectSame(arcface, arcface.logical(), arcface.fused(), labels.values);

  HeadGraph combined = graph();
  combined.m1 = 1.1;
  combined.m3 = 0.2;
  combined.filter = 0.3;
  combined.gradient = "straight_through";
  combined.shift = 3.0;
  expectSame(combined, combined.logical(), combined.partitioned(),
             labels.values);
  expectSame(combined, combined.logical(), combined.fused(), labels.values);

  HeadGraph adaptive = graph();
  adaptive.rowMargins = true;
  expectSame(adaptive, adaptive.logical(), adaptive.partitioned(),
             labels.values);
  expectSame(adaptive, adaptive.logical(), adaptive.fused(), labels.values);
}

INSTANTIATE_TEST_SUITE_P(Samples, HeadTest,
                         testing::Combine(testing::ValuesIn(labelSets),
                                          testing::Values(0.0, 0.34, 0.5, 1.0),
                                          testing::Values("sampled", "all")),
                         [](const auto &info) {
                           return fmt::format("{}_{:.0f}_{}",
                                              std::get<0>(info.param).name,
                                              100 * std::get<1>(info.param),
                                              std::get<2>(info.param));
                         });

/// The embeddings' gradient is that of the loss, for all margins; the centers'
/// by the same maths. Finite differences along every element.
TEST(HeadGradient, FiniteDifferences) {
  HeadGraph margins[5];
  margins[1].m2 = 0.0;
  margins[1].m3 = 0.4;
  margins[2].m1 = 1.2;
  margins[2].m3 = 0.1;
  margins[3].filter = 0.3;
  margins[4].rowMargins = true;
  for (const HeadGraph &graph : margins) {
    TestModule module(graph.logical());
    TensorMap inputs = inputsOf(graph, labelSets[0].values, 0);
    auto lossAt = [&](const TensorMap &at) {
      State state = module.initialState("train_step");
      return module.run("train_step", at, state).outputs;
    };
    Tensor gradient = lossAt(inputs).at("embeddings_grad");
    for (int64_t i = 0; i < gradient.size(); ++i) {
      auto moved = [&](double distance) {
        TensorMap at = inputs;
        at.at("embeddings").reals[i] += distance;
        return lossAt(at).at("loss").reals[0];
      };
      double h = 1e-4;
      double slope =
          (8 * (moved(h) - moved(-h)) - (moved(2 * h) - moved(-2 * h))) /
          (12 * h);
      EXPECT_NEAR(gradient.reals[i], slope, 1e-8) << "element " << i;
    }
  }
}

/// AdaFace's code on lengths 10, 20, 30 and 200, which counts as 100: their
/// mean is 40, the sum of their squared distances from it 5000.
TEST(AdaptiveMargins, ByHand) {
  TestModule module(R"(
func.func @train_step(%n: tensor<4xf32> {pfc.input = "lr"}) {
  %mean = pfc.variable "mean" buffer init<constant, 20.0, 0.0> : tensor<1xf32>
  %std = pfc.variable "std" buffer init<constant, 100.0, 0.0> : tensor<1xf32>
  %margins, %m1, %s1 = pfc.adaptive_margins %n, %mean, %std {m = 0.4 : f64, h = 0.333 : f64, momentum = 0.25 : f64} : tensor<4xf32>, tensor<1xf32> -> tensor<4x2xf32>
  pfc.output "margins", %margins : tensor<4x2xf32>
  pfc.output "mean", %m1 : tensor<1xf32>
  pfc.output "std", %s1 : tensor<1xf32>
  return
}
)");
  State state = module.initialState("train_step");
  TensorMap out =
      module
          .run("train_step",
               {{"lr", Tensor::ofReals({4}, {10.0, 20.0, 30.0, 200.0})}}, state)
          .outputs;
  double mean = 0.25 * 40.0 + 0.75 * 20.0;
  double std = 0.25 * std::sqrt(5000.0 / 3.0) + 0.75 * 100.0;
  EXPECT_NEAR(out.at("mean").reals[0], mean, 1e-9);
  EXPECT_NEAR(out.at("std").reals[0], std, 1e-9);
  double lengths[] = {10.0, 20.0, 30.0, 100.0};
  for (int i = 0; i < 4; ++i) {
    double u = 0.333 * (lengths[i] - mean) / (std + 1e-3);
    EXPECT_NEAR(out.at("margins").reals[2 * i], -0.4 * u, 1e-9);
    EXPECT_NEAR(out.at("margins").reals[2 * i + 1], 0.4 + 0.4 * u, 1e-9);
  }
}

/// Before training, cosines are N(0, 1/d) and the target's is nearly 0, so
///   loss ≈ s·m3 + s·sin(m2) + ln C + s²/(2d).
TEST(HeadLoss, StartsAtItsClosedForm) {
  HeadGraph graph;
  graph.classes = 2000;
  graph.batch = 64;
  graph.size = 512;
  graph.scale = 64.0;
  std::vector<int64_t> labels(graph.batch);
  for (int64_t i = 0; i < graph.batch; ++i)
    labels[i] = i * 31 % graph.classes;
  for (double m3 : {0.0, 0.4}) {
    graph.m3 = m3;
    graph.m2 = m3 > 0 ? 0.0 : 0.5;
    TestModule module(graph.logical());
    State state = module.initialState("train_step");
    double loss = module.run("train_step", inputsOf(graph, labels, 0), state)
                      .outputs.at("loss")
                      .reals[0];
    double expected = 64 * m3 + 64 * std::sin(graph.m2) + std::log(2000.0) +
                      64.0 * 64.0 / (2.0 * 512);
    EXPECT_NEAR(loss, expected, 0.02 * expected);
  }
}

} // namespace

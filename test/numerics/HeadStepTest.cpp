//===- HeadStepTest.cpp - Whole head steps, from spec to device -----------===//
//
//   spec ─▶ frontend, passes, plan, a device        (fp32)
//        └▶ frontend, differentiation, interpreter  (float64)   ≤ 1e-5
//           └ the formulas written out by hand      (float64)   ≤ 1e-12
//           └ finite differences of its loss        (float64)   ≤ 1e-6
//
// over all margins, both conventions of their gradient, sample rates, row
// updates and ranks, for batches in which k is below the number of positives,
// ranks have no positive, or all rows are of one class. 101 classes: no number
// of ranks divides it. The devices are the CPU and, in some of the cases, the
// emulated one for CUDA kernels.
//
//===----------------------------------------------------------------------===//
#include "test/numerics/HeadStep.h"
#include "dialects/pfc/reference/CheckGradients.h"
#include "dialects/pfc/reference/RandomInputs.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "test/numerics/CheckPlan.h"
#include "test/unit/reference/HeadGraph.h"
#include "test/unit/reference/ReferenceTest.h"
#include <fmt/format.h>

using namespace pfc;
using namespace pfc::test;
using reference::HeadGraph;

namespace {

constexpr int64_t classes = 101, batch = 24, size = 32;

// Steps of one run. Random labels, then classes that rank 0 has on 1 to 3
// ranks, then the last class alone.
const std::vector<std::vector<int64_t>> labels = {
    {97, 3,  41, 58, 12, 3,  76, 90, 33, 64, 5,  88,
     27, 49, 71, 14, 60, 99, 36, 82, 21, 67, 45, 8},
    {3, 1, 4, 15, 9, 26, 5, 31},
    {100}};

struct Margin {
  const char *name, *type; ///< type: as in a spec
  double m1, m2, m3;
  const char *gradient;

  /// Not that of the loss: straight through an angle.
  bool isStraight() const {
    return std::string(gradient) == "straight_through" &&
           (m1 != 1.0 || m2 != 0.0);
  }
};

void PrintTo(const Margin &margin, std::ostream *os) { *os << margin.name; }

const Margin margins[] = {
    {"ArcFace", "arcface", 1.0, 0.5, 0.0, "exact"},
    {"ArcFaceStraight", "arcface", 1.0, 0.5, 0.0, "straight_through"},
    {"CosFace", "cosface", 1.0, 0.0, 0.4, "exact"},
    {"CosFaceStraight", "cosface", 1.0, 0.0, 0.4, "straight_through"},
    {"Combined", "combined", 1.1, 0.2, 0.1, "exact"},
    {"CombinedStraight", "combined", 1.1, 0.2, 0.1, "straight_through"},
};

std::string marginKeys(const Margin &margin) {
  std::string type = margin.type;
  std::string keys;
  if (type == "combined")
    keys += fmt::format("m1 = {}, ", margin.m1);
  if (type != "cosface")
    keys += fmt::format("m2 = {}, ", margin.m2);
  if (type != "arcface")
    keys += fmt::format("m3 = {}, ", margin.m3);
  return keys;
}

struct Case {
  Margin margin;
  double rate;
  std::string rowUpdate;
  int64_t ranks;
  LogitsStrategy logits = LogitsStrategy::Keep;

  std::string specText() const {
    return fmt::format(
        R"(
[model]
backbone = "iresnet-nano"
embedding_size = {}
[head]
classes = {}
sample_rate = {}
row_update = "{}"
margin = {{ type = "{}", {} scale = 64.0, gradient = "{}" }}
[train]
batch_per_rank = {}
steps = 1
seed = 7
clip_grad_norm = 0
[cluster]
world_size = {}
)",
        size, classes, rate, rowUpdate, margin.type, marginKeys(margin),
        margin.gradient, batch / ranks, ranks);
  }

  /// The same by hand.
  HeadGraph formulas() const {
    HeadGraph graph;
    graph.ranks = ranks;
    graph.classes = classes;
    graph.batch = batch;
    graph.size = size;
    graph.sampleRate = rate;
    graph.m1 = margin.m1;
    graph.m2 = margin.m2;
    graph.m3 = margin.m3;
    graph.scale = 64.0;
    graph.gradient = margin.gradient;
    graph.rowUpdate = rowUpdate;
    return graph;
  }
};

using Parameters = std::tuple<Margin, double, std::string, int64_t>;

Case toCase(const Parameters &parameters) {
  auto [margin, rate, rowUpdate, ranks] = parameters;
  return {margin, rate, rowUpdate, ranks};
}

std::string caseName(const testing::TestParamInfo<Parameters> &info) {
  Case head = toCase(info.param);
  return fmt::format("{}_{:.0f}_{}_{}", head.margin.name, 100 * head.rate,
                     head.rowUpdate, head.ranks);
}

class HeadStepTest : public testing::TestWithParam<Parameters> {
protected:
  Case param() const { return toCase(GetParam()); }
};

std::vector<TensorError> check(const Case &head, CheckOptions options) {
  HeadStep step(head.specText());
  options.from = "train";
  options.compile.optimizer = step.options().optimizer;
  // The narrowest tiles: two of the 101 classes on one rank.
  options.compile.tileHead = {head.logits, /*tileBytes=*/1};
  options.steps = static_cast<int64_t>(labels.size());
  options.labels = labels;
  // The last class alone on its rank and no other class sampled: the
  // probability is 1, and the gradient the rounding of one.
  options.smallestNorm = 0.1;
  return checkPlan(*step.train(), options);
}

void expectSmall(const std::vector<TensorError> &errors) {
  for (const TensorError &error : errors)
    EXPECT_LE(error.relative, error.tolerance)
        << error.name << " at step " << error.step;
}

TEST_P(HeadStepTest, CompiledAgainstReference) {
  expectSmall(check(param(), {}));
}

CheckOptions onCuda() {
  CheckOptions options;
  options.compile.target = KernelTarget::Cuda;
  return options;
}

class HeadStepCudaTest : public HeadStepTest {};

TEST_P(HeadStepCudaTest, CompiledAgainstReference) {
  expectSmall(check(param(), onCuda()));
}

TEST_P(HeadStepTest, ReferenceAgainstFormulas) {
  HeadStep head(param().specText());
  auto module = head.train();
  mlir::func::FuncOp function = trainStep(*module);
  reference::TestModule formulas(param().formulas().logical());
  reference::State state = *reference::State::initial(function, {});
  reference::State expected = formulas.initialState("train_step");
  TensorMap inputs = reference::randomInputs(function, classes, /*seed=*/3, 0);

  auto run = reference::runFunction(function, inputs, state);
  ASSERT_TRUE(mlir::succeeded(run));
  TensorMap outputs = formulas.run("train_step", inputs, expected).outputs;
  for (const char *name : {"loss", "embeddings_grad"})
    EXPECT_LE(relativeError(run->outputs.at(name), outputs.at(name)), 1e-12)
        << name;
  for (const char *name : {"head.weight", "head.weight.momentum"})
    EXPECT_LE(relativeError(*state.logical(name, function.getLoc()),
                            *expected.logical(name, function.getLoc())),
              1e-12)
        << name;
}

void expectRecomputed(const CheckOptions &options) {
  for (const Margin &margin : margins)
    for (int64_t ranks : {1, 3}) {
      SCOPED_TRACE(fmt::format("{} on {}", margin.name, ranks));
      expectSmall(check({margin, 1.0, "all", ranks, LogitsStrategy::Recompute},
                        options));
    }
}

TEST(HeadStepRecomputed, CompiledAgainstReference) { expectRecomputed({}); }
TEST(HeadStepRecomputed, OnCuda) { expectRecomputed(onCuda()); }

INSTANTIATE_TEST_SUITE_P(Heads, HeadStepTest,
                         testing::Combine(testing::ValuesIn(margins),
                                          testing::Values(1.0, 0.3, 0.02),
                                          testing::Values("sampled", "all"),
                                          testing::Values(1, 2, 3)),
                         caseName);

// At r = 1 all numbers of ranks are held against one reference.
INSTANTIATE_TEST_SUITE_P(
    Full, HeadStepCudaTest,
    testing::Combine(testing::Values(margins[0], margins[4]),
                     testing::Values(1.0), testing::Values("sampled"),
                     testing::Values(1, 2, 3)),
    caseName);
INSTANTIATE_TEST_SUITE_P(Sampled, HeadStepCudaTest,
                         testing::Combine(testing::ValuesIn(margins),
                                          testing::Values(0.3),
                                          testing::Values("all"),
                                          testing::Values(2)),
                         caseName);
INSTANTIATE_TEST_SUITE_P(Few, HeadStepCudaTest,
                         testing::Combine(testing::Values(margins[2]),
                                          testing::Values(0.02),
                                          testing::Values("sampled", "all"),
                                          testing::Values(1, 3)),
                         caseName);

void expectBf16(CheckOptions options) {
  options.compile.precision = Precision::Bf16;
  // A cosine is a sum of 32 products of size 1/32, each off by √2·2⁻⁹ of
  // itself; exp(64·cosine) is off by 64·√2·2⁻⁹/√32.
  options.tolerance = 3.1e-2;
  for (const Margin &margin : margins) {
    SCOPED_TRACE(margin.name);
    expectSmall(check({margin, 0.3, "sampled", 2}, options));
  }
}

TEST(HeadStepBf16, CompiledAgainstReference) {
  if (!cpuHas("avx512_bf16"))
    GTEST_SKIP() << "this processor has no avx512_bf16";
  expectBf16({});
}

TEST(HeadStepBf16, OnCuda) { expectBf16(onCuda()); }

TEST(HeadStepGradients, FiniteDifferences) {
  for (const Margin &margin : margins) {
    if (margin.isStraight())
      continue;
    HeadStep head(Case{margin, 0.3, "sampled", 2}.specText());
    auto module = head.differentiated();
    mlir::func::FuncOp function = trainStep(*module);
    auto checks = reference::checkGradients(
        function, reference::randomInputs(function, classes, /*seed=*/3, 0),
        *reference::State::initial(function, {}), /*directions=*/2,
        /*seed=*/5);
    ASSERT_TRUE(mlir::succeeded(checks));
    ASSERT_EQ(checks->size(), 2u);
    for (const reference::GradientCheck &check : *checks)
      EXPECT_LE(check.relative, 1e-6) << margin.name << ", " << check.parameter;
  }
}

} // namespace

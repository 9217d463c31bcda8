//===- PeerPlanTest.cpp - Compiled heads against PartialFC_V2 -------------===//
//
// The recordings of test/unit/reference/Peer.h on the plan path: a head's step,
// partitioned, fused, compiled and run, on the CPU device and as CUDA kernels
// on the emulated one. With exponentials that are kept and in tiles that make
// them again; in bf16, too, within its rounding of the recorded fp32.
//
//===----------------------------------------------------------------------===//
#include "mlir/InitAllDialects.h"
#include "mlir/Parser/Parser.h"
#include "test/numerics/CheckPlan.h"
#include "test/unit/reference/Peer.h"
#include <gtest/gtest.h>

using namespace pfc;
using namespace pfc::test;
using namespace pfc::reference;

namespace {

/// How a recording is followed.
struct Way {
  const char *name;
  KernelTarget target = KernelTarget::Cpu;
  LogitsStrategy logits = LogitsStrategy::Keep;
  Precision precision = Precision::Fp32;
  double tolerance = peerTolerance;

  CompileOptions options() const {
    CompileOptions options;
    options.target = target;
    options.precision = precision;
    options.tileHead.logits = logits;
    if (logits == LogitsStrategy::Recompute) // many tiles
      options.tileHead.tileBytes = options.tileHead.lastTileBytes = 1;
    return options;
  }
};

// bf16: a cosine of 64 products, each off by √2·2⁻⁹ of itself, times 64.
constexpr double bf16Tolerance = 3e-2;
const Way ways[] = {
    {"Cpu"},
    {"CpuRecomputed", KernelTarget::Cpu, LogitsStrategy::Recompute},
    {"CpuBf16", KernelTarget::Cpu, LogitsStrategy::Keep, Precision::Bf16,
     bf16Tolerance},
    {"Cuda", KernelTarget::Cuda},
    {"CudaRecomputed", KernelTarget::Cuda, LogitsStrategy::Recompute},
    {"CudaBf16", KernelTarget::Cuda, LogitsStrategy::Keep, Precision::Bf16,
     bf16Tolerance},
};

std::string compileText(const std::string &text, const Way &way) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  registry.insert<PfcDialect>();
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  EXPECT_TRUE(module);
  return compileToPlan(*module, "train", way.options());
}

class PeerPlanTest
    : public testing::TestWithParam<std::tuple<Way, PeerRecording>> {
protected:
  void expectRecording(int64_t ranks) {
    auto [way, recording] = GetParam();
    if (way.target == KernelTarget::Cpu && way.precision == Precision::Bf16 &&
        !cpuHas("avx512_bf16"))
      GTEST_SKIP() << "this processor has no avx512_bf16";
    HeadGraph head = peerHead(recording, ranks);
    head.showsCentersGradient = false;
    std::string plan = compileText(head.logical(), way);
    Tensor centers = peerCenters(), zeros = centers;
    std::fill(zeros.reals.begin(), zeros.reals.end(), 0.0);
    std::vector<ProgramCall> calls;
    for (int64_t step = 0; step < peerSteps; ++step)
      calls.push_back({"train_step", peerInputs(step)});
    std::vector<CallResult> results = runPlan(
        plan, {{"head.weight", centers}, {"head.weight.momentum", zeros}},
        calls, way.target == KernelTarget::Cpu ? "cpu" : "emulated-cuda",
        /*threads=*/1);
    for (int64_t step = 0; step < peerSteps; ++step)
      expectPeerStep(recording, outputsOf(results[step], step), step,
                     way.tolerance);
    expectPeerCenters(recording,
                      logicalTensor("head.weight",
                                    results.back().variables.at("head.weight"),
                                    centers.rows()),
                      way.tolerance);
  }

private:
  /// The job's outputs. All but the embeddings' gradient are alike on all
  /// ranks.
  TensorMap outputsOf(const CallResult &result, int64_t step) {
    TensorMap outputs;
    for (const auto &[name, ranks] : result.outputs) {
      int64_t rows = name == "embeddings_grad"
                         ? peerInputs(step).at("embeddings").rows()
                         : ranks.front().rows();
      outputs[name] = logicalTensor(name, ranks, rows);
    }
    return outputs;
  }
};

TEST_P(PeerPlanTest, OneRank) { expectRecording(1); }
TEST_P(PeerPlanTest, TwoRanks) { expectRecording(2); }

INSTANTIATE_TEST_SUITE_P(PartialFcV2, PeerPlanTest,
                         testing::Combine(testing::ValuesIn(ways),
                                          testing::ValuesIn(peerRecordings)),
                         [](const auto &info) {
                           return std::string(std::get<0>(info.param).name) +
                                  std::get<1>(info.param).name;
                         });

} // namespace

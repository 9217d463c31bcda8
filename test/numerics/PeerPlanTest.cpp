//===- PeerPlanTest.cpp - Compiled heads against PartialFC_V2 -------------===//
//
// The recordings of test/unit/reference/Peer.h on the plan path: a head's step,
// partitioned, fused, compiled and run on the CPU device.
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

std::string compileText(const std::string &text) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  registry.insert<PfcDialect>();
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  EXPECT_TRUE(module);
  return compileToPlan(*module, "train", CompileOptions());
}

class PeerPlanTest : public testing::TestWithParam<PeerRecording> {
protected:
  void expectRecording(int64_t ranks) {
    HeadGraph head = peerHead(GetParam(), ranks);
    head.showsCentersGradient = false;
    std::string plan = compileText(head.logical());
    Tensor centers = peerCenters(), zeros = centers;
    std::fill(zeros.reals.begin(), zeros.reals.end(), 0.0);
    std::vector<ProgramCall> calls;
    for (int64_t step = 0; step < peerSteps; ++step)
      calls.push_back({"train_step", peerInputs(step)});
    std::vector<CallResult> results = runPlan(
        plan, {{"head.weight", centers}, {"head.weight.momentum", zeros}},
        calls, "cpu", /*threads=*/1);
    for (int64_t step = 0; step < peerSteps; ++step)
      expectPeerStep(GetParam(), outputsOf(results[step], step), step);
    expectPeerCenters(GetParam(),
                      logicalTensor("head.weight",
                                    results.back().variables.at("head.weight"),
                                    centers.rows()));
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
                         testing::ValuesIn(peerRecordings),
                         [](const auto &info) { return info.param.name; });

} // namespace

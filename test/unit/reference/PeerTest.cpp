//===- PeerTest.cpp - The reference against PartialFC_V2 ------------------===//
#include "test/unit/reference/Peer.h"
#include "test/unit/reference/ReferenceTest.h"

using namespace pfc::reference;

namespace {

class PeerTest : public testing::TestWithParam<PeerRecording> {
protected:
  HeadGraph graph(int64_t ranks) { return peerHead(GetParam(), ranks); }

  void expectRecording(const std::string &text) {
    TestModule module(text);
    State state = module.initialState("train_step");
    state.set("head.weight", peerCenters());
    for (int64_t step = 0; step < peerSteps; ++step)
      expectPeerStep(GetParam(),
                     module.run("train_step", peerInputs(step), state).outputs,
                     step);
    mlir::Location loc = module.function("train_step").getLoc();
    expectPeerCenters(GetParam(), *state.logical("head.weight", loc));
  }
};

TEST_P(PeerTest, OneRank) { expectRecording(graph(1).logical()); }
TEST_P(PeerTest, TwoRanksLogical) { expectRecording(graph(2).logical()); }
TEST_P(PeerTest, TwoRanksPartitioned) {
  expectRecording(graph(2).partitioned());
}
TEST_P(PeerTest, TwoRanksFused) { expectRecording(graph(2).fused()); }

INSTANTIATE_TEST_SUITE_P(PartialFcV2, PeerTest,
                         testing::ValuesIn(peerRecordings),
                         [](const auto &info) { return info.param.name; });

} // namespace

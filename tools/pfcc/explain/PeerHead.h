//===- PeerHead.h - What PyTorch's Partial FC would take --------*- C++ -*-===//
//
// arcface_torch's PartialFC_V2, counted op by op from its source in fp32 (as
// train_v2.py runs it), for B rows of the whole batch, n classes of a rank, S
// of them sampled, N = B·S logits, d dimensions, W ranks:
//   memory   12·d·n (W, momentum, dense gradient) + 12·d·S + (12 + 4/W)·N;
//            16·d·n with AdamW's two moments
//   FLOP     6·d·N
//   traffic  (112 + 40/W)·N + 60·d·(n + S): 15 passes over rows of 4·d bytes,
//            of the n rows 24 with AdamW, whose step is 20 of them, not 11
//   network  all_gather X, three all_reduces of a number a row, a reduce of dX
//            for each rank
// A model-parallel softmax is the same with S = n. Other frameworks' chains of
// ops differ in the counts alone.
//
//===----------------------------------------------------------------------===//
#ifndef TOOLS_PFCC_EXPLAIN_PEERHEAD_H
#define TOOLS_PFCC_EXPLAIN_PEERHEAD_H

#include "Machine.h"

namespace pfc::explain {

struct HeadShape {
  int64_t wholeBatch = 0; ///< B
  int64_t classes = 0;    ///< n, rows a rank owns
  int64_t sampled = 0;    ///< S
  int64_t dimensions = 0; ///< d
  int64_t ranks = 1;      ///< W
  int64_t states = 1;     ///< the optimizer's numbers for one of W: AdamW 2
};

/// A head's ops, counted; the default is PartialFC_V2's.
struct HeadChain {
  double logitBytes = 112;   ///< memory traffic for a logit
  double ownedBytes = 40;    ///< besides, for the 1/W of rows the rank owns
  double sampledPasses = 15; ///< over each sampled row of 4·d bytes
  double ownedPasses = 15;   ///< over each of the n rows
  double reduces = 3;        ///< all_reduces of a number a row
};

double headSeconds(const HeadShape &shape, const HeadChain &chain,
                   const Machine &machine);

/// PartialFC_V2.
struct PeerHead {
  double memory = 0; ///< bytes a rank
  double seconds = 0;
};

PeerHead peerHead(const HeadShape &shape, const Machine &machine);

} // namespace pfc::explain

#endif // TOOLS_PFCC_EXPLAIN_PEERHEAD_H

#include "PeerHead.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace pfc::explain;

static double networkSeconds(const HeadShape &shape, const HeadChain &chain,
                             const Machine &machine) {
  if (shape.ranks == 1)
    return 0;
  const Link &link = machine.link(shape.ranks);
  double w = static_cast<double>(shape.ranks);
  double rows = static_cast<double>(shape.wholeBatch);
  double rounds = llvm::Log2_64_Ceil(static_cast<uint64_t>(shape.ranks));
  double gather =
      (w - 1) / w * rows * 4 * static_cast<double>(shape.dimensions);
  double reduces = gather; // one rank's rows at a time, W times
  double rowSums = chain.reduces * 2 * (w - 1) / w * rows * 4;
  double messages = rounds * (1 + chain.reduces * 2 + w);
  return messages * link.latency +
         (gather + reduces + rowSums) / link.bandwidth;
}

double pfc::explain::headSeconds(const HeadShape &shape, const HeadChain &chain,
                                 const Machine &machine) {
  double n = static_cast<double>(shape.classes);
  double s = static_cast<double>(shape.sampled);
  double d = static_cast<double>(shape.dimensions);
  double w = static_cast<double>(shape.ranks);
  double logits = static_cast<double>(shape.wholeBatch) * s;
  double traffic = (chain.logitBytes + chain.ownedBytes / w) * logits +
                   4 * d * (chain.ownedPasses * n + chain.sampledPasses * s);
  return 6 * d * logits / machine.single + traffic / machine.bandwidth +
         networkSeconds(shape, chain, machine);
}

PeerHead pfc::explain::peerHead(const HeadShape &shape,
                                const Machine &machine) {
  double n = static_cast<double>(shape.classes);
  double s = static_cast<double>(shape.sampled);
  double d = static_cast<double>(shape.dimensions);
  double w = static_cast<double>(shape.ranks);
  double logits = static_cast<double>(shape.wholeBatch) * s;
  PeerHead head;
  double states = static_cast<double>(shape.states);
  head.memory = 4 * d * (2 + states) * n + 12 * d * s + (12 + 4 / w) * logits;
  HeadChain chain;
  if (shape.states > 1)
    chain.ownedPasses = 24;
  head.seconds = headSeconds(shape, chain, machine);
  return head;
}

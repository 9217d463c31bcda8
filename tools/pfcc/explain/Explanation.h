//===- Explanation.h - What a plan takes, before it runs --------*- C++ -*-===//
#ifndef TOOLS_PFCC_EXPLAIN_EXPLANATION_H
#define TOOLS_PFCC_EXPLAIN_EXPLANATION_H

#include "Machine.h"
#include "PeerHead.h"
#include "StepCost.h"
#include "runtime/plan/PlanMemory.h"
#include "llvm/Support/raw_ostream.h"

namespace pfc::explain {

/// A rank's memory and the time of a step, and PyTorch's head beside it.
struct Explanation {
  std::string plan, precision;
  std::string lacking; ///< "bf16 needs sm_80": why it isn't an earlier variant
  Machine machine;
  int64_t ranks = 1, batchPerRank = 0, classes = 0;
  double sampleRate = 1;
  std::string recomputed; ///< "logits, batch_norms"; empty: nothing
  rt::PlanMemory memory;
  uint64_t checkpointCopy = 0; ///< bytes of memory while one is written
  uint64_t workspace = 0;      ///< bytes, the library's, in a process
  uint64_t process = 0;        ///< bytes in all; 0: not known
  StepCost step;
  uint64_t wideSums = 0;   ///< bytes a step sums over ranks in fp32
  uint64_t headMemory = 0; ///< bytes: W, momentum, the head's largest moment
  PeerHead partialFC;      ///< at the plan's sample rate
  PeerHead modelParallel;  ///< at a sample rate of 1

  double imagesPerSecond() const;
  /// Bytes of the machine's memory.
  uint64_t needed() const { return memory.arena + workspace; }
  bool fits() const { return needed() <= machine.memory; }
};

/// Of the first variant that the machine can do, as pfc-run takes it. An Error
/// says what all of them need.
llvm::Expected<const plan::fb::Variant *> variantFor(const plan::fb::Plan &plan,
                                                     const Machine &machine);

llvm::Expected<Explanation> explainPlan(const plan::fb::Plan &plan,
                                        const Machine &machine);

/// What to change where the network takes most of the step, if anything.
void printAdvice(const Explanation &explanation, llvm::raw_ostream &os);
void printText(const Explanation &explanation, llvm::raw_ostream &os);
void printJson(const Explanation &explanation, llvm::raw_ostream &os);

} // namespace pfc::explain

#endif // TOOLS_PFCC_EXPLAIN_EXPLANATION_H

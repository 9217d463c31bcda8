//===- StepCost.h - What a training step costs on a machine -----*- C++ -*-===//
//
// A roofline for each instruction: max(FLOP / rate, bytes / bandwidth) and at
// least a launch; for a collective of n bytes on W ranks latency and volume,
//   all_reduce      2·⌈log₂ W⌉·α + 2·(W − 1)/W·n/β
//   all_gather        ⌈log₂ W⌉·α + (W − 1)·n/β
//   reduce_scatter    ⌈log₂ W⌉·α + (W − 1)/W·n/β
// Then the plan's order on two streams, as it runs: a collective from when its
// instruction is reached and the one before it is done, to its wait.
//
// What a plan can do in several forms is done in the one that takes least, as
// pfc-run finds out by measuring. A kernel that does a product's work in such a
// form does it at the product's rate.
//
//===----------------------------------------------------------------------===//
#ifndef TOOLS_PFCC_EXPLAIN_STEPCOST_H
#define TOOLS_PFCC_EXPLAIN_STEPCOST_H

#include "Machine.h"
#include "runtime/plan/plan_generated.h"
#include "runtime/trace/StepTrace.h"

#include <array>

namespace pfc::explain {

/// Parts of a step.
enum class Part {
  BackboneConvolutions,
  BackboneProducts,
  BackboneKernels,
  BackboneCollectives,
  HeadProducts,
  HeadKernels,
  HeadCollectives,
};
constexpr size_t partCount = static_cast<size_t>(Part::HeadCollectives) + 1;

/// "backbone: convolutions", …
const char *partName(Part part);
inline bool isHead(Part part) { return part >= Part::HeadProducts; }

struct Cost {
  uint64_t instructions = 0;
  double flops = 0;
  double bytes = 0;   ///< of memory, read and written
  double sent = 0;    ///< by a rank
  double seconds = 0; ///< predicted
  double computing = 0, moving = 0, talking = 0; ///< seconds by what bounds
  /// Seconds of copies to and from the host's memory and of the sampler, which
  /// go on beside other instructions.
  double copying = 0;

  Cost &operator+=(const Cost &other);
  /// "compute", "memory" or "network": what most of the time is bound by.
  const char *bound() const;
};

struct StepCost {
  std::array<Cost, partCount> parts;
  double seconds = 0;   ///< from the first instruction to the last
  double waiting = 0;   ///< of them, for transfers with nothing to compute
  double forCopies = 0; ///< of these, for the rank's own: copies and sampling
  rt::StepTimes times;  ///< when each instruction runs; of Forms::Own alone

  /// What takes most of the time: see Cost::bound.
  const char *bound() const;

  Cost total() const;
  Cost head() const;
};

/// Of a collective on `ranks` ranks; `bytes` as above: n.
Cost collectiveCost(plan::fb::CollectiveKind kind, double bytes, int64_t ranks,
                    const Machine &machine);

/// What of a plan's forms is counted: the best, or its own instructions, which
/// are what a trace shows.
enum class Forms { Best, Own };

StepCost stepCost(const plan::fb::Program &step, int64_t ranks,
                  const Machine &machine, Forms forms = Forms::Best);

} // namespace pfc::explain

#endif // TOOLS_PFCC_EXPLAIN_STEPCOST_H

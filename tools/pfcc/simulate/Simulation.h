//===- Simulation.h - A spec's job, by its plan and by others ---*- C++ -*-===//
#ifndef TOOLS_PFCC_SIMULATE_SIMULATION_H
#define TOOLS_PFCC_SIMULATE_SIMULATION_H

#include "Peer.h"
#include "tools/pfcc/explain/Explanation.h"

namespace pfc::simulate {

/// One way to do the job. Bytes a rank, seconds a step.
struct SimulatedRun {
  std::string name; ///< "this plan", "mxnet, Partial FC"
  double memory = 0, backbone = 0, head = 0;
  double waiting = 0; ///< for the network, with nothing to compute
  double seconds = 0, imagesPerSecond = 0;
  std::string bound;
  bool fits = true; ///< into the machine's memory
};

struct Simulation {
  explain::Explanation plan;
  std::vector<SimulatedRun> runs; ///< the plan's first
};

/// `plan` by its instructions (explain), and the frameworks that were measured
/// at its precision by peers.toml. `machine` is connected (Constants).
llvm::Expected<Simulation> simulateJob(const plan::fb::Plan &plan,
                                       const EagerNetwork &network,
                                       const explain::Machine &machine,
                                       const Constants &constants);

void printText(const Simulation &simulation, llvm::raw_ostream &os);
void printJson(const Simulation &simulation, llvm::raw_ostream &os);

} // namespace pfc::simulate

#endif // TOOLS_PFCC_SIMULATE_SIMULATION_H

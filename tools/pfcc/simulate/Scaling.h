//===- Scaling.h - docs/scaling.md ------------------------------*- C++ -*-===//
#ifndef TOOLS_PFCC_SIMULATE_SCALING_H
#define TOOLS_PFCC_SIMULATE_SCALING_H

#include "Fit.h"
#include "Simulation.h"

namespace pfc::simulate {

/// Simulated and published side by side, with errors; then the predictions.
void writeScaling(const Constants &constants, const Networks &networks,
                  const std::vector<PublishedTable> &tables,
                  const std::vector<Simulation> &predictions,
                  llvm::raw_ostream &os);

} // namespace pfc::simulate

#endif // TOOLS_PFCC_SIMULATE_SCALING_H

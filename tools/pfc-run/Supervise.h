//===- Supervise.h - Starts the ranks, again when they fail -----*- C++ -*-===//
#ifndef PFC_TOOLS_PFC_RUN_SUPERVISE_H
#define PFC_TOOLS_PFC_RUN_SUPERVISE_H

#include <string>
#include <vector>

namespace pfc::rt {

struct Supervision {
  int ranks = 1;
  int restarts = 0;   ///< at most
  std::string outDir; ///< whose last checkpoint they go on from
};

/// Whether this process was started by one that supervises.
bool isSupervised();

/// Starts the ranks with `arguments`, those of pfc-run, and again with --resume
/// as long as they end in a way that another start may not. Signals to end
/// reach the ranks, and then it is over. The last exit status.
int supervise(const Supervision &job,
              const std::vector<std::string> &arguments);

} // namespace pfc::rt

#endif // PFC_TOOLS_PFC_RUN_SUPERVISE_H

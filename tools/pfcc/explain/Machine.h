//===- Machine.h - What a plan's time is predicted for ----------*- C++ -*-===//
#ifndef TOOLS_PFCC_EXPLAIN_MACHINE_H
#define TOOLS_PFCC_EXPLAIN_MACHINE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <optional>
#include <string>

namespace pfc::explain {

/// What a message costs: latency in seconds, bandwidth in bytes/s.
struct Link {
  double latency = 0, bandwidth = 0;
};

/// One rank's device and its network (machines.toml).
struct Machine {
  std::string name, source;
  std::string device;          ///< cluster.device; "": the spec's
  std::string chip;            ///< "sm_90a", "amx_bf16", "none"; "": not known
  double half = 0, single = 0; ///< products, FLOP/s
  double convHalf = 0, convSingle = 0; ///< convolutions, FLOP/s
  double bandwidth = 0;                ///< memory, bytes/s
  double host = 12e9;                  ///< to and from the host's, bytes/s
  double launch = 0;                   ///< seconds an instruction
  double blocks = 1;   ///< computed at once; what is one takes as much longer
  uint64_t memory = 0; ///< bytes
  /// Bytes of a process without arena and images; 0: not known, as where the
  /// arena is not in its memory.
  uint64_t process = 0;
  int64_t node = 1; ///< ranks on a machine
  Link inside, between;

  /// Whether it can do what a plan's variant or form requires.
  bool supports(const std::string &requirement) const;

  /// What connects `ranks` ranks: the slowest link that they need.
  const Link &link(int64_t ranks) const {
    return ranks > node ? between : inside;
  }
};

/// `--on`: "h200", "8xh200" (which sets the number of ranks too), or a TOML
/// file with machines.toml's keys, or one table of them with a name.
struct MachineRequest {
  std::optional<int64_t> ranks;
  Machine machine;
};
llvm::Expected<MachineRequest> findMachine(llvm::StringRef request);
/// The file that `request` names, or "".
std::string machineFile(llvm::StringRef request);
/// Those known without a file: "2080ti, cpu, …".
std::string machineNames();

} // namespace pfc::explain

#endif // TOOLS_PFCC_EXPLAIN_MACHINE_H

//===- RunPlan.h - A plan in memory, run on R threads -----------*- C++ -*-===//
//
// The runtime's executor and a device in host memory, one thread a rank. Memory
// starts as NaN (bytes 0xFF): a kernel that reads what nothing wrote shows.
// Only state and inputs are written, rows of a shard that no class uses are
// not.
//
//===----------------------------------------------------------------------===//
#ifndef TEST_NUMERICS_RUNPLAN_H
#define TEST_NUMERICS_RUNPLAN_H

#include "dialects/pfc/reference/Tensor.h"
#include "runtime/plan/plan_generated.h"
#include <map>
#include <string>
#include <vector>

namespace pfc::test {

using reference::Tensor;
using reference::TensorMap;

/// One execution of a program. Inputs are the job's; each rank gets all of one
/// that has its own input's shape, else its block of rows.
struct ProgramCall {
  std::string program;
  TensorMap inputs;
};

/// By name, one tensor a rank.
using RankTensors = std::map<std::string, std::vector<Tensor>>;

struct CallResult {
  RankTensors outputs;
  /// Variables after the call; of a shard, the rows in use.
  RankTensors variables;
};

/// Verifies and validates the plan, then runs its only variant from the job's
/// `state`, call by call. `device`: "cpu" or "emulated-cuda"; `threads`: of a
/// rank. Throws rt::Error.
std::vector<CallResult> runPlan(const std::string &planBytes,
                                const TensorMap &state,
                                const std::vector<ProgramCall> &calls,
                                const std::string &device, int threads);

/// The tensor of the whole job: the ranks' blocks of rows if `rows` says so,
/// else the one that all ranks have bit for bit. Throws where they differ.
Tensor logicalTensor(const std::string &name, const std::vector<Tensor> &ranks,
                     int64_t rows);

/// Whether this machine's CPU device has `feature`.
bool cpuHas(const std::string &feature);

} // namespace pfc::test

#endif // TEST_NUMERICS_RUNPLAN_H

#include "tools/pfc-run/Supervise.h"

#include "runtime/base/Error.h"
#include "runtime/comm/Launcher.h"
#include "runtime/comm/watch/Verdict.h"
#include "runtime/train/checkpoint/CheckpointFolder.h"

#include <algorithm>
#include <cstdlib>

namespace pfc::rt {
namespace {

constexpr const char *supervised = "PFC_SUPERVISED";

/// 128 + n: signal n ended it, or a rank of it, which mpirun passes on.
bool worthRestart(int status) {
  return status == statusWorthRestart || status > 128;
}

/// With --resume in place of any that was given, once there is a checkpoint.
std::vector<std::string> goingOn(std::vector<std::string> arguments,
                                 bool fromOut) {
  if (!fromOut)
    return arguments;
  std::erase_if(arguments, [](const std::string &word) {
    return word == "--resume" || word.starts_with("--resume=");
  });
  arguments.push_back("--resume");
  return arguments;
}

} // namespace

bool isSupervised() { return std::getenv(supervised) != nullptr; }

int supervise(const Supervision &job,
              const std::vector<std::string> &arguments) {
  setenv(supervised, "1", 1);
  int status = launchRanks(job.ranks, arguments);
  for (int restart = 1; worthRestart(status) && restart <= job.restarts;
       ++restart) {
    if (askedToEnd())
      return status;
    auto checkpoints = CheckpointFolder(job.outDir).list();
    fmt::print(stderr, "pfc-run: restart {} of {}, {}\n", restart, job.restarts,
               checkpoints.empty() ? "without a checkpoint yet"
                                   : "from " + checkpoints.back().path);
    status = launchRanks(job.ranks, goingOn(arguments, !checkpoints.empty()));
  }
  return status;
}

} // namespace pfc::rt

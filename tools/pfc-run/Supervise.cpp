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

using Checkpoints = std::vector<CheckpointFolder::Entry>;

/// Whether the ranks have written a checkpoint, or meant those that were there.
bool goesOn(const std::vector<std::string> &arguments,
            const Checkpoints &before, const Checkpoints &now) {
  if (now.empty())
    return false;
  return before.empty() || now.back().step != before.back().step ||
         std::ranges::find(arguments, "--resume") != arguments.end();
}

/// With --resume in place of any that was given.
std::vector<std::string> goingOn(std::vector<std::string> arguments) {
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
  const Checkpoints before = CheckpointFolder(job.outDir).list();
  int status = launchRanks(job.ranks, arguments);
  for (int restart = 1; worthRestart(status) && restart <= job.restarts;
       ++restart) {
    if (askedToEnd())
      return status;
    const Checkpoints now = CheckpointFolder(job.outDir).list();
    bool resumes = goesOn(arguments, before, now);
    fmt::print(stderr, "pfc-run: restart {} of {}, {}\n", restart, job.restarts,
               resumes ? "from " + now.back().path
                       : "without a checkpoint yet");
    status = launchRanks(job.ranks, resumes ? goingOn(arguments) : arguments);
  }
  return status;
}

} // namespace pfc::rt

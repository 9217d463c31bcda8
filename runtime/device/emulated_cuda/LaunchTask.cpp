#include "runtime/device/emulated_cuda/LaunchTask.h"

#include "runtime/base/Error.h"

#include <atomic>
#include <mutex>
#include <omp.h>

namespace pfc::rt::emulated {

void LaunchTask::execute() {
  std::atomic<unsigned> next = 0;
  std::atomic<bool> failed = false;
  std::mutex mutex;
  unsigned firstBlock = shape.blocks;
  std::string first;
  // Blocks are taken in order, and one that was taken is finished: so the first
  // that fails is found whatever the number of threads.
  auto takeBlocks = [&](BlockRunner &runner) {
    runner.startLaunch(shape);
    while (!failed) {
      unsigned block = next++;
      if (block >= shape.blocks)
        return;
      if (auto problem = runner.run(block)) {
        failed = true;
        std::lock_guard lock(mutex);
        if (block < firstBlock) {
          firstBlock = block;
          first = *problem;
        }
      }
    }
  };
  auto team = static_cast<int>(runners.size());
  // Always the whole team: libgomp ends threads that a smaller one leaves out.
#pragma omp parallel num_threads(team)
  takeBlocks(*runners[static_cast<size_t>(omp_get_thread_num())]);
  require(!failed, "{}", first);
}

} // namespace pfc::rt::emulated

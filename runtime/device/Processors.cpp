#include "runtime/device/Processors.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sched.h>
#include <string>
#include <unistd.h>

namespace pfc::rt {

/// The control group's quota in processors (cpu.max: "QUOTA PERIOD" in
/// microseconds, or "max PERIOD"); 0 when there is none.
static int quotaProcessors() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0)
    return 0;
  return static_cast<int>(std::ceil(std::atof(quota.c_str()) / period));
}

int availableProcessors() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  int count = 1;
  if (sched_getaffinity(0, sizeof mask, &mask) == 0)
    count = CPU_COUNT(&mask);
  if (int quota = quotaProcessors(); quota > 0)
    count = std::min(count, quota);
  return std::max(count, 1);
}

uint64_t availableMemory() {
  uint64_t bytes = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                   static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  std::ifstream file("/sys/fs/cgroup/memory.max"); // a number, or "max"
  if (uint64_t limit = 0; file >> limit)
    bytes = std::min(bytes, limit);
  return bytes;
}

} // namespace pfc::rt

#include "runtime/device/Processors.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sched.h>
#include <string>

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

} // namespace pfc::rt

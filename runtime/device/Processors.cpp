#include "runtime/device/Processors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <malloc.h>
#include <map>
#include <optional>
#include <sched.h>
#include <set>
#include <sstream>
#include <string>
#include <unistd.h>

namespace pfc::rt {
namespace {

struct Mapping {
  std::string rights, path; ///< "r-xp"; "" and "[heap]" are no files
};

} // namespace

/// The control group's (cpu.max: "QUOTA PERIOD" in microseconds, or "max
/// PERIOD").
int quotaProcessors() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0)
    return 0;
  return static_cast<int>(std::ceil(std::atof(quota.c_str()) / period));
}

AffinityMask affinityMask() {
  cpu_set_t set;
  static_assert(sizeof set == sizeof(AffinityMask));
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0)
    CPU_SET(0, &set);
  return std::bit_cast<AffinityMask>(set);
}

int availableProcessors() {
  int count = 0;
  for (uint64_t word : affinityMask())
    count += std::popcount(word);
  if (int quota = quotaProcessors(); quota > 0)
    count = std::min(count, quota);
  return std::max(count, 1);
}

/// The number after `key` in a file of "key number" lines; 0 without.
static uint64_t numberOf(const char *path, const std::string &key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    if (uint64_t value = 0; words >> name >> value && name == key)
      return value;
  }
  return 0;
}

static uint64_t numberIn(const char *path) {
  std::ifstream file(path); // a number, or "max"
  uint64_t value = 0;
  return file >> value ? value : 0;
}

uint64_t availableMemory() {
  uint64_t bytes = numberOf("/proc/meminfo", "MemAvailable:") * 1024;
  uint64_t limit = numberIn("/sys/fs/cgroup/memory.max");
  if (limit == 0)
    return bytes;
  // What the container's files have in memory makes room when it is needed.
  uint64_t used = numberIn("/sys/fs/cgroup/memory.current");
  uint64_t files = numberOf("/sys/fs/cgroup/memory.stat", "inactive_file") +
                   numberOf("/sys/fs/cgroup/memory.stat", "active_file");
  used -= std::min(used, files);
  return std::min(bytes, limit - std::min(limit, used));
}

/// A mapping's line of /proc/self/smaps: "begin-end rwxp offset device inode
/// path". Nothing if `line` is of another kind.
static std::optional<Mapping> mappingOf(const std::string &line) {
  std::istringstream words(line);
  std::string range, offset, device, inode;
  Mapping mapping;
  if (!(words >> range >> mapping.rights >> offset >> device >> inode) ||
      range.find('-') == std::string::npos)
    return std::nullopt;
  std::getline(words >> std::ws, mapping.path);
  return mapping;
}

uint64_t processMemory() {
  std::ifstream file("/proc/self/smaps");
  std::map<std::string, uint64_t> kilobytes;
  std::set<std::string> counted;
  Mapping current;
  for (std::string line; std::getline(file, line);) {
    if (auto mapping = mappingOf(line)) {
      current = *mapping;
      bool isFile = current.path.starts_with("/");
      if (!isFile || current.rights.find('x') != std::string::npos)
        counted.insert(current.path);
    } else if (line.starts_with("Rss:")) {
      kilobytes[current.path] += std::strtoull(line.c_str() + 4, nullptr, 10);
    }
  }
  uint64_t total = 0;
  for (const std::string &path : counted)
    total += kilobytes[path];
  return total * 1024;
}

void returnFreedMemory() { malloc_trim(0); }

} // namespace pfc::rt

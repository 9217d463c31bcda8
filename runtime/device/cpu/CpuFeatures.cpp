#include "runtime/device/cpu/CpuFeatures.h"

#include <cstring>
#include <fstream>

#ifdef __x86_64__
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace pfc::rt {

#ifdef __x86_64__
namespace {

/// CPUID leaf 7, sub-leaf 0, EDX: bit 22 AMX-BF16, bit 24 AMX-TILE.
bool hasAmxBf16() {
  unsigned eax, ebx, ecx, edx;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (edx >> 22 & 1) &&
         (edx >> 24 & 1);
}

/// Linux (5.16 and later) enables the 8 KiB of tile registers per process and
/// on request: arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA).
bool tilesPermitted() {
  constexpr long requestPermission = 0x1023, tileData = 18;
  return syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
}

/// CPUID leaf 7, sub-leaf 1, EAX bit 5; GCC 12's builtin has no name for it.
bool hasAvx512Bf16() {
  unsigned eax, ebx, ecx, edx;
  return __builtin_cpu_supports("avx512bw") &&
         __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax >> 5 & 1);
}

} // namespace

bool cpuSupports(const std::string &feature) {
  __builtin_cpu_init();
  if (feature == "amx_bf16")
    return hasAmxBf16() && tilesPermitted();
  if (feature == "avx512_bf16")
    return hasAvx512Bf16();
  if (feature == "avx512") // what oneDNN calls avx512_core
    return __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq");
  if (feature == "avx2")
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return false;
}
#else
bool cpuSupports(const std::string &) { return false; }
#endif

std::string cpuModel() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.rfind("model name", 0) == 0)
      if (size_t colon = line.find(": "); colon != std::string::npos)
        return line.substr(colon + 2);
  return "unknown processor";
}

std::string widestCpuFeature() {
  for (const char *feature : {"amx_bf16", "avx512_bf16", "avx512", "avx2"})
    if (cpuSupports(feature))
      return feature;
  return "";
}

} // namespace pfc::rt

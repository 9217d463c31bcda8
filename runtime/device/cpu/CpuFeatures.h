//===- CpuFeatures.h - What the processor found can do ----------*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_CPU_CPUFEATURES_H
#define PFC_RUNTIME_DEVICE_CPU_CPUFEATURES_H

#include <string>

namespace pfc::rt {

/// Whether this machine has `feature`: "amx_bf16", "avx512_bf16", "avx512",
/// "avx2". AMX also needs the kernel's leave, which this asks for.
bool cpuSupports(const std::string &feature);

/// "AMD EPYC 9454 48-Core Processor", as the processor names itself.
std::string cpuModel();

/// The widest of the features above, for people; empty when there is none.
std::string widestCpuFeature();

} // namespace pfc::rt

#endif // PFC_RUNTIME_DEVICE_CPU_CPUFEATURES_H

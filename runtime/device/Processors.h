//===- Processors.h - What this process may use of its machine --*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_PROCESSORS_H
#define PFC_RUNTIME_DEVICE_PROCESSORS_H

#include <cstdint>

namespace pfc::rt {

/// Processors in this process's affinity mask, less if a container's CPU quota
/// allows fewer; at least 1.
int availableProcessors();

/// The machine's memory that is free, or becomes so when it is asked for; less
/// if a container's limit allows less.
uint64_t availableMemory();

} // namespace pfc::rt

#endif // PFC_RUNTIME_DEVICE_PROCESSORS_H

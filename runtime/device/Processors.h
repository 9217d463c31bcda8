//===- Processors.h - What this process may use of its machine --*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_PROCESSORS_H
#define PFC_RUNTIME_DEVICE_PROCESSORS_H

#include <array>
#include <cstdint>

namespace pfc::rt {

/// The machine's processors that this process may run on, a bit each.
using AffinityMask = std::array<uint64_t, 16>;
AffinityMask affinityMask();

/// A container's CPU quota, in processors; 0 when there is none.
int quotaProcessors();

/// Processors in this process's affinity mask, less if a container's CPU quota
/// allows fewer; at least 1.
int availableProcessors();

/// The machine's memory that is free, or becomes so when it is asked for; less
/// if a container's limit allows less.
uint64_t availableMemory();

/// Memory of this process that nothing but it and others of its program need:
/// what it wrote, its code and its libraries. Mapped data files are not in it,
/// which lie in the system's cache. 0 where /proc doesn't tell.
uint64_t processMemory();

/// Gives back to the machine what was freed, as after compiling.
void returnFreedMemory();

} // namespace pfc::rt

#endif // PFC_RUNTIME_DEVICE_PROCESSORS_H

//===- Processors.h - How many processors this process may use --*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_PROCESSORS_H
#define PFC_RUNTIME_DEVICE_PROCESSORS_H

namespace pfc::rt {

/// Processors in this process's affinity mask, less if a container's CPU quota
/// allows fewer; at least 1.
int availableProcessors();

} // namespace pfc::rt

#endif // PFC_RUNTIME_DEVICE_PROCESSORS_H

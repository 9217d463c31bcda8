//===- MergedGroups.h - Convolutions of small groups ------------*- C++ -*-===//
//
// MobileFaceNet's second layer convolves 128 channels in groups of two, which
// oneDNN 2.6 does one multiplication after the other. AMX is seven times
// faster at as many groups of 32, most of whose weights are zeros
// (bench/results/train-step.md).
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_CPU_MERGEDGROUPS_H
#define PFC_RUNTIME_DEVICE_CPU_MERGEDGROUPS_H

#include "runtime/device/onednn/OneDnn.h"

namespace pfc::rt {

/// A task for `op`, a bf16 convolution or the gradient of its input, by
/// oneDNN's for fewer groups. Null where it is something else, the processor
/// has no AMX, or the groups are not for it: of 2, 4 or 8 channels, as many out
/// as in, 16 in all or more.
std::unique_ptr<Task> makeMergedGroupsConv(OneDnn &shared,
                                           const plan::fb::Conv &op,
                                           const BufferView &lhs,
                                           const BufferView &rhs,
                                           const BufferView &result);

} // namespace pfc::rt

#endif // PFC_RUNTIME_DEVICE_CPU_MERGEDGROUPS_H

//===- ProcessorShare.h - A rank's part of its machine ----------*- C++ -*-===//
#ifndef PFC_RUNTIME_TRAIN_PROCESSORSHARE_H
#define PFC_RUNTIME_TRAIN_PROCESSORSHARE_H

#include "runtime/comm/Communicator.h"
#include "runtime/device/Processors.h"

#include <array>
#include <span>

namespace pfc::rt {

/// Where a rank may run.
struct RankPlace {
  std::array<char, 64> machine = {}; ///< its name
  AffinityMask processors = {};
};

/// Of each processor that rank `own` may run on, the part that is left when all
/// ranks that may run there take the same; in whole processors, at least 1.
/// Ranks that a launcher has bound keep all of theirs.
int shareOf(std::span<const RankPlace> places, size_t own);

/// That of this rank, less if a container's CPU quota allows fewer. Collective.
int processorShare(Communicator &communicator);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_PROCESSORSHARE_H

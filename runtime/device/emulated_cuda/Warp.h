//===- Warp.h - What 32 threads do together ---------------------*- C++ -*-===//
//
// Shuffles, votes and __syncwarp meet here: a thread leaves what it brings, the
// last of those its mask names completes the exchange for all of them. The
// threads of a mask must do the same thing with the same mask, which a chip
// does not check: there, the result is undefined.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_EMULATED_CUDA_WARP_H
#define PFC_RUNTIME_DEVICE_EMULATED_CUDA_WARP_H

#include "runtime/device/emulated_cuda/EmulationAbi.h"

#include <array>
#include <cstdint>
#include <string>

namespace pfc::rt::emulated {

/// What one lane brings to an exchange, and what it takes.
struct Offer {
  emulation::Collective kind = emulation::Collective::Sync;
  uint32_t mask = 0;
  uint64_t value = 0;
  int argument = 0;
  int width = 32;
  unsigned line = 0;
  uint64_t result = 0;
};

/// "__shfl_xor_sync (line 12)"
std::string describe(const Offer &offer);

class Warp {
public:
  static constexpr unsigned lanes = 32;

  void start() { waiting = synced = 0; }
  /// How many __syncwarp calls are complete.
  uint32_t syncs() const { return synced; }

  /// Lane `lane` arrives. Returns whether the exchange is complete: then every
  /// lane of the mask has its result and waits no more. `problem` is set when
  /// the lanes do not agree; `culprit` is the lane to name.
  bool arrive(unsigned lane, const Offer &offer, std::string &problem,
              unsigned &culprit);

  const Offer &offer(unsigned lane) const { return offers[lane]; }

private:
  std::string disagreement(unsigned lane, unsigned &culprit) const;
  std::string complete(uint32_t mask, unsigned &culprit);

  std::array<Offer, lanes> offers;
  uint32_t waiting = 0; // lanes that arrived and have no result yet
  uint32_t synced = 0;
};

} // namespace pfc::rt::emulated

#endif // PFC_RUNTIME_DEVICE_EMULATED_CUDA_WARP_H

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

  /// Where a lane leaves what it brings, and finds its result.
  Offer &offer(unsigned lane) { return offers[lane]; }
  const Offer &offer(unsigned lane) const { return offers[lane]; }

  enum class Arrival { Waits, Complete, Refused };

  /// Lane `lane`, which has made its offer, arrives. When the exchange is
  /// complete, every lane of the mask has its result and waits no more.
  Arrival arrive(unsigned lane) {
    const Offer &mine = offers[lane];
    waiting |= uint32_t{1} << lane;
    if (!isValid(lane))
      return Arrival::Refused;
    return (waiting & mine.mask) == mine.mask ? complete(lane) : Arrival::Waits;
  }

  /// Why the arrival of `lane` was refused; `culprit` is the lane to name.
  std::string problem(unsigned lane, unsigned &culprit) const;

private:
  bool namesItself(unsigned lane) const {
    return offers[lane].mask >> lane & 1;
  }
  bool hasWidth(unsigned lane) const {
    int width = offers[lane].width;
    return width > 0 && width <= 32 && (width & (width - 1)) == 0;
  }
  bool isValid(unsigned lane) const {
    return namesItself(lane) && hasWidth(lane);
  }
  Arrival complete(unsigned lane);
  bool agree(unsigned lane) const;
  bool exchangeValues(uint32_t mask);
  std::string disagreement(unsigned lane, unsigned &culprit) const;

  std::array<Offer, lanes> offers;
  uint32_t waiting = 0; // lanes that arrived and have no result yet
  uint32_t synced = 0;
};

} // namespace pfc::rt::emulated

#endif // PFC_RUNTIME_DEVICE_EMULATED_CUDA_WARP_H

#include "runtime/device/emulated_cuda/Warp.h"

#include "runtime/device/emulated_cuda/TensorCore.h"

#include <bit>
#include <fmt/format.h>

namespace pfc::rt::emulated {

using emulation::Collective;

std::string describe(const Offer &offer) {
  static constexpr const char *names[] = {
      "__syncwarp",      "__shfl_down_sync", "__shfl_up_sync",
      "__shfl_xor_sync", "__shfl_sync",      "__ballot_sync (any, all)",
      "ldmatrix",        "mma.sync"};
  return fmt::format("{} (line {})", names[static_cast<unsigned>(offer.kind)],
                     offer.line);
}

/// The lane whose value `lane` gets; its own where CUDA leaves the segment.
static unsigned sourceLane(unsigned lane, const Offer &offer) {
  auto width = static_cast<unsigned>(offer.width);
  auto argument = static_cast<unsigned>(offer.argument);
  unsigned first = lane & ~(width - 1), within = lane - first;
  switch (offer.kind) {
  case Collective::ShuffleDown:
    return argument < width - within ? lane + argument : lane;
  case Collective::ShuffleUp:
    return argument <= within ? lane - argument : lane;
  case Collective::ShuffleXor: {
    unsigned source = lane ^ argument;
    return source < first + width ? source : lane;
  }
  case Collective::Shuffle:
    return first + (argument & (width - 1));
  default:
    return lane;
  }
}

/// What is wrong with the exchange that `lane` is the last to join.
std::string Warp::disagreement(unsigned lane, unsigned &culprit) const {
  const Offer &mine = offers[lane];
  for (unsigned other = 0; other < lanes; ++other) {
    if (!(mine.mask >> other & 1))
      continue;
    const Offer &theirs = offers[other];
    culprit = lane;
    if (theirs.mask != mine.mask)
      return fmt::format("divergent masks: calls {} with mask {:#010x}, lane "
                         "{} called {} with mask {:#010x}",
                         describe(mine), mine.mask, other, describe(theirs),
                         theirs.mask);
    if (theirs.kind != mine.kind || theirs.line != mine.line)
      return fmt::format("diverged: calls {}, lane {} of the same mask calls "
                         "{}",
                         describe(mine), other, describe(theirs));
  }
  return {};
}

/// What all lanes brought pointers to.
template <typename T>
static std::array<T *, Warp::lanes>
broughtBy(const std::array<Offer, Warp::lanes> &offers) {
  std::array<T *, Warp::lanes> brought;
  for (unsigned lane = 0; lane < Warp::lanes; ++lane)
    brought[lane] = reinterpret_cast<T *>(offers[lane].value);
  return brought;
}

/// Gives the lanes of `mask` their results.
std::string Warp::complete(uint32_t mask, unsigned &culprit) {
  if (mask == ~uint32_t{0} && offers[0].kind == Collective::LoadMatrices)
    loadMatrices(broughtBy<emulation::MatrixRow>(offers));
  if (mask == ~uint32_t{0} && offers[0].kind == Collective::Multiply)
    multiply(broughtBy<emulation::Fragments>(offers));
  uint32_t votes = 0;
  for (unsigned lane = 0; lane < lanes; ++lane)
    if ((mask >> lane & 1) && offers[lane].value != 0)
      votes |= uint32_t{1} << lane;
  for (unsigned lane = 0; lane < lanes; ++lane) {
    if (!(mask >> lane & 1))
      continue;
    Offer &offer = offers[lane];
    if (offer.kind == Collective::Ballot) {
      offer.result = votes;
      continue;
    }
    unsigned source = sourceLane(lane, offer);
    if (!(mask >> source & 1)) {
      culprit = lane;
      return fmt::format("{} reads lane {}, which mask {:#010x} leaves out",
                         describe(offer), source, mask);
    }
    offer.result = offers[source].value;
  }
  waiting &= ~mask;
  return {};
}

bool Warp::arrive(unsigned lane, const Offer &offer, std::string &problem,
                  unsigned &culprit) {
  culprit = lane;
  offers[lane] = offer;
  waiting |= uint32_t{1} << lane;
  if (!(offer.mask >> lane & 1)) {
    problem = fmt::format("calls {} with mask {:#010x}, which leaves out its "
                          "own lane {}",
                          describe(offer), offer.mask, lane);
    return false;
  }
  if (!std::has_single_bit(static_cast<unsigned>(offer.width)) ||
      offer.width > 32) {
    problem = fmt::format("{}: width {} is no power of two up to 32",
                          describe(offer), offer.width);
    return false;
  }
  if ((waiting & offer.mask) != offer.mask)
    return false;
  problem = disagreement(lane, culprit);
  if (problem.empty())
    problem = complete(offer.mask, culprit);
  if (offer.kind == Collective::Sync)
    ++synced;
  return problem.empty();
}

} // namespace pfc::rt::emulated

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

/// Whether all lanes of the mask do the same with the same mask.
bool Warp::agree(unsigned lane) const {
  const Offer &mine = offers[lane];
  for (uint32_t left = mine.mask; left != 0; left &= left - 1) {
    const Offer &theirs = offers[std::countr_zero(left)];
    if (theirs.mask != mine.mask || theirs.kind != mine.kind ||
        theirs.line != mine.line)
      return false;
  }
  return true;
}

/// Gives the lanes of `mask` their results; false where one reads a lane that
/// the mask leaves out.
bool Warp::exchangeValues(uint32_t mask) {
  uint32_t votes = 0;
  for (unsigned lane = 0; lane < lanes; ++lane)
    if ((mask >> lane & 1) && offers[lane].value != 0)
      votes |= uint32_t{1} << lane;
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    auto lane = static_cast<unsigned>(std::countr_zero(left));
    Offer &offer = offers[lane];
    unsigned source = sourceLane(lane, offer);
    if (!(mask >> source & 1))
      return false;
    offer.result =
        offer.kind == Collective::Ballot ? votes : offers[source].value;
  }
  return true;
}

Warp::Arrival Warp::complete(unsigned lane) {
  const Offer &mine = offers[lane];
  if (!agree(lane) || !exchangeValues(mine.mask))
    return Arrival::Refused;
  if (mine.mask == ~uint32_t{0} && mine.kind == Collective::LoadMatrices)
    loadMatrices(broughtBy<emulation::MatrixRow>(offers));
  if (mine.mask == ~uint32_t{0} && mine.kind == Collective::Multiply)
    multiply(broughtBy<emulation::Fragments>(offers));
  waiting &= ~mine.mask;
  if (mine.kind == Collective::Sync)
    ++synced;
  return Arrival::Complete;
}

std::string Warp::problem(unsigned lane, unsigned &culprit) const {
  const Offer &mine = offers[lane];
  culprit = lane;
  if (!namesItself(lane))
    return fmt::format("calls {} with mask {:#010x}, which leaves out its own "
                       "lane {}",
                       describe(mine), mine.mask, lane);
  if (!hasWidth(lane))
    return fmt::format("{}: width {} is no power of two up to 32",
                       describe(mine), mine.width);
  for (unsigned reader = 0; agree(lane) && reader < lanes; ++reader) {
    unsigned source = sourceLane(reader, offers[reader]);
    culprit = reader;
    if ((mine.mask >> reader & 1) && !(mine.mask >> source & 1))
      return fmt::format("{} reads lane {}, which mask {:#010x} leaves out",
                         describe(offers[reader]), source, mine.mask);
  }
  return disagreement(lane, culprit);
}

} // namespace pfc::rt::emulated

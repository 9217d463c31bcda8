#include "runtime/train/ProcessorShare.h"

#include <algorithm>
#include <unistd.h>
#include <vector>

namespace pfc::rt {
namespace {

BufferView viewOf(std::span<RankPlace> places) {
  return {reinterpret_cast<std::byte *>(places.data()),
          plan::fb::DType_U8,
          {static_cast<int64_t>(places.size_bytes())}};
}

} // namespace

int shareOf(std::span<const RankPlace> places, size_t own) {
  double share = 0;
  for (size_t word = 0; word < places[own].processors.size(); ++word)
    for (int bit = 0; bit < 64; ++bit) {
      auto mayRun = [&](const RankPlace &place) {
        return place.machine == places[own].machine &&
               (place.processors[word] >> bit & 1) != 0;
      };
      if (mayRun(places[own]))
        share +=
            1.0 / static_cast<double>(std::ranges::count_if(places, mayRun));
    }
  // Thirds and the like add up to a little less than a whole.
  return std::max(1, static_cast<int>(share + 1e-6));
}

int processorShare(Communicator &communicator) {
  std::vector<RankPlace> own(1), all(communicator.worldSize());
  gethostname(own[0].machine.data(), own[0].machine.size() - 1);
  own[0].processors = affinityMask();
  {
    Doing doing(communicator.activity(), "all_gather of processors",
                Activity::Kind::Waits);
    communicator.allGather(viewOf(own), viewOf(all));
  }
  int share = shareOf(all, static_cast<size_t>(communicator.rank()));
  if (int quota = quotaProcessors(); quota > 0)
    share = std::min(share, quota / communicator.localRanks());
  return std::max(share, 1);
}

} // namespace pfc::rt

#include "runtime/train/Preflight.h"

#include "runtime/base/Error.h"
#include "runtime/device/Processors.h"
#include "runtime/plan/Shape.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>

namespace pfc::rt {
namespace {

using Text = std::array<char, 256>;

/// One text of each rank. Collective.
std::vector<std::string> gather(Communicator &communicator,
                                const std::string &own) {
  Doing doing(communicator.activity(), "all_gather before training",
              Activity::Kind::Waits);
  Text mine{};
  own.copy(mine.data(), mine.size() - 1);
  std::vector<Text> all(static_cast<size_t>(communicator.worldSize()));
  auto view = [](Text *first, size_t count) {
    return BufferView{reinterpret_cast<std::byte *>(first),
                      plan::fb::DType_U8,
                      {static_cast<int64_t>(count * sizeof(Text))}};
  };
  communicator.allGather(view(&mine, 1), view(all.data(), all.size()));
  std::vector<std::string> texts;
  for (const Text &text : all)
    texts.emplace_back(text.data());
  return texts;
}

/// What most have.
std::string usual(const std::vector<std::string> &texts) {
  std::map<std::string, int> counts;
  for (const std::string &text : texts)
    ++counts[text];
  return std::max_element(
             counts.begin(), counts.end(),
             [](const auto &a, const auto &b) { return a.second < b.second; })
      ->first;
}

/// Throws where a rank has another text: "rank 2 has A, the others B: advice".
void checkSame(const std::vector<std::string> &texts, const char *what,
               const char *advice) {
  std::string most = usual(texts), odd = oddRanks(texts);
  auto other = std::find_if(texts.begin(), texts.end(),
                            [&](const auto &text) { return text != most; });
  require(odd.empty(), "{}: {} {}, the others {}: {}", odd, what,
          odd.empty() ? "" : *other, most, advice);
}

/// Training touches the whole arena; without this the kernel would end a rank
/// without a word.
uint64_t checkMemory(const Job &job, uint64_t stateBytes) {
  const uint64_t host = job.variant.host_bytes();
  uint64_t perRank = stateBytes;
  if (job.device->stream()) // a device's own memory: it says so itself
    perRank += host;        // page-locked
  else                      // pages of a file may come and go
    perRank += job.variant.arena_bytes() - host;
  const auto ranks = static_cast<uint64_t>(job.communicator.localRanks());
  uint64_t needed = perRank * ranks;
  uint64_t available = availableMemory();
  require(needed <= available,
          "the plan needs {} for {} rank(s) on this machine, of whose memory "
          "{} is free: use more machines, or {}",
          bytesText(needed), ranks, bytesText(available),
          fittingAdvice(available / ranks, stateBytes));
  return available;
}

/// Labels out of range are bad records, of which a spec allows some. This
/// rank's share of all where that is only a look into memory, else some.
void checkLabels(const Job &job, const data::Dataset &dataset) {
  constexpr int64_t sampled = 4096;
  int64_t classes = job.settings.classes(), bad = 0;
  int64_t stride = job.communicator.worldSize();
  if (!dataset.labelsAtHand())
    stride *= std::max<int64_t>(1, dataset.size() / sampled);
  // From the end: in sets in the order of identities the largest are there.
  for (int64_t i = dataset.size() - 1 - job.communicator.rank(); i >= 0;
       i -= stride) {
    try {
      int64_t label = dataset.label(i);
      bad += label < 0 || label >= classes;
      require(bad <= job.settings.max_bad_records(),
              "{}: label {} is outside the plan's head.classes, [0, {}): give "
              "the data set the plan was compiled for, or compile it for these "
              "classes",
              dataset.where(i), label, classes);
    } catch (const data::BadRecord &) { // the loader counts it when it is met
    }
  }
}

} // namespace

std::string oddRanks(const std::vector<std::string> &texts) {
  std::string most = usual(texts), odd;
  int count = 0;
  for (size_t rank = 0; rank < texts.size(); ++rank)
    if (texts[rank] != most) {
      odd += fmt::format("{}{}", odd.empty() ? "" : ", ", rank);
      ++count;
    }
  return count == 0 ? odd : (count == 1 ? "rank " : "ranks ") + odd;
}

void checkSamePlan(const PlanFile &file, Communicator &communicator) {
  checkSame(gather(communicator, file.sha256()), "another plan, of SHA-256",
            "give all machines the same file");
}

std::string preflight(Job &job, const std::string &planHash,
                      const data::Dataset &dataset, uint64_t stateBytes) {
  std::string libraries =
      fmt::format("{}{}", job.device->libraries(), job.communicator.library());
  checkSame(gather(job.communicator, libraries), "other libraries,",
            "install the same versions on all machines");
  uint64_t available = checkMemory(job, stateBytes);
  checkLabels(job, dataset);
  std::string odd = oddRanks(gather(job.communicator, job.device->describe()));
  double seconds = job.executor.tryAllReduce();
  return fmt::format(
      "preflight: {} rank{}, plan {}, {}, {} of memory free, labels below {}, "
      "all_reduce {:.0f} µs{}",
      job.communicator.worldSize(),
      job.communicator.worldSize() == 1 ? "" : "s", planHash.substr(0, 12),
      libraries, bytesText(available), job.settings.classes(), seconds * 1e6,
      odd.empty() ? "" : "; another processor or GPU on " + odd);
}

} // namespace pfc::rt

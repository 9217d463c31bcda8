#include "runtime/comm/watch/Verdict.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace pfc::rt {
namespace {

using Life = RankState::Life;
using Kind = Activity::Kind;
using Ranks = std::vector<RankState>;

/// The place of a rank, and its step: "step 7, at instruction 3 (conv1)".
std::string whereabouts(const RankState &rank) {
  if (rank.step == 0)
    return "before the first step, at: " + rank.place;
  return fmt::format("in step {}, at: {}", rank.step, rank.place);
}

/// "rank 3", "ranks 0, 1, 4", "ranks 0, 1, 2, 3 and 60 more"
std::string listRanks(const std::vector<int> &ranks) {
  constexpr size_t shown = 8;
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (size_t i = 0; i < std::min(ranks.size(), shown); ++i)
    text += fmt::format("{}{}", i == 0 ? "" : ", ", ranks[i]);
  if (ranks.size() > shown)
    text += fmt::format(" and {} more", ranks.size() - shown);
  return text;
}

/// Who waits where, those at one place together.
std::string describeWaiting(const Ranks &ranks) {
  std::map<std::string, std::vector<int>> waiting;
  for (size_t rank = 0; rank < ranks.size(); ++rank)
    if ((ranks[rank].life == Life::Well || ranks[rank].life == Life::Failed) &&
        ranks[rank].kind == Kind::Waits)
      waiting[ranks[rank].place].push_back(static_cast<int>(rank));
  std::string text;
  for (const auto &[place, who] : waiting)
    text += fmt::format("{}{} waited in {}", text.empty() ? "" : ", ",
                        listRanks(who), place);
  return text.empty() ? "nobody waited for it yet" : text;
}

/// The furthest step of those that are well: where the job stands.
int64_t jobStep(const Ranks &ranks) {
  int64_t step = 0;
  for (const RankState &rank : ranks)
    step = std::max(step, rank.step);
  return step;
}

std::string jobPosition(const Ranks &ranks) {
  int64_t step = jobStep(ranks);
  return step == 0 ? std::string("before the first step")
                   : fmt::format("in step {}", step);
}

std::optional<int> first(const Ranks &ranks, Life life) {
  for (size_t rank = 0; rank < ranks.size(); ++rank)
    if (ranks[rank].life == life)
      return static_cast<int>(rank);
  return std::nullopt;
}

/// All that share a fate: a machine's ranks end together.
std::vector<int> all(const Ranks &ranks, Life life) {
  std::vector<int> who;
  for (size_t rank = 0; rank < ranks.size(); ++rank)
    if (ranks[rank].life == life)
      who.push_back(static_cast<int>(rank));
  return who;
}

double allowedAt(const RankState &rank, double limit) {
  return rank.kind == Kind::Slow ? 10 * limit : limit;
}

bool works(const RankState &rank) {
  return rank.life == Life::Well && rank.kind != Kind::Waits;
}

bool isStuck(const RankState &rank, double limit) {
  return works(rank) && rank.since > allowedAt(rank, limit);
}

/// The rank that does not get on and keeps others waiting, or would: no rank
/// gets on.
std::optional<int> stuckRank(const Ranks &ranks, double limit) {
  auto waits = [](const RankState &rank) {
    return rank.life == Life::Well && rank.kind == Kind::Waits &&
           rank.since >= 1;
  };
  auto getsOn = [&](const RankState &rank) {
    return works(rank) && !isStuck(rank, limit);
  };
  if (std::ranges::none_of(ranks, waits) && std::ranges::any_of(ranks, getsOn))
    return std::nullopt;
  for (size_t rank = 0; rank < ranks.size(); ++rank)
    if (isStuck(ranks[rank], limit))
      return static_cast<int>(rank);
  return std::nullopt;
}

bool nobodyMoves(const Ranks &ranks, double limit) {
  return std::all_of(ranks.begin(), ranks.end(), [&](const RankState &rank) {
    return rank.life == Life::Left ||
           (rank.life == Life::Well && rank.kind == Kind::Waits &&
            rank.since > limit);
  });
}

/// All wait, for each other: who is at an earlier wait is named.
Verdict judgeDeadlock(const Ranks &ranks) {
  const RankState *behind = nullptr;
  uint64_t most = 0;
  for (const RankState &rank : ranks) {
    if (rank.life != Life::Well)
      continue;
    most = std::max(most, rank.waits);
    if (!behind || rank.waits < behind->waits)
      behind = &rank;
  }
  std::string who = behind->waits < most
                        ? fmt::format("rank {} is behind", behind - &ranks[0])
                        : std::string("all at the same one, so the network "
                                      "between them has failed");
  return {fmt::format("the ranks have waited for each other for {:.0f} s {}: "
                      "{} ({})",
                      behind->since, jobPosition(ranks), describeWaiting(ranks),
                      who),
          statusWorthRestart};
}

/// In a job of one nobody waits, and all that it does is its own.
std::optional<Verdict> judgeAlone(const RankState &rank, double limit) {
  if (rank.life != Life::Well || rank.since <= allowedAt(rank, limit))
    return std::nullopt;
  return Verdict{fmt::format("the run has not got on for {:.0f} s, {}",
                             rank.since, whereabouts(rank)),
                 statusWorthRestart};
}

} // namespace

std::optional<Verdict> judge(const Ranks &ranks, double limit) {
  if (ranks.size() == 1)
    return judgeAlone(ranks[0], limit);
  if (first(ranks, Life::Ended))
    return Verdict{
        fmt::format("{} ended without a word {} (killed, out of memory, or "
                    "its machine or network failed); {}",
                    listRanks(all(ranks, Life::Ended)), jobPosition(ranks),
                    describeWaiting(ranks)),
        statusWorthRestart};
  if (auto rank = first(ranks, Life::Failed))
    return Verdict{fmt::format("rank {}: {}", *rank, ranks[*rank].failure),
                   ranks[*rank].status};
  if (auto rank = first(ranks, Life::Silent)) {
    std::vector<int> silent = all(ranks, Life::Silent);
    bool one = silent.size() == 1;
    return Verdict{
        fmt::format("{} {} {}: no sign of life for {:.1f} s (stopped, or {} "
                    "machine or network failed); {}",
                    listRanks(silent), one ? "hangs" : "hang",
                    jobPosition(ranks), ranks[*rank].silence,
                    one ? "its" : "their", describeWaiting(ranks)),
        statusWorthRestart, silent};
  }
  if (auto rank = stuckRank(ranks, limit))
    return Verdict{fmt::format("rank {} has not got on for {:.0f} s, {}; {}",
                               *rank, ranks[*rank].since,
                               whereabouts(ranks[*rank]),
                               describeWaiting(ranks)),
                   statusWorthRestart};
  if (nobodyMoves(ranks, limit) && first(ranks, Life::Well))
    return judgeDeadlock(ranks);
  return std::nullopt;
}

bool allWait(const Ranks &ranks) {
  return std::all_of(ranks.begin(), ranks.end(), [](const RankState &rank) {
    return rank.life != Life::Well || rank.kind == Kind::Waits;
  });
}

} // namespace pfc::rt

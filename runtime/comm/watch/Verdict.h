//===- Verdict.h - Why a job ends -------------------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_COMM_WATCH_VERDICT_H
#define PFC_RUNTIME_COMM_WATCH_VERDICT_H

#include "runtime/comm/Activity.h"

#include <optional>
#include <string>
#include <vector>

namespace pfc::rt {

/// Of a process that failed in a way another start may not meet again
/// (EX_TEMPFAIL): a rank was lost, or failed while it trained.
constexpr int statusWorthRestart = 75;

/// What is known of a rank.
struct RankState {
  enum class Life {
    Well,
    Ended,  ///< without a word
    Failed, ///< it said so, and waits for the end
    Silent, ///< nothing was heard of it for too long
    Left,   ///< its work is done
  };
  Life life = Life::Well;
  std::string failure = {}; ///< of one that failed
  int status = 1;           ///< which it would exit with
  double silence = 0;       ///< seconds since it was last heard of

  // When it was last heard of:
  std::string place = {};
  Activity::Kind kind = Activity::Kind::Slow;
  int64_t step = 0;
  uint64_t waits = 0; ///< entered so far; who has fewer is behind
  double since = 0;   ///< seconds at this place
};

struct Verdict {
  std::string text;           ///< the line, without the tool's name
  int status;                 ///< that the job exits with
  std::vector<int> hang = {}; ///< ranks that can't end themselves
};

/// What is wrong with the job, if anything: a rank that ended, else one that
/// failed, is silent, or keeps the others waiting for longer than `limit`
/// seconds (ten times as long where it reads or writes); or that none gets on
/// for so long.
std::optional<Verdict> judge(const std::vector<RankState> &ranks, double limit);

/// Whether every rank that could be is waiting for the others by now.
bool allWait(const std::vector<RankState> &ranks);

} // namespace pfc::rt

#endif // PFC_RUNTIME_COMM_WATCH_VERDICT_H

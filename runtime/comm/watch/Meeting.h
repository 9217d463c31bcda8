//===- Meeting.h - How the watching threads find each other -----*- C++ -*-===//
#ifndef PFC_RUNTIME_COMM_WATCH_MEETING_H
#define PFC_RUNTIME_COMM_WATCH_MEETING_H

#include "runtime/comm/Communicator.h"
#include "runtime/comm/watch/Channel.h"

#include <map>
#include <string>

namespace pfc::rt {

/// Ranks that judge: 0, and 1 in its place.
constexpr int judges = 2;

/// Where a rank's process is.
struct Seat {
  std::string machine;
  int pid = 0;
};

struct Meeting {
  std::string machine;             ///< this rank's
  std::map<int, Channel> toJudges; ///< by rank
  std::map<int, Channel> toRanks;  ///< a judge's, by rank
  std::map<int, Seat> seats;       ///< a judge's: of those ranks
};

/// Collective. A rank that can't reach a judge is missing there; rank 0 says
/// so. One that is alone meets nobody.
Meeting meet(Communicator &communicator, const std::string &tool);

} // namespace pfc::rt

#endif // PFC_RUNTIME_COMM_WATCH_MEETING_H

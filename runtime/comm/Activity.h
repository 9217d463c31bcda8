//===- Activity.h - What a rank is at ---------------------------*- C++ -*-===//
//
// A rank's training thread says what it does before it does it, instruction by
// instruction; the thread that watches (Watch.h) tells the other ranks. That
// costs the training thread two stores.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_COMM_ACTIVITY_H
#define PFC_RUNTIME_COMM_ACTIVITY_H

#include <atomic>
#include <cstdint>
#include <exception>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace pfc::rt {

class Activity {
public:
  enum class Kind : uint8_t {
    Work,  ///< takes seconds at most
    Slow,  ///< reads, compiles or writes, which may take minutes
    Waits, ///< for other ranks
  };
  struct Place {
    std::string text; ///< "all_reduce, instruction 41 (head)"
    Kind kind = Kind::Work;
  };
  struct Now {
    const Place *place;
    int64_t step;     ///< counted from 1; 0: before the first
    uint64_t changes; ///< how often the place was entered, or it got on there
    uint64_t waits;   ///< how often that was to wait
  };

  Activity() : place(keep({"starting", Kind::Slow})) {}

  /// A place that lives as long as this object; equal ones are one.
  const Place *keep(const Place &place);

  /// From the training thread. The place it was at before.
  const Place *enter(const Place *next);
  void setStep(int64_t number) { step = number; }

  /// From any thread that the training thread waits for: it gets on.
  void getOn() { ++changes; }

  /// From any thread.
  Now now() const { return {place, step, changes, waits}; }

private:
  std::mutex mutex;
  std::map<std::pair<std::string, Kind>, Place> kept;
  std::atomic<const Place *> place;
  std::atomic<int64_t> step = 0;
  std::atomic<uint64_t> changes = 0, waits = 0;
};

/// While one lives, the rank is at `text`; then where it was before, unless it
/// failed there.
class Doing {
public:
  Doing(Activity &activity, const char *text, Activity::Kind kind)
      : activity(activity),
        before(activity.enter(activity.keep({text, kind}))) {}
  ~Doing() {
    if (std::uncaught_exceptions() == exceptions)
      activity.enter(before);
  }
  Doing(const Doing &) = delete;
  Doing &operator=(const Doing &) = delete;

private:
  Activity &activity;
  const Activity::Place *before;
  int exceptions = std::uncaught_exceptions();
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_COMM_ACTIVITY_H

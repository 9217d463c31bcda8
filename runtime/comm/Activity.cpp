#include "runtime/comm/Activity.h"

namespace pfc::rt {

const Activity::Place *Activity::keep(const Place &place) {
  std::lock_guard lock(mutex);
  return &kept.try_emplace({place.text, place.kind}, place).first->second;
}

const Activity::Place *Activity::enter(const Place *next) {
  const Place *before = place.exchange(next, std::memory_order_release);
  changes.fetch_add(1, std::memory_order_relaxed);
  if (next->kind == Kind::Waits)
    waits.fetch_add(1, std::memory_order_relaxed);
  return before;
}

} // namespace pfc::rt

#include "runtime/exec/Waiter.h"

#include "runtime/base/Error.h"
#include "runtime/comm/Timeout.h"

#include <thread>

namespace pfc::rt {

void Waiter::waitForDevice() {
  if (collectives)
    poll([this] { return device.idle(); });
  else
    device.synchronize();
}

const std::byte *Waiter::waitFor(Download &download) {
  if (collectives)
    poll([&] { return download.ready(); });
  return download.wait();
}

void Waiter::poll(const std::function<bool()> &done) {
  Doing doing(host.activity(),
              "its device, which is at this step or the one "
              "before",
              Activity::Kind::Waits);
  using Clock = std::chrono::steady_clock;
  // A sleep takes 70 us at least: what is done soon is measured, too.
  constexpr std::chrono::milliseconds impatience(2);
  for (auto end = Clock::now() + impatience; Clock::now() < end;) {
    if (done())
      return;
    collectives->check();
  }
  auto deadline = Clock::now() + communicationTimeout();
  while (!done()) {
    collectives->check();
    host.checkRanks();
    if (Clock::now() > deadline)
      fail("no progress for {} s (PFC_COMM_TIMEOUT): another rank hangs, or "
           "does other work",
           communicationTimeout().count());
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
}

} // namespace pfc::rt

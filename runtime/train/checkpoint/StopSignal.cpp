#include "runtime/train/checkpoint/StopSignal.h"

#include "runtime/comm/Launcher.h"

namespace pfc::rt {
namespace {

constexpr int signals[3] = {SIGTERM, SIGINT, SIGUSR1};

/// A handler can reach nothing but a global.
volatile std::sig_atomic_t noted = 0;

void note(int) { noted = 1; }

} // namespace

StopSignal::StopSignal() {
  noted = 0;
  for (int i = 0; i < 3; ++i) {
    struct sigaction action = {};
    action.sa_handler = note;
    action.sa_flags = SA_RESTART;
    if (signals[i] == SIGINT)
      action.sa_flags |= static_cast<int>(SA_RESETHAND);
    sigaction(signals[i], &action, &before[i]);
  }
  if (starterAskedToEnd())
    noted = 1;
}

StopSignal::~StopSignal() {
  for (int i = 0; i < 3; ++i)
    sigaction(signals[i], &before[i], nullptr);
}

bool StopSignal::received() const { return noted != 0; }

} // namespace pfc::rt

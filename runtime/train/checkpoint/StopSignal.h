//===- StopSignal.h - When the system asks a run to end ---------*- C++ -*-===//
#ifndef PFC_RUNTIME_TRAIN_CHECKPOINT_STOPSIGNAL_H
#define PFC_RUNTIME_TRAIN_CHECKPOINT_STOPSIGNAL_H

#include <csignal>

namespace pfc::rt {

/// While one lives, SIGTERM, SIGINT and SIGUSR1 no longer end the process at
/// once but are noted. A second SIGINT does end it: someone is impatient.
/// (SIGUSR1 is what mpirun passes on, and batch systems send in time.) One that
/// came to the starter before there was this process is noted, too.
class StopSignal {
public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal &) = delete;
  StopSignal &operator=(const StopSignal &) = delete;

  bool received() const;

private:
  struct sigaction before[3];
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_CHECKPOINT_STOPSIGNAL_H

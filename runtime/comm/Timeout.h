//===- Timeout.h - How long a rank waits for the others ---------*- C++ -*-===//
#ifndef PFC_RUNTIME_COMM_TIMEOUT_H
#define PFC_RUNTIME_COMM_TIMEOUT_H

#include <chrono>
#include <cstdlib>

namespace pfc::rt {

/// $PFC_COMM_TIMEOUT in seconds, else half an hour: longer than one rank may
/// write or verify while the others wait.
inline std::chrono::seconds communicationTimeout() {
  const char *value = std::getenv("PFC_COMM_TIMEOUT");
  long seconds = value ? std::atol(value) : 0;
  return std::chrono::seconds(seconds > 0 ? seconds : 1800);
}

} // namespace pfc::rt

#endif // PFC_RUNTIME_COMM_TIMEOUT_H

//===- Capabilities.h - What a plan's variant is chosen by ------*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_CAPABILITIES_H
#define PFC_RUNTIME_DEVICE_CAPABILITIES_H

#include <string>

namespace pfc::rt {

/// Of a device, or of one that is only described.
class Capabilities {
public:
  virtual ~Capabilities() = default;

  /// One line for people: "cpu: AMD EPYC …, 2 threads, avx512_bf16".
  virtual std::string describe() const = 0;
  /// Whether the machine has a feature a variant requires ("amx_bf16").
  virtual bool supports(const std::string &feature) const = 0;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_DEVICE_CAPABILITIES_H

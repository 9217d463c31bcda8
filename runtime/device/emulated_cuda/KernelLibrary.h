//===- KernelLibrary.h - A variant's kernels, compiled and loaded *- C++ -*-==//
#ifndef PFC_RUNTIME_DEVICE_EMULATED_CUDA_KERNELLIBRARY_H
#define PFC_RUNTIME_DEVICE_EMULATED_CUDA_KERNELLIBRARY_H

#include "runtime/device/emulated_cuda/EmulationAbi.h"
#include "runtime/device/emulated_cuda/LaunchShape.h"
#include "runtime/plan/plan_generated.h"

#include <cstdint>
#include <memory>
#include <string>

namespace pfc::rt::emulated {

/// Code of every kernel of a variant; freed with this object.
class KernelLibrary {
public:
  /// Throws an Error where the compiler refuses the text, or where a kernel
  /// takes another number of arguments than the plan says.
  KernelLibrary(const plan::fb::Variant &variant, bool checked);

  /// The kernel at `index` of the variant's table.
  const emulation::Kernel &kernel(uint32_t index) const { return table[index]; }
  /// Where the library lies, with constants that kernels read.
  AddressRange addresses() const { return loadedAt; }
  /// The plan's text.
  const std::string &cuda() const { return text; }

private:
  struct Close {
    void operator()(void *handle) const;
  };
  std::string text;
  std::unique_ptr<void, Close> library;
  const emulation::Kernel *table = nullptr;
  AddressRange loadedAt;
};

} // namespace pfc::rt::emulated

#endif // PFC_RUNTIME_DEVICE_EMULATED_CUDA_KERNELLIBRARY_H

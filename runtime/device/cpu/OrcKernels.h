//===- OrcKernels.h - A variant's kernels, compiled and loaded --*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_CPU_ORCKERNELS_H
#define PFC_RUNTIME_DEVICE_CPU_ORCKERNELS_H

#include "runtime/plan/plan_generated.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pfc::rt {

/// The kernel ABI of plan.fbs.
using KernelFunction = void(void *const *args, int64_t begin, int64_t end);

/// Machine code of every kernel of a variant; freed with this object.
class OrcKernels {
public:
  OrcKernels(const plan::fb::Variant &variant, int threads);
  ~OrcKernels();

  /// The kernel at `index` of the variant's table.
  KernelFunction *function(uint32_t index) const { return functions[index]; }

private:
  struct Jit;
  std::unique_ptr<Jit> jit;
  std::vector<KernelFunction *> functions;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_DEVICE_CPU_ORCKERNELS_H

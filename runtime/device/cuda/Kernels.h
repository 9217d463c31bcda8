//===- Kernels.h - A variant's kernels, loaded on the GPU -------*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_CUDA_KERNELS_H
#define PFC_RUNTIME_DEVICE_CUDA_KERNELS_H

#include "runtime/device/Device.h"
#include "runtime/device/cuda/Chip.h"

#include <memory>
#include <vector>

namespace pfc::rt::cuda {

/// Code on the GPU; unloaded with this object.
class Module {
public:
  explicit Module(const std::string &cubin);
  ~Module();
  Module(const Module &) = delete;
  Module &operator=(const Module &) = delete;

  /// Null where it has no kernel of this name.
  CUfunction function(const std::string &name) const;

private:
  CUmodule module = nullptr;
};

class Kernels {
public:
  /// Compiles and loads; throws an Error where a kernel differs from what the
  /// plan says of it.
  Kernels(const plan::fb::Variant &variant, const Chip &chip);

  /// `mostThreads` in all blocks together, but a block at least.
  std::unique_ptr<Task> makeLaunch(const plan::fb::Launch &op,
                                   const std::vector<BufferView> &args,
                                   CUstream stream,
                                   unsigned mostThreads = ~0u) const;

private:
  struct Kernel {
    CUfunction function;
    unsigned threads;
    unsigned shared;   // bytes of dynamic shared memory
    unsigned resident; // blocks that the chip holds at once; 0: not one
    std::vector<plan::fb::TensorMap> maps;
  };
  Kernel load(const plan::fb::Kernel &kernel, unsigned multiprocessors) const;

  CUfunction function(const std::string &name) const;

  std::vector<std::unique_ptr<Module>> modules;
  std::vector<Kernel> table;
};

} // namespace pfc::rt::cuda

#endif // PFC_RUNTIME_DEVICE_CUDA_KERNELS_H

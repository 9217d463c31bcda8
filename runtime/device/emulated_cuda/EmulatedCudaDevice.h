//===- EmulatedCudaDevice.h - A CUDA plan without a GPU ---------*- C++ -*-===//
//
//   kernel_cuda ─KernelSource─▶ C++ ─HostCompiler─▶ kernels.so ─KernelLibrary─┐
//   Launch ─▶ LaunchTask ─▶ BlockRunner, one a system thread ◀────────────────┘
//                             ├─ Fiber          CUDA threads that wait
//                             ├─ Warp           shuffles, votes
//                             └─ SharedMemory, ArenaViews: what may be accessed
//
// The plan's very CUDA C++ text is compiled by this machine's compiler and
// executed thread by thread; convolutions and products are oneDNN's. It is a
// checker too: what a kernel does wrong is an error that names kernel, block
// and thread. PFC_EMULATION_CHECKS=off leaves out those of memory accesses,
// which take most of the time.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_EMULATED_CUDA_EMULATEDCUDADEVICE_H
#define PFC_RUNTIME_DEVICE_EMULATED_CUDA_EMULATEDCUDADEVICE_H

#include "runtime/device/Device.h"
#include "runtime/device/emulated_cuda/ArenaViews.h"
#include "runtime/device/emulated_cuda/BlockRunner.h"
#include "runtime/device/emulated_cuda/KernelLibrary.h"
#include "runtime/device/onednn/OneDnn.h"

#include <span>

namespace pfc::rt {

class EmulatedCudaDevice : public Device {
public:
  explicit EmulatedCudaDevice(const DeviceOptions &options);

  std::string describe() const override;
  std::string libraries() const override { return "emulated CUDA"; }
  bool supports(const std::string &feature) const override;
  Arena allocateArena(uint64_t bytes, uint64_t hostBytes) override;
  void clearHostMemory() override;
  /// At once: blocks have one place to run in.
  EnqueuedTransfer makeTransfer(const plan::fb::Launch &op,
                                std::vector<BufferView> args) override;
  void loadKernels(const plan::fb::Variant &variant) override;
  std::unique_ptr<Task> makeLaunch(const plan::fb::Launch &op,
                                   std::vector<BufferView> args) override;
  std::unique_ptr<Task> makeMatmul(const plan::fb::Matmul &op, BufferView lhs,
                                   BufferView rhs, BufferView out) override;
  std::unique_ptr<Task> makeConv(const plan::fb::Conv &op, BufferView lhs,
                                 BufferView rhs, BufferView result) override;
  std::unique_ptr<Task> makeCopy(BufferView source, BufferView target) override;
  void upload(const void *host, BufferView target) override;
  void download(BufferView source, void *host) override;
  void synchronize() override {}

private:
  /// What the plan says of a kernel.
  struct LaunchedWith {
    unsigned threads, shared; // of a block
    std::vector<plan::fb::TensorMap> maps;
  };

  int threads;
  bool checked;
  OneDnn oneDnn;
  std::unique_ptr<emulated::ArenaViews> arena;
  std::span<std::byte> host; ///< the end of it
  std::unique_ptr<emulated::KernelLibrary> kernels;
  std::vector<LaunchedWith> launchedWith;                      // each kernel
  std::vector<std::unique_ptr<emulated::BlockRunner>> runners; // by thread
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_DEVICE_EMULATED_CUDA_EMULATEDCUDADEVICE_H

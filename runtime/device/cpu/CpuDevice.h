//===- CpuDevice.h - A rank on this machine's processors --------*- C++ -*-===//
//
// Everything executes on the calling thread and the OpenMP team it leads,
// which oneDNN uses as well; so "enqueue" means "do", and nothing but transfers
// needs waiting for. The host's part of an arena is a mapped file.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_CPU_CPUDEVICE_H
#define PFC_RUNTIME_DEVICE_CPU_CPUDEVICE_H

#include "runtime/device/Device.h"
#include "runtime/device/HostFile.h"
#include "runtime/device/cpu/OrcKernels.h"
#include "runtime/device/onednn/OneDnn.h"

namespace pfc::rt {

class CpuDevice : public Device {
public:
  explicit CpuDevice(const DeviceOptions &options);
  ~CpuDevice() override;

  std::string describe() const override;
  std::string libraries() const override;
  bool supports(const std::string &feature) const override;
  Arena allocateArena(uint64_t bytes, uint64_t hostBytes) override;
  void clearHostMemory() override { hostMemory.clear(); }
  HostExtent hostExtent(const std::byte *at, uint64_t bytes) const override {
    return hostMemory.extent(at, bytes);
  }
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
  int threads;
  std::string folder;
  HostFile hostMemory;
  std::byte *arena = nullptr;
  uint64_t arenaBytes = 0;
  std::unique_ptr<OrcKernels> kernels;
  OneDnn oneDnn;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_DEVICE_CPU_CPUDEVICE_H

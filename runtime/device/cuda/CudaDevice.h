//===- CudaDevice.h - A rank on a GPU ---------------------------*- C++ -*-===//
//
//   kernel_cuda ─KernelCompiler─▶ cubin ─Kernels─▶ LaunchTask ─┐
//   Matmul ─CublasLt─▶ task    Conv ─Cudnn─▶ task ─────────────┼─▶ one stream
//   record() ─GraphTask─▶ all of them as one CUDA graph ───────┘
//
// Executing a task only enqueues. Branches have a stream of least priority, on
// which blocks are that find room beside those of the device's. Transfers are
// kernels on a stream of their own that address page-locked host memory. Host
// bytes go up through a ring of page-locked memory (Memory.h), and come down
// into blocks of it.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_CUDA_CUDADEVICE_H
#define PFC_RUNTIME_DEVICE_CUDA_CUDADEVICE_H

#include "runtime/device/Device.h"
#include "runtime/device/cuda/Chip.h"
#include "runtime/device/cuda/CublasLt.h"
#include "runtime/device/cuda/Cudnn.h"
#include "runtime/device/cuda/Kernels.h"
#include "runtime/device/cuda/Memory.h"

#include <array>
#include <optional>

namespace pfc::rt {

class CudaDevice : public Device {
public:
  explicit CudaDevice(const DeviceOptions &options);

  std::string describe() const override;
  std::string libraries() const override;
  bool supports(const std::string &feature) const override;
  Arena allocateArena(uint64_t bytes, uint64_t hostBytes) override;
  void clearHostMemory() override;
  void loadKernels(const plan::fb::Variant &variant) override;
  std::unique_ptr<Task> makeLaunch(const plan::fb::Launch &op,
                                   std::vector<BufferView> args) override;
  EnqueuedTransfer makeTransfer(const plan::fb::Launch &op,
                                std::vector<BufferView> args) override;
  std::unique_ptr<Task> makeMatmul(const plan::fb::Matmul &op, BufferView lhs,
                                   BufferView rhs, BufferView out) override;
  std::unique_ptr<Task> makeConv(const plan::fb::Conv &op, BufferView lhs,
                                 BufferView rhs, BufferView result) override;
  std::unique_ptr<Task> makeCopy(BufferView source, BufferView target) override;
  BranchDevice *branch() override { return &beside; }
  void upload(const void *host, BufferView target) override;
  void download(BufferView source, void *host) override;
  std::unique_ptr<Download> startDownload(BufferView source) override;
  std::unique_ptr<Task> record(const std::function<void()> &enqueue) override;
  void *stream() const override { return work.get(); }
  std::string chip() const override { return context.chip.uuid; }
  bool idle() override;
  void synchronize() override;

private:
  /// The GPU; left last.
  struct Context {
    explicit Context(int localRank) : chip(cuda::openChip(localRank)) {}
    ~Context() { cuda::closeChip(chip); }
    cuda::Chip chip;
  };

  /// Does what the device does, on another stream.
  class Beside : public BranchDevice {
  public:
    explicit Beside(CudaDevice &device) : device(device) {}
    std::unique_ptr<Task> makeLaunch(const plan::fb::Launch &op,
                                     std::vector<BufferView> args) override;
    std::unique_ptr<Task> makeMatmul(const plan::fb::Matmul &op, BufferView lhs,
                                     BufferView rhs, BufferView out) override;
    std::unique_ptr<Task> makeCopy(BufferView source,
                                   BufferView target) override;
    std::unique_ptr<Task> makeFork() override;
    std::unique_ptr<Task> makeJoin() override;

    const cuda::Stream &stream() const { return work; }

  private:
    CudaDevice &device;
    cuda::Stream work{cuda::Stream::Priority::Last};
    cuda::DeviceMemory workspace;
    std::optional<cuda::CublasLt> cublasLt;
  };

  std::array<CUstream, 3> streams() const {
    return {work.get(), copies.get(), beside.stream().get()};
  }

  Context context;
  cuda::Stream work, copies;
  cuda::DeviceMemory arena, workspace;
  std::unique_ptr<cuda::PinnedMemory> hostMemory;
  cuda::UploadRing uploads;
  std::shared_ptr<cuda::PinnedPool> downloads; // outlived by pending ones
  std::unique_ptr<cuda::Kernels> kernels;
  std::optional<cuda::CublasLt> cublasLt; // opened when a plan has products
  std::optional<cuda::Cudnn> cudnn;       // or convolutions
  Beside beside{*this};
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_DEVICE_CUDA_CUDADEVICE_H

#include "runtime/device/cuda/CudaDevice.h"

#include "runtime/base/Error.h"
#include "runtime/device/cuda/GraphTask.h"
#include "runtime/device/cuda/KernelCompiler.h"
#include "runtime/device/cuda/Status.h"
#include "runtime/device/cuda/Transfer.h"
#include "runtime/device/cuda/Workspace.h"
#include "runtime/plan/Requirement.h"

#include <algorithm>
#include <cstring>

namespace pfc::rt {

using cuda::check;
using cuda::driver;
using cuda::workspaceLimit;

namespace {

/// Host bytes on their way to the GPU at any time; two batches of 256 images.
constexpr uint64_t uploadBytes = uint64_t{32} << 20;

CUdeviceptr addressOf(const BufferView &view) {
  return reinterpret_cast<CUdeviceptr>(view.data);
}

class CopyTask : public Task {
public:
  CopyTask(const BufferView &source, const BufferView &target, CUstream stream)
      : source(addressOf(source)), target(addressOf(target)),
        bytes(source.bytes()), stream(stream) {}

  void execute() override {
    if (source != target)
      check(driver().cuMemcpyDtoDAsync(target, source, bytes, stream),
            "cuMemcpyDtoDAsync");
  }

private:
  CUdeviceptr source, target;
  uint64_t bytes;
  CUstream stream;
};

class PinnedDownload : public Download {
public:
  PinnedDownload(const BufferView &source, CUstream stream,
                 std::shared_ptr<cuda::PinnedPool> pool)
      : pool(std::move(pool)), memory(this->pool->take(source.bytes())) {
    check(driver().cuMemcpyDtoHAsync(memory->data(), addressOf(source),
                                     source.bytes(), stream),
          "cuMemcpyDtoHAsync");
    copied.record(stream);
  }
  ~PinnedDownload() override { pool->giveBack(std::move(memory)); }

  bool ready() const override { return copied.happened(); }
  const std::byte *wait() override {
    copied.wait();
    return memory->data();
  }

private:
  std::shared_ptr<cuda::PinnedPool> pool;
  std::unique_ptr<cuda::PinnedMemory> memory;
  cuda::Event copied;
};

} // namespace

CudaDevice::CudaDevice(const DeviceOptions &options)
    : context(options.localRank), uploads(uploadBytes),
      downloads(std::make_shared<cuda::PinnedPool>()) {}

std::string CudaDevice::describe() const {
  const cuda::Chip &chip = context.chip;
  return fmt::format("cuda: GPU {}, {}, {}, {} multiprocessors, {}",
                     chip.number, chip.name, chip.architecture(),
                     chip.multiprocessors, bytesText(chip.memory));
}

std::string CudaDevice::libraries() const {
  int version = context.chip.driverVersion;
  std::string text = fmt::format("CUDA driver {}.{}, {}", version / 1000,
                                 version % 1000 / 10, cuda::compilerVersion());
  if (cublasLt)
    text += ", cuBLASLt " +
            cuda::versionText(cuda::cublasLt().cublasLtGetVersion());
  if (cudnn)
    text += ", cuDNN " + cuda::versionText(cuda::cudnn().cudnnGetVersion());
  return text;
}

bool CudaDevice::supports(const std::string &feature) const {
  return architectureSupports(context.chip.architecture(), feature);
}

Arena CudaDevice::allocateArena(uint64_t bytes, uint64_t hostBytes) {
  require(arena.bytes() == 0, "the arena was allocated before");
  const cuda::Chip &chip = context.chip;
  require(bytes <= chip.freeMemory,
          "the plan needs {} on a GPU; GPU {} has {} free of {}: {}",
          bytesText(bytes), chip.number, bytesText(chip.freeMemory),
          bytesText(chip.memory),
          fittingAdvice(chip.freeMemory, 2 * workspaceLimit));
  arena.reserve(std::max<uint64_t>(bytes, 1));
  check(driver().cuMemsetD8Async(arena.address(), 0, arena.bytes(), work.get()),
        "cuMemsetD8Async");
  auto *begin = reinterpret_cast<std::byte *>(arena.address());
  if (hostBytes == 0)
    return {begin, nullptr};
  // With unified addressing a kernel takes its addresses as they are.
  hostMemory = std::make_unique<cuda::PinnedMemory>(hostBytes);
  clearHostMemory();
  return {begin, hostMemory->data()};
}

void CudaDevice::clearHostMemory() {
  synchronize();
  std::memset(hostMemory->data(), 0, hostMemory->bytes());
}

void CudaDevice::loadKernels(const plan::fb::Variant &variant) {
  kernels = std::make_unique<cuda::Kernels>(variant, context.chip);
}

std::unique_ptr<Task> CudaDevice::makeLaunch(const plan::fb::Launch &op,
                                             std::vector<BufferView> args) {
  require(kernels != nullptr, "launch before the kernels were loaded");
  return kernels->makeLaunch(op, args, work.get());
}

EnqueuedTransfer CudaDevice::makeTransfer(const plan::fb::Launch &op,
                                          std::vector<BufferView> args) {
  require(kernels != nullptr, "launch before the kernels were loaded");
  // An eighth of the chip's threads: enough loads under way for the bus, which
  // is far, and little taken from those that have work.
  unsigned threads = context.chip.multiprocessors * 256;
  return cuda::makeTransfer(
      kernels->makeLaunch(op, args, copies.get(), threads), work.get(),
      copies.get());
}

std::unique_ptr<Task> CudaDevice::makeMatmul(const plan::fb::Matmul &op,
                                             BufferView lhs, BufferView rhs,
                                             BufferView out) {
  if (!cublasLt)
    cublasLt.emplace(work.get(), workspace, workspaceLimit, workspaceLimit);
  return cublasLt->makeMatmul(op, lhs, rhs, out);
}

std::unique_ptr<Task> CudaDevice::makeConv(const plan::fb::Conv &op,
                                           BufferView lhs, BufferView rhs,
                                           BufferView result) {
  if (!cudnn)
    cudnn.emplace(context.chip, work.get(), workspace, workspaceLimit);
  return cudnn->makeConv(op, lhs, rhs, result);
}

std::unique_ptr<Task> CudaDevice::makeCopy(BufferView source,
                                           BufferView target) {
  return std::make_unique<CopyTask>(source, target, work.get());
}

void CudaDevice::upload(const void *host, BufferView target) {
  uploads.upload(host, addressOf(target), target.bytes(), work.get());
}

void CudaDevice::download(BufferView source, void *host) {
  check(driver().cuMemcpyDtoHAsync(host, addressOf(source), source.bytes(),
                                   work.get()),
        "cuMemcpyDtoHAsync");
  synchronize();
}

std::unique_ptr<Download> CudaDevice::startDownload(BufferView source) {
  return std::make_unique<PinnedDownload>(source, work.get(), downloads);
}

std::unique_ptr<Task> CudaDevice::record(const std::function<void()> &enqueue) {
  return cuda::recordGraph(work.get(), enqueue);
}

bool CudaDevice::idle() {
  for (CUstream stream : streams()) {
    CUresult status = driver().cuStreamQuery(stream);
    if (status == CUDA_ERROR_NOT_READY)
      return false;
    check(status, "cuStreamQuery");
  }
  return true;
}

void CudaDevice::synchronize() {
  for (CUstream stream : streams())
    check(driver().cuStreamSynchronize(stream), "cuStreamSynchronize");
}

//===----------------------------------------------------------------------===//
// Branches
//===----------------------------------------------------------------------===//

namespace {

/// What `late` is given from then on comes after what `early` was given.
class OrderTask : public Task {
public:
  OrderTask(CUstream early, CUstream late) : early(early), late(late) {}

  void execute() override {
    reached.record(early);
    reached.holdBack(late);
  }

private:
  CUstream early, late;
  cuda::Event reached;
};

} // namespace

std::unique_ptr<Task>
CudaDevice::Beside::makeLaunch(const plan::fb::Launch &op,
                               std::vector<BufferView> args) {
  require(device.kernels != nullptr, "launch before the kernels were loaded");
  return device.kernels->makeLaunch(op, args, work.get());
}

/// By the algorithm that the device's own takes, in scratch memory of its own.
std::unique_ptr<Task> CudaDevice::Beside::makeMatmul(const plan::fb::Matmul &op,
                                                     BufferView lhs,
                                                     BufferView rhs,
                                                     BufferView out) {
  if (!cublasLt)
    cublasLt.emplace(work.get(), workspace, workspaceLimit, 0);
  return cublasLt->makeMatmul(op, lhs, rhs, out);
}

std::unique_ptr<Task> CudaDevice::Beside::makeCopy(BufferView source,
                                                   BufferView target) {
  return std::make_unique<CopyTask>(source, target, work.get());
}

std::unique_ptr<Task> CudaDevice::Beside::makeFork() {
  return std::make_unique<OrderTask>(device.work.get(), work.get());
}

std::unique_ptr<Task> CudaDevice::Beside::makeJoin() {
  return std::make_unique<OrderTask>(work.get(), device.work.get());
}

} // namespace pfc::rt

extern "C" pfc::rt::Device *
pfc_create_device(const pfc::rt::DeviceOptions *options) {
  return new pfc::rt::CudaDevice(*options);
}

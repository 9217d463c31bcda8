#include "runtime/device/cpu/CpuDevice.h"

#include "runtime/base/Error.h"
#include "runtime/device/Processors.h"
#include "runtime/device/cpu/AmxFilterGradient.h"
#include "runtime/device/cpu/CpuFeatures.h"
#include "runtime/device/cpu/MergedGroups.h"
#include "runtime/plan/Shape.h"

#include <llvm/Config/llvm-config.h>

#include <cerrno>
#include <cstring>
#include <omp.h>
#include <sys/mman.h>

namespace pfc::rt {
namespace {

/// Splits a kernel's outer loop over the team, in contiguous chunks.
class LaunchTask : public Task {
public:
  LaunchTask(KernelFunction *kernel, std::vector<void *> args, int64_t extent,
             int threads)
      : kernel(kernel), args(std::move(args)), extent(extent),
        threads(threads) {}

  void execute() override {
    if (extent <= 1 || threads == 1) {
      kernel(args.data(), 0, extent);
      return;
    }
    // Always the whole team: libgomp ends threads that a smaller one leaves
    // out and has to start them again.
#pragma omp parallel num_threads(threads)
    {
      int64_t team = omp_get_num_threads(), member = omp_get_thread_num();
      int64_t begin = extent * member / team;
      int64_t end = extent * (member + 1) / team;
      if (begin < end)
        kernel(args.data(), begin, end);
    }
  }

private:
  KernelFunction *kernel;
  std::vector<void *> args;
  int64_t extent;
  int threads;
};

class CopyTask : public Task {
public:
  CopyTask(const std::byte *source, std::byte *target, size_t bytes)
      : source(source), target(target), bytes(bytes) {}

  void execute() override {
    if (source != target)
      std::memcpy(target, source, bytes);
  }

private:
  const std::byte *source;
  std::byte *target;
  size_t bytes;
};

} // namespace

CpuDevice::CpuDevice(const DeviceOptions &options)
    : threads(limitThreads(options.threads > 0 ? options.threads
                                               : availableProcessors())),
      folder(options.folder) {}

CpuDevice::~CpuDevice() {
  finishTransfers(); // they use what goes now
  if (arena)
    munmap(arena, arenaBytes);
}

std::string CpuDevice::describe() const {
  std::string feature = widestCpuFeature();
  return fmt::format("cpu: {}, {} thread{}{}{}", cpuModel(), threads,
                     threads == 1 ? "" : "s", feature.empty() ? "" : ", ",
                     feature);
}

std::string CpuDevice::libraries() const {
  return fmt::format("LLVM {}, {}", LLVM_VERSION_STRING, oneDnnVersion());
}

bool CpuDevice::supports(const std::string &feature) const {
  return feature.empty() || cpuSupports(feature);
}

Arena CpuDevice::allocateArena(uint64_t bytes, uint64_t hostBytes) {
  require(!arena, "the arena was allocated before");
  arenaBytes = std::max<uint64_t>(bytes, 1);
  void *address = mmap(nullptr, arenaBytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  require(address != MAP_FAILED, "cannot allocate an arena of {}: {}",
          bytesText(bytes), std::strerror(errno));
  madvise(address, arenaBytes, MADV_HUGEPAGE); // fewer TLB misses, if allowed
  arena = static_cast<std::byte *>(address);
  if (hostBytes > 0)
    hostMemory.map(folder, hostBytes);
  return {arena, hostMemory.data()};
}

void CpuDevice::loadKernels(const plan::fb::Variant &variant) {
  kernels = std::make_unique<OrcKernels>(variant, threads);
}

std::unique_ptr<Task> CpuDevice::makeLaunch(const plan::fb::Launch &op,
                                            std::vector<BufferView> args) {
  require(kernels != nullptr, "launch before the kernels were loaded");
  std::vector<void *> pointers;
  for (const BufferView &view : args)
    pointers.push_back(view.data);
  return std::make_unique<LaunchTask>(kernels->function(op.kernel()),
                                      std::move(pointers), op.extent(),
                                      threads);
}

std::unique_ptr<Task> CpuDevice::makeMatmul(const plan::fb::Matmul &op,
                                            BufferView lhs, BufferView rhs,
                                            BufferView out) {
  return makeOneDnnMatmul(oneDnn, op, lhs, rhs, out);
}

std::unique_ptr<Task> CpuDevice::makeConv(const plan::fb::Conv &op,
                                          BufferView lhs, BufferView rhs,
                                          BufferView result) {
  if (std::unique_ptr<Task> task = makeAmxFilterGradient(
          oneDnn.scratchpad, op, lhs, rhs, result, threads))
    return task;
  if (std::unique_ptr<Task> task =
          makeMergedGroupsConv(oneDnn, op, lhs, rhs, result))
    return task;
  return makeOneDnnConv(oneDnn, op, lhs, rhs, result);
}

std::unique_ptr<Task> CpuDevice::makeCopy(BufferView source,
                                          BufferView target) {
  return std::make_unique<CopyTask>(source.data, target.data, source.bytes());
}

void CpuDevice::upload(const void *host, BufferView target) {
  std::memcpy(target.data, host, target.bytes());
}

void CpuDevice::download(BufferView source, void *host) {
  std::memcpy(host, source.data, source.bytes());
}

} // namespace pfc::rt

extern "C" pfc::rt::Device *
pfc_create_device(const pfc::rt::DeviceOptions *options) {
  return new pfc::rt::CpuDevice(*options);
}

#include "runtime/device/emulated_cuda/EmulatedCudaDevice.h"

#include "runtime/base/Error.h"
#include "runtime/device/Processors.h"
#include "runtime/device/emulated_cuda/HalfProducts.h"
#include "runtime/device/emulated_cuda/LaunchTask.h"
#include "runtime/plan/Shape.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace pfc::rt {

using emulated::ArenaViews;

/// As many blocks as the emulated chip runs at once: few, so that every kernel
/// must loop, and the same on every machine.
static constexpr uint64_t residentBlocks = 8;

namespace {

class CopyTask : public Task {
public:
  CopyTask(const std::byte *source, std::byte *target, size_t bytes)
      : source(source), target(target), bytes(bytes) {}

  void execute() override { std::memmove(target, source, bytes); }

private:
  const std::byte *source;
  std::byte *target;
  size_t bytes;
};

class NoTask : public Task {
public:
  void execute() override {}
};

size_t byteCount(const BufferView &view) {
  return static_cast<size_t>(view.elements()) * byteWidth(view.dtype);
}

/// "128x512 bf16"
std::string shapeOf(const BufferView &view) {
  return fmt::format("{} {}", fmt::join(view.shape, "x"),
                     dtypeName(view.dtype));
}

emulation::TensorMap tensorMap(const plan::fb::TensorMap &map,
                               const BufferView &matrix) {
  emulation::TensorMap result = {};
  result.data = reinterpret_cast<const unsigned char *>(matrix.data);
  result.rows = matrix.shape[0];
  result.columns = matrix.shape[1];
  result.boxRows = map.rows();
  result.boxColumns = map.columns();
  result.elementBytes = static_cast<unsigned>(byteWidth(matrix.dtype));
  return result;
}

bool checksWanted() {
  const char *value = std::getenv("PFC_EMULATION_CHECKS");
  return !value || std::strcmp(value, "off") != 0;
}

} // namespace

EmulatedCudaDevice::EmulatedCudaDevice(const DeviceOptions &options)
    : threads(limitThreads(options.threads > 0 ? options.threads
                                               : availableProcessors())),
      checked(checksWanted()) {
  for (int i = 0; i < threads; ++i)
    runners.push_back(std::make_unique<emulated::BlockRunner>());
}

std::string EmulatedCudaDevice::describe() const {
  return fmt::format("emulated-cuda: CUDA kernels on {} thread{} of this "
                     "machine's processors{}",
                     threads, threads == 1 ? "" : "s",
                     checked ? ", memory accesses checked" : "");
}

/// What a chip of the newest architecture has: "sm_80".
bool EmulatedCudaDevice::supports(const std::string &feature) const {
  return feature.empty() || feature.starts_with("sm_");
}

/// One piece, so that checked pointers reach all of it.
Arena EmulatedCudaDevice::allocateArena(uint64_t bytes, uint64_t hostBytes) {
  require(!arena, "the arena was allocated before");
  arena = std::make_unique<ArenaViews>(bytes + hostBytes);
  host = {arena->data() + bytes, hostBytes};
  return {arena->data(), host.data()};
}

void EmulatedCudaDevice::clearHostMemory() {
  std::memset(host.data(), 0, host.size());
}

EnqueuedTransfer
EmulatedCudaDevice::makeTransfer(const plan::fb::Launch &op,
                                 std::vector<BufferView> args) {
  return {makeLaunch(op, std::move(args)), std::make_unique<NoTask>()};
}

void EmulatedCudaDevice::loadKernels(const plan::fb::Variant &variant) {
  require(arena != nullptr, "kernels before the arena");
  unsigned arguments = 0;
  launchedWith.clear();
  for (const plan::fb::Kernel *kernel : *variant.kernels()) {
    launchedWith.push_back({kernel->threads(), kernel->shared(), {}});
    if (kernel->tensor_maps())
      for (const plan::fb::TensorMap *map : *kernel->tensor_maps())
        launchedWith.back().maps.push_back(*map);
    arguments = std::max(arguments, kernel->arguments());
  }
  kernels = std::make_unique<emulated::KernelLibrary>(variant, checked);
  arena->makeViews(checked ? arguments : 0);
}

std::unique_ptr<Task>
EmulatedCudaDevice::makeLaunch(const plan::fb::Launch &op,
                               std::vector<BufferView> args) {
  require(kernels != nullptr, "launch before the kernels were loaded");
  const LaunchedWith &with = launchedWith[op.kernel()];
  emulated::LaunchShape shape;
  shape.kernel = &kernels->kernel(op.kernel());
  shape.threads = with.threads;
  shape.blocks = static_cast<unsigned>(
      std::clamp<uint64_t>(uint64_t(op.extent()), 1, residentBlocks));
  shape.dynamicShared = with.shared;
  shape.views = checked ? arena.get() : nullptr;
  shape.constants = kernels->addresses();
  shape.cuda = &kernels->cuda();
  for (unsigned i = 0; i < args.size(); ++i) {
    auto begin = static_cast<uint64_t>(args[i].data - arena->data());
    shape.arguments.push_back(
        {begin, begin + byteCount(args[i]), shapeOf(args[i])});
    shape.pointers.push_back(checked ? arena->pointer(i, begin) : args[i].data);
  }
  for (const plan::fb::TensorMap &map : with.maps)
    shape.maps.push_back(tensorMap(map, args[map.argument()]));
  for (emulation::TensorMap &map : shape.maps)
    shape.pointers.push_back(&map);
  if (op.numbers())
    shape.numbers.assign(op.numbers()->begin(), op.numbers()->end());
  for (int64_t &number : shape.numbers)
    shape.pointers.push_back(&number);
  return std::make_unique<emulated::LaunchTask>(std::move(shape), runners);
}

std::unique_ptr<Task> EmulatedCudaDevice::makeMatmul(const plan::fb::Matmul &op,
                                                     BufferView lhs,
                                                     BufferView rhs,
                                                     BufferView out) {
  return emulated::makeProduct(
      lhs, rhs, out,
      [&](const BufferView &l, const BufferView &r, const BufferView &o) {
        return makeOneDnnMatmul(oneDnn, op, l, r, o);
      });
}

std::unique_ptr<Task> EmulatedCudaDevice::makeConv(const plan::fb::Conv &op,
                                                   BufferView lhs,
                                                   BufferView rhs,
                                                   BufferView result) {
  return emulated::makeProduct(
      lhs, rhs, result,
      [&](const BufferView &l, const BufferView &r, const BufferView &o) {
        return makeOneDnnConv(oneDnn, op, l, r, o);
      });
}

std::unique_ptr<Task> EmulatedCudaDevice::makeCopy(BufferView source,
                                                   BufferView target) {
  return std::make_unique<CopyTask>(source.data, target.data,
                                    byteCount(source));
}

void EmulatedCudaDevice::upload(const void *host, BufferView target) {
  std::memcpy(target.data, host, byteCount(target));
}

void EmulatedCudaDevice::download(BufferView source, void *host) {
  std::memcpy(host, source.data, byteCount(source));
}

} // namespace pfc::rt

extern "C" pfc::rt::Device *
pfc_create_device(const pfc::rt::DeviceOptions *options) {
  return new pfc::rt::EmulatedCudaDevice(*options);
}

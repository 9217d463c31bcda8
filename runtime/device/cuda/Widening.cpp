#include "runtime/device/cuda/Widening.h"

#include "runtime/device/cuda/KernelCompiler.h"
#include "runtime/device/cuda/LaunchShape.h"
#include "runtime/device/cuda/Status.h"

#include <fmt/format.h>

namespace pfc::rt::cuda {
namespace {

constexpr unsigned threads = 256;

std::string kernelText(plan::fb::DType dtype) {
  bool bf16 = dtype == plan::fb::DType_BF16;
  return fmt::format(R"(#include <{}>
extern "C" __global__ void widen(float *target, const {} *source,
                                 long long elements) {{
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
       i < elements; i += (long long)gridDim.x * blockDim.x)
    target[i] = (float)source[i];
}}
)",
                     bf16 ? "cuda_bf16.h" : "cuda_fp16.h",
                     bf16 ? "__nv_bfloat16" : "__half");
}

class WidenTask : public Task {
public:
  WidenTask(CUfunction function, unsigned blocks, const DeviceMemory &source,
            const BufferView &target, CUstream stream)
      : function(function), blocks(blocks), stream(stream), source(source),
        target(target.data), elements(target.elements()) {}

  void execute() override {
    CUdeviceptr from = source.address();
    void *arguments[] = {&target, &from, &elements};
    check(driver().cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, 0,
                                  stream, arguments, nullptr),
          "cuLaunchKernel of widen");
  }

private:
  CUfunction function;
  unsigned blocks;
  CUstream stream;
  const DeviceMemory &source;
  std::byte *target;
  long long elements;
};

} // namespace

std::unique_ptr<Task> Widening::makeTask(plan::fb::DType dtype,
                                         const DeviceMemory &source,
                                         const BufferView &target) {
  std::unique_ptr<Module> &module = modules[dtype];
  if (!module)
    module = std::make_unique<Module>(
        cachedCubin(kernelText(dtype), chip.architecture()));
  uint64_t work =
      (static_cast<uint64_t>(target.elements()) + threads - 1) / threads;
  return std::make_unique<WidenTask>(module->function("widen"),
                                     gridBlocks(work, chip.multiprocessors * 8),
                                     source, target, stream);
}

} // namespace pfc::rt::cuda

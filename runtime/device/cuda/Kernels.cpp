#include "runtime/device/cuda/Kernels.h"

#include "runtime/base/Error.h"
#include "runtime/device/cuda/KernelCompiler.h"
#include "runtime/device/cuda/LaunchShape.h"
#include "runtime/device/cuda/Status.h"

namespace pfc::rt::cuda {
namespace {

class LaunchTask : public Task {
public:
  LaunchTask(CUfunction function, unsigned threads, unsigned blocks,
             const std::vector<BufferView> &args, CUstream stream)
      : function(function), threads(threads), blocks(blocks), stream(stream) {
    for (const BufferView &view : args)
      addresses.push_back(view.data);
    for (std::byte *&address : addresses)
      pointers.push_back(&address);
  }

  void execute() override {
    check(driver().cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1,
                                  /*sharedMemBytes=*/0, stream, pointers.data(),
                                  nullptr),
          "cuLaunchKernel");
  }

private:
  CUfunction function;
  unsigned threads, blocks;
  CUstream stream;
  std::vector<std::byte *> addresses;
  std::vector<void *> pointers; // to them, as CUDA takes arguments
};

/// How many parameters the compiled kernel has.
uint32_t parametersOf(CUfunction function) {
  size_t offset = 0, size = 0;
  uint32_t count = 0;
  while (driver().cuFuncGetParamInfo(function, count, &offset, &size) ==
         CUDA_SUCCESS)
    ++count;
  return count;
}

} // namespace

Module::Module(const std::string &cubin) {
  check(driver().cuModuleLoadData(&module, cubin.data()), "cuModuleLoadData");
}

Module::~Module() { driver().cuModuleUnload(module); }

CUfunction Module::function(const std::string &name) const {
  CUfunction function = nullptr;
  CUresult status =
      driver().cuModuleGetFunction(&function, module, name.c_str());
  if (status == CUDA_ERROR_NOT_FOUND)
    return nullptr;
  check(status, "cuModuleGetFunction");
  return function;
}

Kernels::Kernels(const plan::fb::Variant &variant, const Chip &chip) {
  if (variant.kernels()->size() == 0)
    return;
  require(variant.kernel_cuda() && variant.kernel_cuda()->size() != 0,
          "the plan has no CUDA kernels: compile its spec with "
          "cluster.device = \"cuda\", or run it with --device=cpu");
  for (const std::string &cubin :
       cachedCubins(variant.kernel_cuda()->str(), chip.architecture()))
    modules.push_back(std::make_unique<Module>(cubin));
  for (const plan::fb::Kernel *kernel : *variant.kernels())
    table.push_back(load(*kernel, chip.multiprocessors));
}

CUfunction Kernels::function(const std::string &name) const {
  for (const std::unique_ptr<Module> &module : modules)
    if (CUfunction function = module->function(name))
      return function;
  fail("the plan's CUDA text has no kernel '{}'", name);
}

Kernels::Kernel Kernels::load(const plan::fb::Kernel &kernel,
                              unsigned multiprocessors) const {
  std::string name = kernel.name()->str();
  CUfunction function = this->function(name);
  uint32_t parameters = parametersOf(function);
  require(parameters == kernel.arguments(),
          "kernel '{}' takes {} arguments, the plan gives it {}", name,
          parameters, kernel.arguments());
  int most = 0, blocks = 0;
  check(driver().cuFuncGetAttribute(
            &most, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, function),
        "cuFuncGetAttribute");
  require(kernel.threads() >= 1 && kernel.threads() <= uint32_t(most),
          "kernel '{}' wants blocks of {} threads; here it has at most {}",
          name, kernel.threads(), most);
  check(driver().cuOccupancyMaxActiveBlocksPerMultiprocessor(
            &blocks, function, static_cast<int>(kernel.threads()), 0),
        "cuOccupancyMaxActiveBlocksPerMultiprocessor");
  return {function, kernel.threads(),
          gridBlocks(kernel.work(), multiprocessors, unsigned(blocks))};
}

std::unique_ptr<Task> Kernels::makeLaunch(const plan::fb::Launch &op,
                                          const std::vector<BufferView> &args,
                                          CUstream stream) const {
  const Kernel &kernel = table.at(op.kernel());
  return std::make_unique<LaunchTask>(kernel.function, kernel.threads,
                                      kernel.blocks, args, stream);
}

} // namespace pfc::rt::cuda

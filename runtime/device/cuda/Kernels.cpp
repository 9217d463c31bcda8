#include "runtime/device/cuda/Kernels.h"

#include "runtime/base/Error.h"
#include "runtime/device/cuda/KernelCompiler.h"
#include "runtime/device/cuda/LaunchShape.h"
#include "runtime/device/cuda/Status.h"

#include <fmt/ranges.h>

namespace pfc::rt::cuda {
namespace {

class LaunchTask : public Task {
public:
  LaunchTask(CUfunction function, unsigned threads, unsigned shared,
             unsigned blocks, const std::vector<BufferView> &args,
             std::vector<CUtensorMap> tensorMaps, std::vector<int64_t> given,
             CUstream stream)
      : function(function), threads(threads), shared(shared), blocks(blocks),
        stream(stream), maps(std::move(tensorMaps)), numbers(std::move(given)) {
    for (const BufferView &view : args)
      addresses.push_back(view.data);
    for (std::byte *&address : addresses)
      pointers.push_back(&address);
    for (CUtensorMap &map : maps)
      pointers.push_back(&map);
    for (int64_t &number : numbers)
      pointers.push_back(&number);
  }

  void execute() override {
    check(driver().cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, shared,
                                  stream, pointers.data(), nullptr),
          "cuLaunchKernel");
  }

private:
  CUfunction function;
  unsigned threads, shared, blocks;
  CUstream stream;
  std::vector<std::byte *> addresses;
  std::vector<CUtensorMap> maps;
  std::vector<int64_t> numbers; // a kernel takes the first 4 or 8 bytes of each
  std::vector<void *> pointers; // to them, as CUDA takes arguments
};

CUtensorMapDataType mapType(plan::fb::DType dtype) {
  switch (dtype) {
  case plan::fb::DType_BF16:
    return CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
  case plan::fb::DType_F16:
    return CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
  case plan::fb::DType_F32:
    return CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
  default:
    fail("no kernel copies boxes of {}", dtypeName(dtype));
  }
}

/// How the chip's copies find boxes of `matrix`.
CUtensorMap tensorMap(const plan::fb::TensorMap &map,
                      const BufferView &matrix) {
  // CUDA counts dimensions from the innermost one on.
  auto rows = static_cast<cuuint64_t>(matrix.shape[0]);
  auto columns = static_cast<cuuint64_t>(matrix.shape[1]);
  const cuuint64_t extents[] = {columns, rows};
  const cuuint64_t rowBytes[] = {columns * byteWidth(matrix.dtype)};
  const cuuint32_t box[] = {map.columns(), map.rows()}, steps[] = {1, 1};
  CUtensorMap result;
  check(driver().cuTensorMapEncodeTiled(
            &result, mapType(matrix.dtype), 2, matrix.data, extents, rowBytes,
            box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
            CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
            CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
        "cuTensorMapEncodeTiled");
  return result;
}

/// The bytes of each parameter that the compiled kernel has.
std::vector<size_t> parametersOf(CUfunction function) {
  size_t offset = 0, size = 0;
  std::vector<size_t> sizes;
  while (driver().cuFuncGetParamInfo(function, sizes.size(), &offset, &size) ==
         CUDA_SUCCESS)
    sizes.push_back(size);
  return sizes;
}

/// Lets blocks of a kernel have so much; a smaller chip refuses.
bool allowShared(CUfunction function, unsigned bytes) {
  if (bytes == 0)
    return true;
  CUresult status = driver().cuFuncSetAttribute(
      function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
      static_cast<int>(bytes));
  if (status == CUDA_ERROR_INVALID_VALUE)
    return false;
  check(status, "cuFuncSetAttribute");
  return true;
}

/// The same as the plan says.
std::vector<size_t> parametersOf(const plan::fb::Kernel &kernel) {
  std::vector<size_t> sizes(kernel.arguments(), sizeof(std::byte *));
  if (kernel.tensor_maps())
    sizes.insert(sizes.end(), kernel.tensor_maps()->size(),
                 sizeof(CUtensorMap));
  if (kernel.numbers())
    for (auto type : *kernel.numbers())
      sizes.push_back(byteWidth(plan::fb::DType(type)));
  return sizes;
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
  std::vector<size_t> parameters = parametersOf(function),
                      given = parametersOf(kernel);
  require(parameters == given,
          "kernel '{}' takes {} arguments of {} bytes, the plan gives it {} "
          "of {}",
          name, parameters.size(), fmt::join(parameters, ", "), given.size(),
          fmt::join(given, ", "));
  int most = 0, blocks = 0;
  check(driver().cuFuncGetAttribute(
            &most, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, function),
        "cuFuncGetAttribute");
  require(kernel.threads() >= 1 && kernel.threads() <= uint32_t(most),
          "kernel '{}' wants blocks of {} threads; here it has at most {}",
          name, kernel.threads(), most);
  if (allowShared(function, kernel.shared()))
    check(driver().cuOccupancyMaxActiveBlocksPerMultiprocessor(
              &blocks, function, static_cast<int>(kernel.threads()),
              kernel.shared()),
          "cuOccupancyMaxActiveBlocksPerMultiprocessor");
  Kernel loaded = {function,
                   kernel.threads(),
                   kernel.shared(),
                   multiprocessors * unsigned(blocks),
                   {}};
  if (kernel.tensor_maps())
    for (const plan::fb::TensorMap *map : *kernel.tensor_maps())
      loaded.maps.push_back(*map);
  return loaded;
}

std::unique_ptr<Task> Kernels::makeLaunch(const plan::fb::Launch &op,
                                          const std::vector<BufferView> &args,
                                          CUstream stream,
                                          unsigned mostThreads) const {
  const Kernel &kernel = table.at(op.kernel());
  require(kernel.resident > 0,
          "a kernel of the plan wants {} bytes of shared memory for a block, "
          "which this chip does not have",
          kernel.shared);
  std::vector<CUtensorMap> maps;
  for (const plan::fb::TensorMap &map : kernel.maps)
    maps.push_back(tensorMap(map, args.at(map.argument())));
  std::vector<int64_t> numbers;
  if (op.numbers())
    numbers.assign(op.numbers()->begin(), op.numbers()->end());
  return std::make_unique<LaunchTask>(
      kernel.function, kernel.threads, kernel.shared,
      gridBlocks(uint64_t(op.extent()), kernel.resident,
                 mostThreads / kernel.threads),
      args, std::move(maps), std::move(numbers), stream);
}

} // namespace pfc::rt::cuda

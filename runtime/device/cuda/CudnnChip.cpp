#include "runtime/device/cuda/CudnnChip.h"

#include "runtime/base/Error.h"

#include <nlohmann/json.hpp>
#include <vector>

namespace pfc::rt::cuda {

constexpr int kibibyte = 1 << 10, mebibyte = 1 << 20;

/// By NVIDIA's data sheets, and the table of compute capabilities in the CUDA
/// programming guide.
static constexpr KnownChip chips[] = {
    {"h200", "NVIDIA H200", 90, 132, 227 * kibibyte, 2048, 32, 60 * mebibyte,
     1980000, 3201000, 141},
    {"h100", "NVIDIA H100 80GB HBM3", 90, 132, 227 * kibibyte, 2048, 32,
     50 * mebibyte, 1980000, 2619000, 80},
    {"b200", "NVIDIA B200", 100, 148, 227 * kibibyte, 2048, 32, 126 * mebibyte,
     1965000, 3996000, 180},
    {"a100", "NVIDIA A100-SXM4-80GB", 80, 108, 163 * kibibyte, 2048, 32,
     40 * mebibyte, 1410000, 1593000, 80},
    {"v100", "Tesla V100-SXM2-32GB", 70, 80, 96 * kibibyte, 2048, 32,
     6 * mebibyte, 1530000, 877000, 32},
    {"2080ti", "NVIDIA GeForce RTX 2080 Ti", 75, 68, 64 * kibibyte, 1024, 16,
     5632 * kibibyte, 1545000, 7000000, 11},
};

const KnownChip &findChip(const std::string &name) {
  std::vector<std::string> names;
  for (const KnownChip &chip : chips) {
    if (chip.name == name)
      return chip;
    names.emplace_back(chip.name);
  }
  fail("'{}' is no chip that is known here: there are {}", name,
       fmt::join(names, ", "));
}

#if CUDNN_VERSION >= 90800

/// cudaDeviceProp, as cuDNN writes it.
static std::string propertiesOf(const KnownChip &chip) {
  return nlohmann::json({{"deviceName", chip.product},
                         {"deviceVer", 10 * chip.compute},
                         {"multiProcessorCount", chip.multiprocessors},
                         {"maxSharedMemoryPerBlockOptin", chip.sharedMemory},
                         {"maxThreadsPerSM", chip.threads},
                         {"maxCtasPerSM", chip.blocks},
                         {"l2CacheSize", chip.cache},
                         {"smClockRateKHz", chip.clock},
                         {"memClockRateKHz", chip.memoryClock},
                         {"totalGlobalMem", int64_t{chip.memory} * 1000000000},
                         // The same on all of them.
                         {"driverVer", CUDA_VERSION},
                         {"maxGridSize", {2147483647, 65535, 65535}},
                         {"maxBlockSize", {1024, 1024, 64}},
                         {"maxThreadsPerBlock", 1024},
                         {"warpSize", 32},
                         {"regsPerBlock", 65536},
                         {"maxRegistersPerSM", 65536},
                         {"maxSharedMemoryPerBlock", 48 * kibibyte},
                         {"reservedSharedMemoryPerBlock",
                          chip.compute >= 80 ? kibibyte : 0},
                         {"oversizedSharedMemoryPerBlock", 0},
                         {"supportCoopLaunch", 1},
                         {"isTccDriver", 0},
                         {"pciDeviceId", 0},
                         {"cudaDeviceId", 0},
                         {"smCountOrigin", 0}})
      .dump();
}

CudnnDescriptor describeToCudnn(const KnownChip &chip) {
  require(chip.compute >= 75 || cudnn().cudnnGetCudartVersion() < 13000,
          "this cuDNN is one for CUDA 13, which has left out chips before 7.5, "
          "as {} is",
          chip.product);
  require(cudnn().cudnnGetVersion() >= 90800,
          "this cuDNN can't be asked of a chip that is not here: install 9.8 "
          "or newer");
  CudnnDescriptor result(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  std::string properties = propertiesOf(chip);
  result.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
             std::vector<char>(properties.c_str(),
                               properties.c_str() + properties.size() + 1));
  require(result.tryFinalize() == CUDNN_STATUS_SUCCESS,
          "this cuDNN does not take the description of a chip, {}: "
          "CUDNN_LOGLEVEL_DBG=1 shows what it misses",
          properties);
  return result;
}

#else

CudnnDescriptor describeToCudnn(const KnownChip &) {
  fail("this was built with the headers of cuDNN {}.{}, which can't be asked "
       "of a chip that is not here: build it with those of 9.8 or newer",
       CUDNN_MAJOR, CUDNN_MINOR);
}

#endif

} // namespace pfc::rt::cuda

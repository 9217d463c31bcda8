#include "runtime/device/cuda/Chip.h"

#include "runtime/base/Error.h"
#include "runtime/device/cuda/Status.h"

#include <cstdlib>

namespace pfc::rt::cuda {
namespace {

int attribute(CUdevice device, CUdevice_attribute what) {
  int value = 0;
  check(driver().cuDeviceGetAttribute(&value, what, device),
        "cuDeviceGetAttribute");
  return value;
}

std::string versionText(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

void startDriver(int version) {
  CUresult status = driver().cuInit(0);
  if (status == CUDA_ERROR_NO_DEVICE) {
    const char *visible = std::getenv("CUDA_VISIBLE_DEVICES");
    fail("the NVIDIA driver ({}) finds no GPU{}; run a plan for the CPU with "
         "--device=cpu",
         versionText(version),
         visible ? fmt::format(" (CUDA_VISIBLE_DEVICES is '{}')", visible)
                 : std::string());
  }
  require(status == CUDA_SUCCESS,
          "the NVIDIA driver ({}) does not start: {}; run a plan for the CPU "
          "with --device=cpu",
          versionText(version), statusText(status));
  require(version >= 12040,
          "the NVIDIA driver supports CUDA {}; 12.4 or newer is needed",
          versionText(version));
}

} // namespace

std::string architectureOf(int compute) {
  return fmt::format("sm_{}{}", compute, compute == 90 ? "a" : "");
}

Chip openChip(int localRank) {
  Chip chip;
  check(driver().cuDriverGetVersion(&chip.driverVersion), "cuDriverGetVersion");
  startDriver(chip.driverVersion);
  int count = 0;
  check(driver().cuDeviceGetCount(&count), "cuDeviceGetCount");
  require(count > 0, "the NVIDIA driver lists no GPU; run a plan for the CPU "
                     "with --device=cpu");
  chip.number = localRank % count;
  check(driver().cuDeviceGet(&chip.device, chip.number), "cuDeviceGet");
  char text[256] = {};
  check(driver().cuDeviceGetName(text, sizeof text, chip.device),
        "cuDeviceGetName");
  chip.name = text;
  CUuuid uuid{};
  check(driver().cuDeviceGetUuid(&uuid, chip.device), "cuDeviceGetUuid");
  for (char byte : uuid.bytes)
    chip.uuid += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  chip.computeMajor =
      attribute(chip.device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  chip.computeMinor =
      attribute(chip.device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  chip.multiprocessors = static_cast<unsigned>(
      attribute(chip.device, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT));
  CUcontext context = nullptr;
  check(driver().cuDevicePrimaryCtxRetain(&context, chip.device),
        "cuDevicePrimaryCtxRetain");
  check(driver().cuCtxSetCurrent(context), "cuCtxSetCurrent");
  size_t free = 0, total = 0;
  check(driver().cuMemGetInfo(&free, &total), "cuMemGetInfo");
  chip.memory = total;
  chip.freeMemory = free;
  return chip;
}

void closeChip(const Chip &chip) {
  driver().cuDevicePrimaryCtxRelease(chip.device);
}

} // namespace pfc::rt::cuda

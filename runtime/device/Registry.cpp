//===- Registry.cpp - Device plug-ins, opened by name -----------------------=//
#include "runtime/base/DynamicLibrary.h"
#include "runtime/base/Error.h"
#include "runtime/device/Device.h"
#include "runtime/device/EngineSurvey.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

namespace pfc::rt {

/// Each has a plug-in, in its folder of runtime/device.
static constexpr std::array<std::string_view, 3> devices = {"cpu", "cuda",
                                                            "emulated-cuda"};

/// An OpenMP team waits for its members by spinning, by default for about a
/// millisecond. Decoding threads and other ranks want those processors: where
/// they are short, spinning made a step up to ten times slower. libgomp reads
/// this when it is loaded, with the plug-in.
static void shortenSpinning() {
  if (!std::getenv("OMP_WAIT_POLICY"))
    setenv("GOMP_SPINCOUNT", "5000", /*overwrite=*/0);
}

static DynamicLibrary openPlugIn(const std::string &file, bool cuda) {
  try {
    return DynamicLibrary::open(file);
  } catch (const Error &error) {
    fail("{}{}", error.what(),
         cuda ? "; build pfc where CUDA's headers are (PFC_CUDA=ON), or run a "
                "plan for the CPU with --device=cpu"
              : "");
  }
}

std::unique_ptr<EngineSurvey> openEngineSurvey(const std::string &chip) {
  auto library = openPlugIn("libpfc_device_cuda.so", /*cuda=*/true);
  auto *create =
      library.function<CreateEngineSurveyFunction>("pfc_create_engine_survey");
  return std::unique_ptr<EngineSurvey>(create(&chip));
}

std::unique_ptr<Device> openDevice(const std::string &name,
                                   const DeviceOptions &options) {
  // The name becomes part of a file name, and may come from a plan.
  require(std::find(devices.begin(), devices.end(), name) != devices.end(),
          "'{}' is no device: there are cpu, cuda and emulated-cuda", name);
  std::string plugIn = name;
  std::replace(plugIn.begin(), plugIn.end(), '-', '_');
  shortenSpinning();
  auto library = openPlugIn("libpfc_device_" + plugIn + ".so", name == "cuda");
  auto *create = library.function<CreateDeviceFunction>("pfc_create_device");
  return std::unique_ptr<Device>(create(&options));
}

} // namespace pfc::rt

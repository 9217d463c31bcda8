//===- Registry.cpp - Device plug-ins, opened by name -----------------------=//
#include "runtime/base/DynamicLibrary.h"
#include "runtime/base/Error.h"
#include "runtime/device/Device.h"

#include <algorithm>
#include <cctype>

namespace pfc::rt {

std::unique_ptr<Device> openDevice(const std::string &name,
                                   const DeviceOptions &options) {
  // The name becomes part of a file name, and may come from a plan.
  bool plain = !name.empty() &&
               std::all_of(name.begin(), name.end(), [](unsigned char c) {
                 return std::isalnum(c) || c == '_';
               });
  require(plain, "'{}' is no device: this build knows \"cpu\"", name);
  auto library = DynamicLibrary::open("libpfc_device_" + name + ".so");
  auto *create = library.function<CreateDeviceFunction>("pfc_create_device");
  return std::unique_ptr<Device>(create(&options));
}

} // namespace pfc::rt

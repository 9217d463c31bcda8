//===- DeviceRegistry.cpp - Who does a device's collectives -----------------=//
#include "runtime/base/DynamicLibrary.h"
#include "runtime/base/Error.h"
#include "runtime/comm/BackgroundCollectives.h"

#include <cstdlib>
#include <cstring>
#include <set>

namespace pfc::rt {

bool eachHasItsChip(const std::string &ownChip, Communicator &host) {
  constexpr size_t width = 64;
  auto ranks = static_cast<size_t>(host.worldSize());
  std::vector<char> own(width), all(width * ranks);
  std::strncpy(own.data(), ownChip.c_str(), width - 1);
  auto view = [](std::vector<char> &bytes) {
    return BufferView{reinterpret_cast<std::byte *>(bytes.data()),
                      plan::fb::DType_U8,
                      {static_cast<int64_t>(bytes.size())}};
  };
  host.allGather(view(own), view(all));
  std::set<std::string> chips;
  for (size_t rank = 0; rank < ranks; ++rank)
    chips.insert(all.data() + rank * width);
  return chips.size() == ranks;
}

std::unique_ptr<DeviceCommunicator> openDeviceCommunicator(Device &device,
                                                           Communicator &host) {
  if (host.worldSize() == 1)
    return nullptr;
  if (!device.stream())
    return std::make_unique<BackgroundCollectives>(host);
  const char *wanted = std::getenv("PFC_NCCL");
  if (wanted && std::strcmp(wanted, "off") == 0)
    return nullptr;
  if (!eachHasItsChip(device.chip(), host)) {
    if (host.rank() == 0)
      fmt::print(stderr, "note: ranks share a GPU, so their collectives go "
                         "through host memory, which is slow\n");
    return nullptr;
  }
  auto library = DynamicLibrary::open("libpfc_comm_nccl.so");
  auto *create = library.function<CreateDeviceCommunicatorFunction>(
      "pfc_create_device_communicator");
  return std::unique_ptr<DeviceCommunicator>(create(&device, &host));
}

} // namespace pfc::rt

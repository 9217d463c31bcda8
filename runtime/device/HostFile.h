//===- HostFile.h - Memory that may be larger than memory -------*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_HOSTFILE_H
#define PFC_RUNTIME_DEVICE_HOSTFILE_H

#include "runtime/device/Device.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace pfc::rt {

/// Pages of a file without a name, which is gone with its process. It takes
/// the space on the disk at once if that is there; else page by page, and when
/// the disk is full the process ends with a message.
class HostFile {
public:
  HostFile() = default;
  ~HostFile();
  HostFile(const HostFile &) = delete;
  HostFile &operator=(const HostFile &) = delete;

  /// Maps `bytes` zeros from a file in `folder`, which is made if need be;
  /// empty: in the system's folder for temporary files. Once.
  void map(const std::string &folder, uint64_t bytes);

  std::byte *data() const { return address; }
  /// Zeros everywhere.
  void clear();
  /// What the `count` > 0 bytes from `at` on begin with.
  HostExtent extent(const std::byte *at, uint64_t count) const;

private:
  void reserveSpace();

  int file = -1;
  std::string path;
  std::byte *address = nullptr;
  uint64_t bytes = 0;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_DEVICE_HOSTFILE_H

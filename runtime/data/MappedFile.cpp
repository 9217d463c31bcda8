#include "runtime/data/MappedFile.h"

#include "runtime/base/Error.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace pfc::rt::data {

MappedFile::MappedFile(const std::string &path) : name(path) {
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  require(file >= 0, "{}: {}", path, std::strerror(errno));
  struct stat status;
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(file);
    fail("{}: not a regular file", path);
  }
  size = static_cast<size_t>(status.st_size);
  if (size > 0) { // mmap refuses an empty range
    void *address = mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
    int reason = errno;
    close(file);
    require(address != MAP_FAILED, "{}: cannot map {} bytes: {}", path, size,
            std::strerror(reason));
    data = static_cast<const uint8_t *>(address);
  } else {
    close(file);
  }
}

MappedFile::MappedFile(MappedFile &&other) noexcept
    : name(std::move(other.name)), data(std::exchange(other.data, nullptr)),
      size(std::exchange(other.size, 0)) {}

MappedFile::~MappedFile() {
  if (data)
    munmap(const_cast<uint8_t *>(data), size);
}

std::string readTextFile(const std::string &path) {
  MappedFile file(path);
  std::span<const uint8_t> bytes = file.bytes();
  return {bytes.begin(), bytes.end()};
}

} // namespace pfc::rt::data

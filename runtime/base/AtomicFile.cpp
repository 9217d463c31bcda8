#include "runtime/base/AtomicFile.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace pfc::rt {

/// Zeros are looked for a block of a disk at a time; a hole is worth it from
/// some blocks on.
static constexpr size_t block = 4096, leastHole = 4 * block;

static bool isZero(const char *bytes, size_t count) {
  return bytes[0] == 0 && std::memcmp(bytes, bytes + 1, count - 1) == 0;
}

/// Bytes of the blocks that `bytes` begins with that are zero, or are not.
static size_t lengthOf(bool zero, const char *bytes, size_t size) {
  size_t length = 0;
  while (length < size) {
    size_t count = std::min(block, size - length);
    if (isZero(bytes + length, count) != zero)
      break;
    length += count;
  }
  return length;
}

AtomicFile::AtomicFile(std::string path, Sha256 *digest)
    : path(std::move(path)), temporary(this->path + ".tmp"), digest(digest) {
  descriptor =
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0)
    systemError("cannot be created");
}

AtomicFile::~AtomicFile() {
  if (descriptor < 0)
    return;
  ::close(descriptor);
  ::unlink(temporary.c_str());
}

void AtomicFile::systemError(const char *what) {
  fail("{}: {}: {}; check the folder, its permissions and the free space",
       temporary, what, std::strerror(errno));
}

void AtomicFile::write(const void *data, size_t size) {
  if (digest)
    digest->update(data, size);
  const char *next = static_cast<const char *>(data);
  while (size > 0) {
    size_t zeros = lengthOf(true, next, size);
    size_t count = lengthOf(false, next + zeros, size - zeros);
    if (zeros >= leastHole)
      hole += zeros;
    else if (zeros > 0)
      writeBytes(next, zeros);
    if (count > 0)
      writeBytes(next + zeros, count);
    next += zeros + count;
    size -= zeros + count;
  }
}

void AtomicFile::writeBytes(const char *next, size_t size) {
  leaveHole();
  while (size > 0) {
    ssize_t written = ::write(descriptor, next, size);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      systemError("cannot be written");
    next += written;
    size -= written;
  }
}

/// Skips the zeros that were written since the last other bytes.
void AtomicFile::leaveHole() {
  if (hole > 0 && ::lseek(descriptor, static_cast<off_t>(hole), SEEK_CUR) < 0)
    systemError("cannot be written");
  hole = 0;
}

void AtomicFile::commit() {
  leaveHole();
  // A hole at the end is none until the file reaches behind it.
  off_t end = ::lseek(descriptor, 0, SEEK_CUR);
  if (end < 0 || ::ftruncate(descriptor, end) != 0)
    systemError("cannot be written");
  if (::fsync(descriptor) != 0)
    systemError("cannot be flushed");
  ::close(descriptor);
  descriptor = -1;
  if (std::rename(temporary.c_str(), path.c_str()) != 0)
    systemError("cannot be renamed");
  // The rename itself is durable once the folder is.
  flushFolder(std::filesystem::path(path).parent_path().string());
}

void flushFolder(const std::string &folder) {
  int directory = ::open(folder.empty() ? "." : folder.c_str(),
                         O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    ::fsync(directory);
    ::close(directory);
  }
}

} // namespace pfc::rt

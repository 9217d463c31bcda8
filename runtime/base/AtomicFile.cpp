#include "runtime/base/AtomicFile.h"

#include "runtime/base/Error.h"
#include "runtime/base/Paths.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
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

AtomicFile::AtomicFile(std::string name, Sha256 *digest)
    : path(fileBehind(name)), written(path), digest(digest) {
  require(!name.empty(), "an output has no name: give a file's");
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode)) {
    direct = isDescriptor(path);
  } else {
    require(!S_ISDIR(status.st_mode),
            "{}: is a folder; give the name of a file to write", path);
    direct = true;
  }
  if (direct) {
    if (::access(path.c_str(), W_OK) != 0)
      systemError("cannot be written");
    return;
  }
  written += ".tmp";
  open(O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
}

void AtomicFile::open(int flags) {
  descriptor = ::open(written.c_str(), flags, 0644);
  if (descriptor < 0)
    systemError(direct ? "cannot be opened" : "cannot be created");
}

/// A pipe is opened with the first bytes: opening it waits for its reader, and
/// closing it ends what that reads. Standard output goes on where it is.
void AtomicFile::openDirect() {
  if (!isDescriptor(path)) {
    open(O_WRONLY | O_CLOEXEC);
    return;
  }
  descriptor = ::fcntl(descriptorNumber(path), F_DUPFD_CLOEXEC, 0);
  if (descriptor < 0)
    systemError("cannot be opened");
}

AtomicFile::~AtomicFile() {
  if (descriptor < 0)
    return;
  ::close(descriptor);
  if (!direct)
    ::unlink(written.c_str());
}

void AtomicFile::systemError(const char *what) {
  fail("{}: {}: {}; check the folder, its permissions and the free space",
       written, what, std::strerror(errno));
}

void AtomicFile::write(const void *data, size_t size) {
  if (digest)
    digest->update(data, size);
  const char *next = static_cast<const char *>(data);
  if (direct) {
    if (descriptor < 0 && size > 0)
      openDirect();
    writeBytes(next, size);
    return;
  }
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
  if (direct) {
    if (descriptor >= 0)
      ::close(descriptor);
    descriptor = -1;
    return;
  }
  leaveHole();
  // A hole at the end is none until the file reaches behind it.
  off_t end = ::lseek(descriptor, 0, SEEK_CUR);
  if (end < 0 || ::ftruncate(descriptor, end) != 0)
    systemError("cannot be written");
  if (::fsync(descriptor) != 0)
    systemError("cannot be flushed");
  ::close(descriptor);
  descriptor = -1;
  if (std::rename(written.c_str(), path.c_str()) != 0)
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

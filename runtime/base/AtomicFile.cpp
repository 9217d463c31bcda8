#include "runtime/base/AtomicFile.h"

#include "runtime/base/Error.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace pfc::rt {

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
    ssize_t written = ::write(descriptor, next, size);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      systemError("cannot be written");
    next += written;
    size -= written;
  }
}

void AtomicFile::commit() {
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

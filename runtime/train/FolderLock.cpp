#include "runtime/train/FolderLock.h"

#include "runtime/base/Error.h"

#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace pfc::rt {
namespace {

constexpr std::chrono::seconds patience(5);

/// Whoever held the lock may have removed the file since it was opened.
bool isStillThere(int descriptor, const std::string &path) {
  struct stat own = {}, named = {};
  return fstat(descriptor, &own) == 0 && stat(path.c_str(), &named) == 0 &&
         own.st_dev == named.st_dev && own.st_ino == named.st_ino;
}

} // namespace

FolderLock::FolderLock(std::string folder)
    : path(std::move(folder) + "/.running") {}

FolderLock::~FolderLock() {
  if (descriptor < 0)
    return;
  unlink(path.c_str());
  close(descriptor);
}

void FolderLock::take() {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (descriptor < 0 && !tryOnce()) {
    require(std::chrono::steady_clock::now() < deadline,
            "{}: another pfc-run is at work in this folder: wait for its end, "
            "or choose another --out",
            std::filesystem::path(path).parent_path().string());
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

bool FolderLock::tryOnce() {
  int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0)
    return true;
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    const bool held = errno == EWOULDBLOCK;
    close(file);
    return !held;
  }
  if (isStillThere(file, path))
    descriptor = file;
  else
    close(file);
  return descriptor >= 0;
}

} // namespace pfc::rt

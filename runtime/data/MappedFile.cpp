#include "runtime/data/MappedFile.h"

#include "runtime/base/Error.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace pfc::rt::data {

/// A mapping; a free one begins at null.
struct MappedFile::Guard {
  std::atomic<const uint8_t *> begin = nullptr;
  std::atomic<size_t> size = 0;
  std::atomic<bool> torn = false;
};

namespace {

/// A signal's handler can reach nothing but globals.
std::array<MappedFile::Guard, 256> guards;
struct sigaction actionBefore;

/// Puts zeros where a file's bytes have gone.
void replacePage(int signal, siginfo_t *info, void *) {
  const auto *at = static_cast<const uint8_t *>(info->si_addr);
  for (MappedFile::Guard &guard : guards) {
    const uint8_t *begin = guard.begin;
    if (!begin || at < begin || at >= begin + guard.size)
      continue;
    auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    auto address = reinterpret_cast<uintptr_t>(at) & ~(page - 1);
    guard.torn = true;
    if (mmap(reinterpret_cast<void *>(address), page, PROT_READ,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED)
      return;
  }
  sigaction(signal, &actionBefore, nullptr); // not ours: it comes again
}

/// Null where all are taken.
MappedFile::Guard *takeGuard(const uint8_t *begin, size_t size) {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action = {};
    action.sa_sigaction = replacePage;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGBUS, &action, &actionBefore);
  });
  for (MappedFile::Guard &guard : guards) {
    const uint8_t *free = nullptr;
    if (guard.begin.load() || !guard.begin.compare_exchange_strong(free, begin))
      continue;
    guard.torn = false;
    guard.size = size;
    return &guard;
  }
  return nullptr;
}

} // namespace

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
    guard = takeGuard(data, size);
  } else {
    close(file);
  }
}

MappedFile::MappedFile(MappedFile &&other) noexcept
    : name(std::move(other.name)), data(std::exchange(other.data, nullptr)),
      size(std::exchange(other.size, 0)),
      guard(std::exchange(other.guard, nullptr)) {}

MappedFile::~MappedFile() {
  if (guard) {
    guard->size = 0;
    guard->begin = nullptr;
  }
  if (data)
    munmap(const_cast<uint8_t *>(data), size);
}

void MappedFile::checkIntact() const {
  require(
      !guard || !guard->torn,
      "{}: was cut short, or its disk failed, while it was in use ({} bytes "
      "when it was opened): restore the file",
      name, size);
}

std::string readTextFile(const std::string &path) {
  MappedFile file(path);
  std::span<const uint8_t> bytes = file.bytes();
  return {bytes.begin(), bytes.end()};
}

} // namespace pfc::rt::data

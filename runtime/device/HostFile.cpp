#include "runtime/device/HostFile.h"

#include "runtime/base/Error.h"
#include "runtime/plan/Shape.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

namespace pfc::rt {
namespace {

namespace fs = std::filesystem;

/// A signal's handler can reach nothing but globals: the last file mapped, of
/// which a process has one.
std::atomic<const std::byte *> mapped = nullptr;
std::atomic<uint64_t> mappedBytes = 0;
struct sigaction actionBefore;

/// The kernel found no room for a page.
void endOnFullDisk(int signal, siginfo_t *info, void *) {
  const auto *at = static_cast<const std::byte *>(info->si_addr);
  const std::byte *begin = mapped;
  if (begin && at >= begin && at < begin + mappedBytes) {
    constexpr char text[] =
        "pfc: error: the disk that the class centers' file is on is full "
        "(head.placement = \"host\"): free some of it, or choose --out on a "
        "larger one, and go on with --resume\n";
    [[maybe_unused]] ssize_t written =
        write(STDERR_FILENO, text, sizeof text - 1);
    _exit(1);
  }
  sigaction(signal, &actionBefore, nullptr); // not ours: it comes again
}

void watchForFullDisk(const std::byte *address, uint64_t bytes) {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action = {};
    action.sa_sigaction = endOnFullDisk;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGBUS, &action, &actionBefore);
  });
  mapped = address;
  mappedBytes = bytes;
}

} // namespace

HostFile::~HostFile() {
  if (mapped == address)
    mapped = nullptr;
  if (address)
    munmap(address, bytes);
  if (file >= 0)
    close(file);
}

void HostFile::map(const std::string &folder, uint64_t size) {
  require(!address, "host memory was mapped before");
  auto check = [&](bool ok, const char *what) {
    require(ok, "{}: cannot {} a file of {} for host memory: {}", path, what,
            bytesText(size), std::strerror(errno));
  };
  std::error_code error;
  path = folder.empty() ? fs::temp_directory_path().string() : folder;
  fs::create_directories(path, error); // what is wrong with it, open says
  std::string name = path + "/pfc-host-memory-XXXXXX";
  file = mkostemp(name.data(), O_CLOEXEC);
  check(file >= 0, "make");
  unlink(name.c_str());
  bytes = size;
  check(ftruncate(file, static_cast<off_t>(bytes)) == 0, "extend");
  reserveSpace();
  void *pages =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  check(pages != MAP_FAILED, "map");
  address = static_cast<std::byte *>(pages);
  madvise(address, bytes, MADV_RANDOM); // rows, here and there
  watchForFullDisk(address, bytes);
}

/// Where the file system can, without writing.
void HostFile::reserveSpace() {
  std::error_code error;
  fs::space_info space = fs::space(path, error);
  constexpr uint64_t leftForOthers = uint64_t{1} << 30;
  if (!error && space.available > bytes + leftForOthers) [[maybe_unused]]
    int ignored = fallocate(file, 0, 0, static_cast<off_t>(bytes));
}

void HostFile::clear() {
  // Emptied, it has holes everywhere when it is extended again.
  bool emptied = ftruncate(file, 0) == 0 &&
                 ftruncate(file, static_cast<off_t>(bytes)) == 0;
  require(emptied, "{}: cannot empty the file of host memory: {}", path,
          std::strerror(errno));
  reserveSpace();
}

HostExtent HostFile::extent(const std::byte *at, uint64_t count) const {
  auto begin = static_cast<off_t>(at - address);
  auto upTo = [&](off_t end) {
    return std::min(count, static_cast<uint64_t>(end - begin));
  };
  off_t data = lseek(file, begin, SEEK_DATA);
  if (data > begin || (data < 0 && errno == ENXIO)) // ENXIO: no data behind it
    return {false, data < 0 ? count : upTo(data)};
  off_t hole = data < 0 ? data : lseek(file, begin, SEEK_HOLE);
  return {true, hole < 0 ? count : upTo(hole)};
}

} // namespace pfc::rt

#include "runtime/base/BuildCache.h"

#include "runtime/base/AtomicFile.h"
#include "runtime/base/Error.h"
#include "runtime/base/Sha256.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/file.h>
#include <unistd.h>

namespace pfc::rt {
namespace {

std::string defaultFolder() {
  auto variable = [](const char *name) {
    const char *value = std::getenv(name);
    return std::string(value ? value : "");
  };
  if (std::string own = variable("PFC_CACHE_DIR"); !own.empty())
    return own;
  if (std::string caches = variable("XDG_CACHE_HOME"); !caches.empty())
    return caches + "/pfc";
  std::string home = variable("HOME");
  require(!home.empty(), "there is no folder for compiled kernels: HOME is not "
                         "set; set PFC_CACHE_DIR");
  return home + "/.cache/pfc";
}

/// Held by the one process that makes an entry; released by its end, too.
class Lock {
public:
  explicit Lock(const std::string &path)
      : descriptor(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    int status = descriptor < 0 ? -1 : flock(descriptor, LOCK_EX);
    while (status != 0 && errno == EINTR)
      status = flock(descriptor, LOCK_EX);
    if (status == 0)
      return;
    int error = errno;
    if (descriptor >= 0)
      close(descriptor);
    fail("{}: {}; set PFC_CACHE_DIR to a folder that can be written", path,
         std::strerror(error));
  }
  ~Lock() { close(descriptor); }
  Lock(const Lock &) = delete;
  Lock &operator=(const Lock &) = delete;

private:
  int descriptor;
};

std::string digestOf(std::string_view contents) {
  auto digest = sha256(contents);
  return {digest.begin(), digest.end()};
}

bool isWhole(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  std::string_view all = bytes;
  size_t digestBytes = sha256({}).size();
  if (all.size() < digestBytes)
    return false;
  size_t size = all.size() - digestBytes;
  return digestOf(all.substr(0, size)) == all.substr(size);
}

} // namespace

BuildCache::BuildCache(std::string wanted)
    : folder(wanted.empty() ? defaultFolder() : std::move(wanted)) {}

std::string BuildCache::file(const std::string &key, const std::string &suffix,
                             const Build &build) const {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  require(!error, "{}: {}; set PFC_CACHE_DIR to a folder that can be written",
          folder, error.message());
  std::string path = folder + "/" + sha256Hex(key) + suffix;
  if (isWhole(path))
    return path;
  Lock lock(path + ".lock");
  if (isWhole(path)) // made while this process waited
    return path;
  std::string contents = build();
  std::string digest = digestOf(contents);
  AtomicFile file(path);
  file.write(contents.data(), contents.size());
  file.write(digest.data(), digest.size());
  file.commit();
  return path;
}

} // namespace pfc::rt

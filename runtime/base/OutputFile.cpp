#include "runtime/base/OutputFile.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace pfc::rt {

OutputFile::OutputFile(const std::string &path) : path(path) {
  std::error_code error;
  std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!folder.empty())
    std::filesystem::create_directories(folder, error);
  require(!error, "{}: {}", folder.string(), error.message());
  errno = 0;
  out.open(path, std::ios::binary);
  check();
}

void OutputFile::write(const void *data, size_t size) {
  errno = 0;
  out.write(static_cast<const char *>(data),
            static_cast<std::streamsize>(size));
  check();
}

void OutputFile::close() {
  errno = 0;
  out.close();
  check();
}

void OutputFile::check() {
  bool good = out.good();
  require(good, "{}: cannot write: {}", path,
          errno != 0 ? std::strerror(errno) : "output failed");
}

} // namespace pfc::rt

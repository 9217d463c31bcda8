#include "runtime/eval/FeatureFiles.h"

#include "runtime/base/Error.h"

#include <filesystem>
#include <fstream>

namespace pfc::rt {
namespace {

namespace fs = std::filesystem;

/// The path's last `parts` components.
fs::path tailOf(const fs::path &path, int parts) {
  fs::path tail;
  fs::path rest = path;
  for (int i = 0; i < parts; ++i) {
    tail = i == 0 ? rest.filename() : rest.filename() / tail;
    rest = rest.parent_path();
  }
  return tail;
}

} // namespace

void FeatureFiles::writeProbe(const MegaFaceSet::Picture &picture,
                              std::span<const float> row) const {
  write((fs::path("facescrub") / tailOf(picture.path, 2)).string(), row, 0);
}

void FeatureFiles::writeDistractor(const MegaFaceSet::Picture &picture,
                                   std::span<const float> row) const {
  write((fs::path("megaface") / tailOf(picture.path, 3)).string(), row,
        picture.noise ? 100.0f : 0.0f);
}

void FeatureFiles::write(const std::string &path, std::span<const float> row,
                         float last) const {
  fs::path file = fs::path(folder) / (path + "_" + algorithm + ".bin");
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  require(!error, "{}: {}", file.parent_path().string(), error.message());
  int32_t header[4] = {static_cast<int32_t>(row.size()) + 1, 1, 4, 5};
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char *>(header), sizeof header);
  out.write(reinterpret_cast<const char *>(row.data()),
            static_cast<std::streamsize>(row.size_bytes()));
  out.write(reinterpret_cast<const char *>(&last), sizeof last);
  out.close();
  require(out.good(), "{}: cannot write", file.string());
}

} // namespace pfc::rt

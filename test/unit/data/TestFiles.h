//===- TestFiles.h - Scratch folders and small images -----------*- C++ -*-===//
#ifndef PFC_TEST_UNIT_DATA_TESTFILES_H
#define PFC_TEST_UNIT_DATA_TESTFILES_H

#include "runtime/data/ImageCodec.h"
#include "runtime/data/RecordSetWriter.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

namespace pfc::rt::data {

/// A folder that is deleted at the end of the test.
class ScratchFolder {
public:
  ScratchFolder() {
    std::string name = std::filesystem::temp_directory_path() / "pfc-XXXXXX";
    root = mkdtemp(name.data());
  }
  ~ScratchFolder() { std::filesystem::remove_all(root); }
  std::string operator/(const std::string &name) const {
    return (root / name).string();
  }
  std::string path() const { return root.string(); }

private:
  std::filesystem::path root;
};

inline std::string readBytes(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

template <typename Bytes>
void writeBytes(const std::string &path, const Bytes &bytes) {
  std::filesystem::create_directories(
      std::filesystem::path(path).parent_path());
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char *>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
}

/// A grey PNG whose every pixel is `value`, but for a white left column.
inline std::vector<uint8_t> markedPng(uint8_t value, int height = 4,
                                      int width = 6) {
  std::vector<uint8_t> pixels(size_t(height) * width, value);
  for (int y = 0; y < height; ++y)
    pixels[y * width] = 255;
  return encodePng(pixels, {height, width, 1});
}

/// A record set of `identities` times `each` images; image i has the grey
/// value i % 200.
inline void writeMarkedSet(const std::string &folder, int identities,
                           int each) {
  RecordSetWriter writer(folder);
  for (int i = 0; i < identities * each; ++i)
    writer.add(i / each, markedPng(static_cast<uint8_t>(i % 200)));
  writer.finish(4, 6);
}

/// The message of the exception that `body` throws.
template <typename Body>
std::string messageOf(Body body) {
  try {
    body();
  } catch (const std::exception &error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

} // namespace pfc::rt::data

#endif // PFC_TEST_UNIT_DATA_TESTFILES_H

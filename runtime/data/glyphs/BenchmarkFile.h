//===- BenchmarkFile.h - A list or picture of a benchmark -------*- C++ -*-===//
#ifndef PFC_RUNTIME_DATA_GLYPHS_BENCHMARKFILE_H
#define PFC_RUNTIME_DATA_GLYPHS_BENCHMARKFILE_H

#include "runtime/base/Error.h"

#include <cstdint>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <span>
#include <string>

namespace pfc::rt::data::glyphs {

/// Writes a file, and the folders above it. Throws an Error that names it where
/// it can't be written.
class BenchmarkFile {
public:
  explicit BenchmarkFile(const std::string &path) : path(path) {
    std::error_code error;
    std::filesystem::path folder = std::filesystem::path(path).parent_path();
    std::filesystem::create_directories(folder, error);
    require(!error, "{}: {}", folder.string(), error.message());
    out.open(path, std::ios::binary);
  }

  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args &&...args) {
    out << fmt::format(format, std::forward<Args>(args)...) << '\n';
  }

  /// All of the file.
  void bytes(std::span<const uint8_t> contents) {
    out.write(reinterpret_cast<const char *>(contents.data()),
              static_cast<std::streamsize>(contents.size()));
    close();
  }

  void close() {
    out.close();
    require(out.good(), "{}: cannot write", path);
  }

private:
  std::string path;
  std::ofstream out;
};

} // namespace pfc::rt::data::glyphs

#endif // PFC_RUNTIME_DATA_GLYPHS_BENCHMARKFILE_H

//===- OutputFile.h - A small file, written in order ------------*- C++ -*-===//
#ifndef PFC_RUNTIME_BASE_OUTPUTFILE_H
#define PFC_RUNTIME_BASE_OUTPUTFILE_H

#include "runtime/base/Error.h"

#include <cstdint>
#include <fmt/format.h>
#include <fstream>
#include <span>
#include <string>

namespace pfc::rt {

/// Writes a file, and makes the folders above it. Throws an Error that names it
/// and says why where it can't be written. For many files that are made anew
/// easily; AtomicFile is for what must not be lost.
class OutputFile {
public:
  explicit OutputFile(const std::string &path);

  void write(const void *data, size_t size);
  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args &&...args) {
    std::string text = fmt::format(format, std::forward<Args>(args)...) + '\n';
    write(text.data(), text.size());
  }
  /// Everything is in the file when this returns.
  void close();

private:
  void check();

  std::string path;
  std::ofstream out;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_BASE_OUTPUTFILE_H

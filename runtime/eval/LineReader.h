//===- LineReader.h - Lists of a benchmark, line by line --------*- C++ -*-===//
#ifndef PFC_RUNTIME_EVAL_LINEREADER_H
#define PFC_RUNTIME_EVAL_LINEREADER_H

#include "runtime/base/Error.h"
#include "runtime/data/MappedFile.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pfc::rt {

/// Reads a text file whose lines are fields. Empty lines are passed over.
/// Whatever is wrong is an Error with file and line.
class LineReader {
public:
  /// Fields end at each `separator`; at runs of blanks when it is ' '.
  explicit LineReader(const std::string &path, char separator = ' ');

  /// Goes to the next line; false after the last.
  bool next();

  int64_t lineNumber() const { return number; }
  std::string_view line() const { return whole; }
  size_t fields() const { return parts.size(); }
  std::string_view text(size_t field) const;
  int64_t integer(size_t field) const;
  /// A finite number.
  double real(size_t field) const;

  /// Throws an Error with file and line in front.
  template <typename... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format,
                           Args &&...args) const {
    fail("{}:{}: {}", file.path(), number,
         fmt::format(format, std::forward<Args>(args)...));
  }

private:
  void split();
  std::string_view digits(size_t field) const;

  data::MappedFile file;
  char separator;
  size_t position = 0;
  int64_t number = 0;
  std::string_view whole;
  std::vector<std::string_view> parts;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_EVAL_LINEREADER_H

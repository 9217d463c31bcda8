//===- TomlText.h - TOML with recovery --------------------------*- C++ -*-===//
//
// toml++ stops at the first syntax error. To report all of them, the line with
// the error is blanked and the text parsed again: line numbers stay.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_FRONTEND_SPEC_TOMLTEXT_H
#define PFC_FRONTEND_SPEC_TOMLTEXT_H

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>
#include <vector>

namespace pfc {

/// A place in a text; lines and columns count from 1, columns in bytes.
struct TextPosition {
  unsigned line = 1;
  unsigned column = 1;
};

struct TomlError {
  TextPosition position;
  std::string message;
};

struct TomlText {
  toml::table table; ///< what could be read
  std::vector<TomlError> errors;
};

/// Parses a document. Never throws, whatever the bytes are.
TomlText parseToml(llvm::StringRef text);

/// What is wrong with a text that findBadByte finds fault with.
inline constexpr char notText[] =
    "not a spec: a spec is UTF-8 text without control characters";

/// The place of the first byte that keeps `text` from being UTF-8 without
/// control characters, which a person can be shown; or nothing.
std::optional<TextPosition> findBadByte(llvm::StringRef text);

/// Finds places in a text. toml++ counts columns in code points; MLIR, carets
/// and editors count bytes.
class TextLines {
public:
  explicit TextLines(llvm::StringRef text);
  TextPosition toBytes(toml::source_position position) const;
  /// Offset of the first byte of a line; the end of the text after the last.
  size_t start(unsigned line) const;

private:
  llvm::StringRef text;
  std::vector<size_t> starts;
};

} // namespace pfc

#endif // PFC_FRONTEND_SPEC_TOMLTEXT_H

//===- TomlText.cpp - TOML with recovery ----------------------------------===//
#include "frontend/spec/TomlText.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/FormatVariadic.h"

using namespace pfc;
using llvm::StringRef;

/// More syntax errors than this say that the file is something else.
static constexpr size_t maxErrors = 10;

TextLines::TextLines(StringRef text) : text(text), starts{0} {
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] == '\n')
      starts.push_back(i + 1);
}

size_t TextLines::start(unsigned line) const {
  return line <= starts.size() ? starts[std::max(1u, line) - 1] : text.size();
}

TextPosition TextLines::toBytes(toml::source_position position) const {
  unsigned line = std::max<unsigned>(1, position.line);
  size_t begin = start(line), offset = begin;
  for (unsigned i = 1; i < position.column && offset < text.size(); ++i) {
    ++offset;
    while (offset < text.size() && (text[offset] & 0xc0) == 0x80)
      ++offset; // continuation bytes belong to the code point
  }
  return {line, unsigned(offset - begin) + 1};
}

std::optional<TextPosition> pfc::findBadByte(StringRef text) {
  auto *begin = reinterpret_cast<const llvm::UTF8 *>(text.begin());
  auto *at = begin, *end = begin + text.size();
  llvm::isLegalUTF8String(&at, end);
  size_t offset = std::min<size_t>(at - begin, text.find_if([](char c) {
    return (c >= 0 && c < ' ' && c != '\t' && c != '\n' && c != '\r') ||
           c == 0x7f;
  }));
  if (offset >= text.size())
    return std::nullopt;
  StringRef before = text.take_front(offset);
  StringRef line = before.contains('\n') ? before.rsplit('\n').second : before;
  return TextPosition{unsigned(before.count('\n')) + 1,
                      unsigned(line.size()) + 1};
}

/// toml++ writes "Error while parsing array: …".
static std::string describe(std::string_view description) {
  StringRef message(description);
  if (!message.consume_front("Error while parsing "))
    return "not valid TOML: " + message.str();
  auto [what, why] = message.split(": ");
  return llvm::formatv("not valid TOML ({0}): {1}", what, why).str();
}

TomlText pfc::parseToml(StringRef text) {
  TomlText result;
  if (std::optional<TextPosition> bad = findBadByte(text)) {
    result.errors.push_back({*bad, notText});
    return result;
  }
  std::string rest = text.str();
  TextLines lines(rest); // blanking a line leaves the others where they are
  while (result.errors.size() < maxErrors) {
    toml::parse_result parsed = toml::parse(std::string_view(rest));
    if (parsed) {
      result.table = std::move(parsed).table();
      return result;
    }
    const toml::parse_error &error = parsed.error();
    TextPosition position = lines.toBytes(error.source().begin);
    result.errors.push_back({position, describe(error.description())});
    size_t begin = lines.start(position.line);
    size_t end = std::min(rest.find('\n', begin), rest.size());
    if (StringRef(rest).slice(begin, end).trim().empty())
      return result; // at a blank line: nothing left to take away
    std::fill(rest.begin() + begin, rest.begin() + end, ' ');
  }
  return result;
}

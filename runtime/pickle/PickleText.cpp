//===- PickleText.cpp - Escaped and encoded text in pickles ---------------===//
//
// Protocol 0 writes a Python 2 str as its repr and a unicode string as
// "raw-unicode-escape"; Python 3 writes bytes in protocols below 3 as
// _codecs.encode(text, 'latin1'). Only the escapes those writers emit are
// read.
//
//===----------------------------------------------------------------------===//
#include "runtime/pickle/PickleMachine.h"

#include <charconv>

namespace pfc::rt {
namespace {

/// Reads exactly `digits` hexadecimal digits at `text[at]`.
bool readHex(std::string_view text, size_t at, size_t digits, uint32_t &value) {
  if (at > text.size() || text.size() - at < digits)
    return false;
  const char *begin = text.data() + at;
  auto [end, code] = std::from_chars(begin, begin + digits, value, 16);
  return code == std::errc() && end == begin + digits;
}

void appendUtf8(std::string &out, uint32_t code) {
  auto tail = [&](int shift) {
    out.push_back(static_cast<char>(0x80 | ((code >> shift) & 0x3f)));
  };
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xc0 | (code >> 6)));
    tail(0);
  } else {
    out.push_back(static_cast<char>(0xe0 | (code >> 12)));
    tail(6);
    tail(0);
  }
}

} // namespace

/// Keeps decoded text for the document's life. Each byte of a file is decoded
/// once by a string opcode (up to 2 bytes each) and once by _codecs.encode;
/// a pickle that encodes one memoised string again and again to make its
/// reader run out of memory meets this limit.
PickleMachine::Bytes PickleMachine::keep(std::string text) {
  decodedBytes += text.size();
  if (decodedBytes > 4 * data.size())
    error("its strings decode to more than four times the file's size");
  const std::string &kept = document.decoded.emplace_back(std::move(text));
  return {reinterpret_cast<const uint8_t *>(kept.data()), kept.size()};
}

PickleMachine::Bytes PickleMachine::unescapeString(std::string_view line) {
  if (line.size() < 2 || (line.front() != '\'' && line.front() != '"') ||
      line.back() != line.front())
    error("the string has no quotes");
  line = line.substr(1, line.size() - 2);
  std::string out;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\') {
      out.push_back(line[i]);
      continue;
    }
    uint32_t code = 0;
    char escape = ++i < line.size() ? line[i] : '\0';
    if (escape == '\\' || escape == '\'' || escape == '"') {
      out.push_back(escape);
    } else if (escape == 'n' || escape == 'r' || escape == 't') {
      out.push_back(escape == 'n' ? '\n' : escape == 'r' ? '\r' : '\t');
    } else if (escape == 'x' && readHex(line, i + 1, 2, code)) {
      out.push_back(static_cast<char>(code));
      i += 2;
    } else {
      error("the string holds an escape that repr() does not write");
    }
  }
  return keep(std::move(out));
}

PickleMachine::Bytes PickleMachine::unescapeUnicode(std::string_view line) {
  std::string out;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\') {
      appendUtf8(out, static_cast<uint8_t>(line[i]));
      continue;
    }
    // The pickler writes a backslash itself as \u005c.
    uint32_t code = 0;
    if (i + 1 >= line.size() || line[i + 1] != 'u' ||
        !readHex(line, i + 2, 4, code))
      error("the string holds an escape other than \\uXXXX");
    appendUtf8(out, code);
    i += 5;
  }
  return keep(std::move(out));
}

PickleMachine::Bytes PickleMachine::encodeLatin1(Bytes utf8) {
  std::string out;
  for (size_t i = 0; i < utf8.size(); ++i) {
    uint8_t lead = utf8[i];
    if (lead < 0x80) {
      out.push_back(static_cast<char>(lead));
      continue;
    }
    // Latin-1 ends at U+00FF, whose UTF-8 starts with 0xC2 or 0xC3.
    bool two = (lead == 0xc2 || lead == 0xc3) && i + 1 < utf8.size() &&
               (utf8[i + 1] & 0xc0) == 0x80;
    if (!two)
      error("the text is not Latin-1");
    out.push_back(static_cast<char>((lead & 3) << 6 | (utf8[++i] & 0x3f)));
  }
  return keep(std::move(out));
}

} // namespace pfc::rt

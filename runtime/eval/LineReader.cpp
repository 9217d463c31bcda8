#include "runtime/eval/LineReader.h"

#include <charconv>
#include <cmath>

namespace pfc::rt {

LineReader::LineReader(const std::string &path, char separator)
    : file(path), separator(separator) {}

bool LineReader::next() {
  std::span<const uint8_t> bytes = file.bytes();
  std::string_view text(reinterpret_cast<const char *>(bytes.data()),
                        bytes.size());
  while (position < text.size()) {
    size_t end = std::min(text.find('\n', position), text.size());
    whole = text.substr(position, end - position);
    position = end + 1;
    ++number;
    if (whole.ends_with('\r'))
      whole.remove_suffix(1);
    split();
    if (!parts.empty())
      return true;
  }
  file.checkIntact();
  return false;
}

void LineReader::split() {
  parts.clear();
  if (whole.find_first_not_of(" \t") == std::string_view::npos)
    return;
  bool blanks = separator == ' ';
  std::string_view ends =
      blanks ? std::string_view(" \t") : std::string_view(&separator, 1);
  for (size_t at = 0; at <= whole.size();) {
    size_t end = std::min(whole.find_first_of(ends, at), whole.size());
    if (!blanks || end > at)
      parts.push_back(whole.substr(at, end - at));
    at = end + 1;
  }
}

std::string_view LineReader::text(size_t field) const {
  if (field >= parts.size())
    refuse("{} fields; a field {} was expected", parts.size(), field + 1);
  return parts[field];
}

/// Without the blanks that may surround it.
std::string_view LineReader::digits(size_t field) const {
  std::string_view digits = text(field);
  digits.remove_prefix(std::min(digits.find_first_not_of(' '), digits.size()));
  return digits.substr(0, digits.find_last_not_of(' ') + 1); // npos + 1 is 0
}

int64_t LineReader::integer(size_t field) const {
  std::string_view digits = this->digits(field);
  int64_t value = 0;
  auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size())
    refuse("field {}: '{}' is no whole number", field + 1, digits);
  return value;
}

double LineReader::real(size_t field) const {
  std::string_view digits = this->digits(field);
  double value = 0;
  auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() ||
      !std::isfinite(value))
    refuse("field {}: '{}' is no number", field + 1, digits);
  return value;
}

} // namespace pfc::rt

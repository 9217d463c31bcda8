#include "runtime/train/checkpoint/SpecDifference.h"

#include <fmt/format.h>

#include <map>
#include <sstream>

namespace pfc::rt {
namespace {

/// A list of verification sets may be long.
constexpr size_t longestValue = 60;

std::string shortened(std::string value) {
  if (value.size() <= longestValue)
    return value;
  size_t end = longestValue;
  while ((value[end] & 0xC0) == 0x80) // inside a UTF-8 character
    --end;
  return value.substr(0, end) + "…";
}

/// Values by "section.key".
std::map<std::string, std::string> valuesOf(std::string_view spec) {
  std::map<std::string, std::string> values;
  std::istringstream lines{std::string(spec)};
  std::string section;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('[') && line.ends_with(']'))
      section = line.substr(1, line.size() - 2);
    else if (size_t at = line.find(" = "); at != std::string::npos)
      values[section + "." + line.substr(0, at)] = line.substr(at + 3);
  }
  return values;
}

} // namespace

std::vector<std::string> specDifferences(std::string_view before,
                                         std::string_view now) {
  std::map<std::string, std::string> olds = valuesOf(before),
                                     news = valuesOf(now), all = olds;
  all.insert(news.begin(), news.end());
  auto valueIn = [](const auto &values, const std::string &key) {
    auto found = values.find(key);
    return found == values.end() ? "none" : shortened(found->second);
  };
  std::vector<std::string> differences;
  for (const auto &[key, value] : all)
    if (!olds.contains(key) || !news.contains(key) || olds[key] != news[key])
      differences.push_back(fmt::format("{} {} -> {}", key, valueIn(olds, key),
                                        valueIn(news, key)));
  return differences;
}

} // namespace pfc::rt

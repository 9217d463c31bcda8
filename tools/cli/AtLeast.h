//===- AtLeast.h - Checks of options for CLI11 ------------------*- C++ -*-===//
#ifndef PFC_TOOLS_CLI_ATLEAST_H
#define PFC_TOOLS_CLI_ATLEAST_H

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string>

namespace pfc {

/// As many as a spec and a checkpoint may have of steps.
constexpr int64_t mostSteps = 1'000'000'000'000;

/// What an option that is an int holds.
constexpr int64_t mostOfInt = std::numeric_limits<int>::max();

/// Whole numbers from `least` to `most`. CLI11's own checks of positive numbers
/// name the largest double in their messages, with all of its digits; and it
/// takes a number beyond int64 as the last one that there is.
inline CLI::Validator atLeast(int64_t least, int64_t most = mostOfInt) {
  return CLI::Validator(
      [least, most](std::string &text) {
        int64_t value = 0;
        if (!CLI::detail::lexical_cast(text, value) || value < least)
          return fmt::format("{} is no whole number from {} on", text, least);
        return value <= most ? std::string()
                             : fmt::format("{} is more than {}", text, most);
      },
      fmt::format(">= {}", least));
}

/// What uint64 holds; CLI11 makes others of a number beyond it, or below 0.
inline CLI::Validator isSeed() {
  return CLI::Validator(
      [](std::string &text) {
        uint64_t value = 0;
        const char *end = text.data() + text.size();
        auto [read, error] = std::from_chars(text.data(), end, value);
        return error == std::errc() && read == end
                   ? std::string()
                   : fmt::format("{} is no whole number from 0 to 2^64-1",
                                 text);
      },
      "SEED");
}

/// A SHA-256 as sha256sum prints it.
inline CLI::Validator isSha256() {
  return CLI::Validator(
      [](std::string &text) {
        bool right = text.size() == 64 &&
                     std::all_of(text.begin(), text.end(), [](unsigned char c) {
                       return std::isxdigit(c);
                     });
        return right ? std::string()
                     : fmt::format("'{}' is no SHA-256: give the 64 "
                                   "hexadecimal digits that sha256sum prints",
                                   text);
      },
      "SHA-256");
}

} // namespace pfc

#endif // PFC_TOOLS_CLI_ATLEAST_H

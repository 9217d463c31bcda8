//===- AtLeast.h - A check of whole numbers for CLI11 -----------*- C++ -*-===//
#ifndef PFC_TOOLS_CLI_ATLEAST_H
#define PFC_TOOLS_CLI_ATLEAST_H

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace pfc {

/// Whole numbers from `least` on. CLI11's own checks of positive numbers name
/// the largest double in their messages, with all of its digits.
inline CLI::Validator atLeast(int64_t least) {
  return CLI::Validator(
      [least](std::string &text) {
        int64_t value = 0;
        return CLI::detail::lexical_cast(text, value) && value >= least
                   ? std::string()
                   : fmt::format("{} is no whole number from {} on", text,
                                 least);
      },
      fmt::format(">= {}", least));
}

} // namespace pfc

#endif // PFC_TOOLS_CLI_ATLEAST_H

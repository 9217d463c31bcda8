//===- Usage.h - What ends a tool before it begins --------------*- C++ -*-===//
#ifndef PFC_TOOLS_CLI_USAGE_H
#define PFC_TOOLS_CLI_USAGE_H

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace pfc {

/// The exit status of arguments that CLI11 does not take: 0 where they asked
/// for help, else 1, with one line that says what is wrong.
inline int endUsage(const CLI::App &app, const CLI::ParseError &error) {
  if (error.get_exit_code() == 0)
    return app.exit(error);
  fmt::print(stderr, "{}: error: {}; --help lists the options\n",
             app.get_name(), error.what());
  return 1;
}

} // namespace pfc

#endif // PFC_TOOLS_CLI_USAGE_H

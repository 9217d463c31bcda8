//===- Usage.h - What ends a tool before it begins --------------*- C++ -*-===//
#ifndef PFC_TOOLS_CLI_USAGE_H
#define PFC_TOOLS_CLI_USAGE_H

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

namespace pfc {

/// What is wrong. CLI11 says of a word that is no command that a command is
/// missing, and not which word.
inline std::string usageText(const CLI::App &app,
                             const CLI::ParseError &error) {
  std::vector<std::string> commands, words = app.remaining();
  for (const CLI::App *command : app.get_subcommands({}))
    commands.push_back(command->get_name());
  if (commands.empty() || !app.get_subcommands().empty() || words.empty() ||
      words[0].starts_with("-"))
    return error.what();
  return fmt::format("no command is called '{}': there are {}", words[0],
                     fmt::join(commands, ", "));
}

/// The exit status of arguments that CLI11 does not take: 0 where they asked
/// for help, else 1, with one line that says what is wrong.
inline int endUsage(const CLI::App &app, const CLI::ParseError &error) {
  if (error.get_exit_code() == 0)
    return app.exit(error);
  fmt::print(stderr, "{}: error: {}; --help lists the options\n",
             app.get_name(), usageText(app, error));
  return 1;
}

} // namespace pfc

#endif // PFC_TOOLS_CLI_USAGE_H

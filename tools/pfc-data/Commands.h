//===- Commands.h - pfc-data's sub-commands ---------------------*- C++ -*-===//
#ifndef PFC_TOOLS_PFCDATA_COMMANDS_H
#define PFC_TOOLS_PFCDATA_COMMANDS_H

#include <CLI/CLI.hpp>

namespace pfc::tools {

/// Each adds its sub-command with options and sets `*status` when it runs.
void addPackCommand(CLI::App &app, int *status);
void addCheckCommand(CLI::App &app, int *status);
void addGlyphsCommand(CLI::App &app, int *status);
void addPairsCommand(CLI::App &app, int *status);
void addShowCommand(CLI::App &app, int *status);

/// All processors of this machine.
int defaultThreads();

} // namespace pfc::tools

#endif // PFC_TOOLS_PFCDATA_COMMANDS_H

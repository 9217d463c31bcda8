//===- main.cpp - pfc-data: make, check and look at data sets -------------===//

#include "runtime/base/Error.h"
#include "tools/cli/Usage.h"
#include "tools/pfc-data/Commands.h"

#include <thread>

namespace pfc::tools {

int defaultThreads() {
  unsigned threads = std::thread::hardware_concurrency();
  return threads ? static_cast<int>(threads) : 1;
}

static int run(int argc, char **argv) {
  CLI::App app("Makes, checks and shows data sets for pfc.", "pfc-data");
  app.require_subcommand(1);
  int status = 0;
  addPackCommand(app, &status);
  addCheckCommand(app, &status);
  addGlyphsCommand(app, &status);
  addPairsCommand(app, &status);
  addShowCommand(app, &status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return pfc::endUsage(app, error);
  }
  return status;
}

} // namespace pfc::tools

int main(int argc, char **argv) {
  return pfc::rt::runTool("pfc-data", pfc::tools::run, argc, argv);
}

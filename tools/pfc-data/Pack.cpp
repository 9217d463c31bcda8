#include "tools/pfc-data/Commands.h"
namespace pfc::tools {
void addPackCommand(CLI::App &, int *) {}
} // namespace pfc::tools

#include "tools/pfc-data/Commands.h"
namespace pfc::tools {
void addCheckCommand(CLI::App &, int *) {}
} // namespace pfc::tools

#include "tools/pfc-data/Commands.h"
namespace pfc::tools {
void addShowCommand(CLI::App &, int *) {}
} // namespace pfc::tools

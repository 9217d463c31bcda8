#include "runtime/base/Error.h"

#include <cstdio>
#include <exception>
#include <new>

namespace pfc::rt {

int runTool(const char *tool, int (*body)(int, char **), int argc,
            char **argv) {
  try {
    return body(argc, argv);
  } catch (const std::bad_alloc &) {
    fmt::print(stderr, "{}: error: out of memory\n", tool);
  } catch (const std::exception &error) {
    fmt::print(stderr, "{}: error: {}\n", tool, error.what());
  }
  return 1;
}

} // namespace pfc::rt

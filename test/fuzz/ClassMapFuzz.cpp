// A class map; its runs cover every class once.
#include "Fuzz.h"
#include "runtime/train/checkpoint/ClassMap.h"

#include <cstdlib>

using namespace pfc;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  fuzz::expectErrorOrNothing([&] {
    rt::ClassMap map = rt::ClassMap::parse(text, "map");
    int64_t next = 0;
    for (const rt::ClassRun &run : map.cut(0, map.classes())) {
      if (run.first != next || run.count <= 0)
        std::abort();
      next = run.end();
    }
    if (next != map.classes())
      std::abort();
    map.checkOld(1000);
  });
  return 0;
}

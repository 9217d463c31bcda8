// A checkpoint's manifest.json; what is accepted is written as it was read.
#include "Fuzz.h"
#include "runtime/train/checkpoint/Manifest.h"

#include <cstdlib>

using namespace pfc;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  fuzz::expectErrorOrNothing([&] {
    std::string again =
        rt::formatManifest(rt::parseManifest(text, "manifest.json"));
    if (rt::formatManifest(rt::parseManifest(again, "again")) != again)
      std::abort();
  });
  return 0;
}

// A record set's index.
#include "Fuzz.h"
#include "runtime/data/RecordIndex.h"

using namespace pfc;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static fuzz::MemoryFile file;
  fuzz::expectErrorOrNothing(
      [&] { rt::data::readIndex(file.with({data, size})); });
  return 0;
}

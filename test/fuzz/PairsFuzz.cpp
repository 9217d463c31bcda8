// A verification set, a pickle.
#include "Fuzz.h"
#include "runtime/eval/VerificationSet.h"

using namespace pfc;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static fuzz::MemoryFile file;
  fuzz::expectErrorOrNothing(
      [&] { rt::readVerificationSet(file.with({data, size})); });
  return 0;
}

// MXNet's .params.
#include "Fuzz.h"
#include "runtime/train/weights/MxnetWeights.h"

using namespace pfc;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz::expectErrorOrNothing(
      [&] { rt::readMxnetWeights({data, size}, "x.params"); });
  return 0;
}

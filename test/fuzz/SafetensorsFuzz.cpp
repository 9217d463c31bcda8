// A .safetensors file, and every tensor in it.
#include "Fuzz.h"
#include "runtime/train/weights/Safetensors.h"

using namespace pfc;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static fuzz::MemoryFile file;
  fuzz::expectErrorOrNothing([&] {
    rt::SafetensorsFile tensors(file.with({data, size}));
    for (const rt::TensorEntry &entry : tensors.tensors()) {
      std::vector<std::byte> contents(entry.bytes);
      tensors.read(entry, contents);
    }
  });
  return 0;
}

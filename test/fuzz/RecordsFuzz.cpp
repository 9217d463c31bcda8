// A RecordIO file without an index: found, read, and decoded.
#include "Fuzz.h"
#include "runtime/data/RecordDataset.h"

#include <vector>

using namespace pfc;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static fuzz::MemoryFile file;
  constexpr rt::data::ImageShape shape{4, 4, 1};
  fuzz::expectErrorOrNothing([&] {
    rt::data::RecordDataset records(file.with({data, size}));
    std::vector<uint8_t> pixels(shape.bytes());
    for (int64_t i = 0; i < records.size(); ++i) {
      try {
        records.label(i);
        records.decode(i, shape, pixels);
      } catch (const rt::data::BadRecord &) { // the next may be good
      }
    }
  });
  return 0;
}

// PyTorch's weights. A mutated archive hardly ever passes its checksums, so
// what is no archive is taken as the pickle of one, whose storages 0, 1 and 2
// have 64, 8 and 0 bytes.
#include "Fuzz.h"
#include "runtime/train/weights/TorchWeights.h"

#include <vector>
#include <zlib.h>

using namespace pfc;

namespace {

/// A zip archive of stored entries.
class Archive {
public:
  void add(const std::string &name, std::span<const uint8_t> contents) {
    auto at = static_cast<uint32_t>(bytes.size());
    auto length = static_cast<uint32_t>(contents.size());
    auto crc = static_cast<uint32_t>(crc32(0, contents.data(), length));
    auto header = [&](std::vector<uint8_t> &out) {
      put(out, 20, 2); // version to extract
      put(out, 0, 8);  // flags, stored, time, date
      put(out, crc, 4);
      put(out, length, 4);
      put(out, length, 4);
      put(out, static_cast<uint32_t>(name.size()), 2);
      put(out, 0, 2); // extra
    };
    put(bytes, 0x04034b50, 4);
    header(bytes);
    bytes.insert(bytes.end(), name.begin(), name.end());
    bytes.insert(bytes.end(), contents.begin(), contents.end());
    put(directory, 0x02014b50, 4);
    put(directory, 20, 2); // version made by
    header(directory);
    put(directory, 0, 10); // comment, disk, attributes
    put(directory, at, 4);
    directory.insert(directory.end(), name.begin(), name.end());
    ++entries;
  }

  std::vector<uint8_t> finish() {
    auto at = static_cast<uint32_t>(bytes.size());
    bytes.insert(bytes.end(), directory.begin(), directory.end());
    put(bytes, 0x06054b50, 4);
    put(bytes, 0, 4); // disks
    put(bytes, entries, 2);
    put(bytes, entries, 2);
    put(bytes, static_cast<uint32_t>(directory.size()), 4);
    put(bytes, at, 4);
    put(bytes, 0, 2); // comment
    return bytes;
  }

private:
  static void put(std::vector<uint8_t> &out, uint64_t value, int width) {
    for (int i = 0; i < width; ++i)
      out.push_back(i < 8 ? static_cast<uint8_t>(value >> (8 * i)) : 0);
  }

  std::vector<uint8_t> bytes, directory;
  uint32_t entries = 0;
};

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::vector<uint8_t> archive(data, data + size);
  if (size < 8 || !rt::isTorchWeights(std::span<const uint8_t, 8>(data, 8))) {
    Archive made;
    made.add("a/data.pkl", archive);
    made.add("a/data/0", std::vector<uint8_t>(64, 1));
    made.add("a/data/1", std::vector<uint8_t>(8, 2));
    made.add("a/data/2", {});
    archive = made.finish();
  }
  fuzz::expectErrorOrNothing([&] { rt::readTorchWeights(archive, "x.pt"); });
  return 0;
}

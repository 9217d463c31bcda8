#include "runtime/data/PairWriter.h"

#include "runtime/base/Error.h"

#include <fstream>

namespace pfc::rt::data {

namespace {

// Python's pickle opcodes (pickletools).
constexpr char protocol[] = {'\x80', 3};
constexpr char emptyList = ']', mark = '(', appends = 'e';
constexpr char binBytes = 'B'; // u32 length, bytes
constexpr char newTrue = '\x88', newFalse = '\x89';
constexpr char tuple2 = '\x86', stop = '.';

} // namespace

void writePairs(const std::string &path,
                const std::vector<std::vector<uint8_t>> &images,
                const std::vector<bool> &same) {
  require(images.size() == 2 * same.size(), "{}: {} images for {} pairs", path,
          images.size(), same.size());
  std::ofstream out(path, std::ios::binary);
  out.write(protocol, sizeof protocol);
  out << emptyList << mark;
  for (const std::vector<uint8_t> &image : images) {
    auto length = static_cast<uint32_t>(image.size());
    out << binBytes;
    out.write(reinterpret_cast<const char *>(&length), sizeof length);
    out.write(reinterpret_cast<const char *>(image.data()), length);
  }
  out << appends << emptyList << mark;
  for (bool s : same)
    out << (s ? newTrue : newFalse);
  out << appends << tuple2 << stop;
  out.close();
  require(out.good(), "{}: cannot write", path);
}

} // namespace pfc::rt::data

#include "runtime/data/PairWriter.h"

#include "runtime/base/AtomicFile.h"
#include "runtime/base/Error.h"

#include <cstring>

namespace pfc::rt::data {

namespace {

// Python's pickle opcodes (pickletools).
constexpr char begin[] = {'\x80', 3, ']', '('}; // protocol 3, a list of …
constexpr char binBytes = 'B';                  // u32 length, bytes
constexpr char nextList[] = {'e', ']', '('};    // that ends, another begins
constexpr char newTrue = '\x88', newFalse = '\x89';
constexpr char end[] = {'e', '\x86', '.'}; // that ends, a tuple of both, stop

void writeImage(AtomicFile &out, const std::vector<uint8_t> &image) {
  auto length = static_cast<uint32_t>(image.size());
  char head[1 + sizeof length] = {binBytes};
  std::memcpy(head + 1, &length, sizeof length);
  out.write(head, sizeof head);
  out.write(image.data(), image.size());
}

} // namespace

void writePairs(const std::string &path,
                const std::vector<std::vector<uint8_t>> &images,
                const std::vector<bool> &same) {
  require(images.size() == 2 * same.size(), "{}: {} images for {} pairs", path,
          images.size(), same.size());
  AtomicFile out(path);
  out.write(begin, sizeof begin);
  for (const std::vector<uint8_t> &image : images)
    writeImage(out, image);
  out.write(nextList, sizeof nextList);
  std::vector<char> truths;
  for (bool s : same)
    truths.push_back(s ? newTrue : newFalse);
  out.write(truths.data(), truths.size());
  out.write(end, sizeof end);
  out.commit();
}

} // namespace pfc::rt::data

#include "runtime/data/RecordLabels.h"

#include "runtime/data/BadRecord.h"

#include <cstring>
#include <fstream>

namespace pfc::rt::data {

namespace {
constexpr char magic[] = "PFCLABEL";
constexpr size_t headerBytes = 16;
} // namespace

RecordLabels::RecordLabels(const std::string &path, int64_t count)
    : file(path), first(nullptr) {
  std::span<const uint8_t> bytes = file.bytes();
  require(bytes.size() >= headerBytes &&
              std::memcmp(bytes.data(), magic, 8) == 0,
          "{}: not a label file; it must start with {}", path, magic);
  uint64_t stated;
  std::memcpy(&stated, bytes.data() + 8, sizeof stated);
  require(stated == static_cast<uint64_t>(count),
          "{}: holds {} labels for {} image records", path, stated, count);
  require(stated == (bytes.size() - headerBytes) / 8 && bytes.size() % 8 == 0,
          "{}: {} labels need {} bytes, the file has {}", path, stated,
          headerBytes + stated * 8, bytes.size());
  first = bytes.data() + headerBytes;
}

int64_t RecordLabels::at(int64_t i) const {
  int64_t label;
  std::memcpy(&label, first + i * 8, sizeof label);
  if (label < 0)
    failRecord("{}: label {} of image {} is negative", file.path(), label, i);
  return label;
}

void RecordLabels::write(const std::string &path,
                         const std::vector<int64_t> &labels) {
  std::ofstream out(path, std::ios::binary);
  uint64_t count = labels.size();
  out.write(magic, 8);
  out.write(reinterpret_cast<const char *>(&count), sizeof count);
  out.write(reinterpret_cast<const char *>(labels.data()),
            static_cast<std::streamsize>(count * 8));
  out.close();
  require(out.good(), "{}: cannot write", path);
}

} // namespace pfc::rt::data

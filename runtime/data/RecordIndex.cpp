#include "runtime/data/RecordIndex.h"

#include "runtime/data/BadRecord.h"
#include "runtime/data/RecordPayload.h"

#include <algorithm>
#include <charconv>

namespace pfc::rt::data {

namespace {

/// Parses one line `key<TAB>offset`; false when it is anything else.
bool parseLine(const char *begin, const char *end, RecordEntry &entry) {
  auto key = std::from_chars(begin, end, entry.key);
  if (key.ec != std::errc() || key.ptr == end || *key.ptr != '\t')
    return false;
  if (end[-1] == '\r')
    --end;
  auto offset = std::from_chars(key.ptr + 1, end, entry.offset);
  return offset.ec == std::errc() && offset.ptr == end;
}

} // namespace

std::vector<RecordEntry> readIndex(const std::string &path) {
  MappedFile file(path);
  std::span<const uint8_t> bytes = file.bytes();
  const char *cursor = reinterpret_cast<const char *>(bytes.data());
  const char *end = cursor + bytes.size();
  std::vector<RecordEntry> entries;
  entries.reserve(bytes.size() / 20); // a line of a large set's index
  for (size_t line = 1; cursor != end; ++line) {
    const char *lineEnd = std::find(cursor, end, '\n');
    RecordEntry entry;
    require(parseLine(cursor, lineEnd, entry),
            "{}:{}: not an index line; expected 'key<TAB>byte offset'", path,
            line);
    entries.push_back(entry);
    cursor = lineEnd == end ? end : lineEnd + 1;
  }
  auto byKey = [](const RecordEntry &a, const RecordEntry &b) {
    return a.key < b.key;
  };
  if (!std::is_sorted(entries.begin(), entries.end(), byKey))
    std::sort(entries.begin(), entries.end(), byKey);
  for (size_t i = 1; i < entries.size(); ++i)
    require(entries[i].key != entries[i - 1].key, "{}: key {} occurs twice",
            path, entries[i].key);
  return entries;
}

ScanResult scanRecords(const RecordReader &reader) {
  ScanResult result;
  std::vector<uint8_t> scratch;
  uint64_t offset = 0;
  while (offset < reader.size()) {
    uint64_t next = 0;
    try {
      RecordView record = reader.read(offset, scratch);
      next = record.next;
      RecordPayload payload = parsePayload(record.bytes);
      if (!payload.isIdentityHeader())
        result.images.push_back({payload.id, offset});
    } catch (const BadRecord &bad) {
      result.damage.push_back(fmt::format("{}: record at offset {}: {}",
                                          reader.path(), offset, bad.what()));
    }
    // A framing error leaves no next offset: look for the next magic.
    offset = next ? next : reader.resync(offset + 4);
  }
  return result;
}

} // namespace pfc::rt::data

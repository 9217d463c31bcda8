#include "runtime/data/RecordDataset.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

namespace pfc::rt::data {

namespace fs = std::filesystem;

std::optional<Property> readProperty(const std::string &path) {
  if (!fs::exists(path))
    return std::nullopt;
  std::string text = readTextFile(path);
  Property property;
  long long classes;
  require(std::sscanf(text.c_str(), "%lld,%d,%d", &classes, &property.height,
                      &property.width) == 3 &&
              classes > 0 && property.height > 0 && property.width > 0,
          "{}: expected 'identities,height,width', found '{}'", path,
          text.substr(0, text.find('\n')).substr(0, 60));
  property.classes = classes;
  return property;
}

RecordDataset::RecordDataset(const std::string &path) : reader(path) {
  fs::path base(path);
  stated = readProperty((base.parent_path() / "property").string());
  std::string index = fs::path(base).replace_extension(".idx").string();
  indexed = fs::exists(index);
  if (indexed) {
    useIndex(index);
  } else {
    ScanResult scan = scanRecords(reader);
    broken = std::move(scan.damage);
    take(scan.images);
  }
  require(size() > 0, "{}: holds no image record", path);
  std::string sidecar = fs::path(base).replace_extension(".labels").string();
  if (fs::exists(sidecar))
    labels.emplace(sidecar, size());
}

void RecordDataset::useIndex(const std::string &path) {
  std::vector<RecordEntry> entries = readIndex(path);
  require(!entries.empty(), "{}: the index is empty", path);
  checkEnd(path, entries);
  if (entries[0].key != 0) {
    // Of one that was cut short the last may be identities' headers.
    while (entries.size() > 1 && isHeaderAt(entries.back().offset))
      entries.pop_back();
    return take(entries);
  }
  std::vector<uint8_t> scratch;
  try {
    RecordPayload zero =
        parsePayload(reader.read(entries[0].offset, scratch).bytes);
    if (zero.isIdentityHeader())
      take(std::span(entries).subspan(1, endOfImages(entries, zero) - 1));
    else
      take(entries);
  } catch (const BadRecord &bad) {
    // A file that was cut short lacks key 0: ask every record what it is.
    broken.push_back(fmt::format("{}: record at offset {}, key 0: {}",
                                 reader.path(), entries[0].offset, bad.what()));
    std::erase_if(entries, [&](const RecordEntry &entry) {
      return entry.key == 0 || isHeaderAt(entry.offset);
    });
    take(entries);
  }
}

/// An index that was cut short has lost records without a trace in it.
void RecordDataset::checkEnd(const std::string &index,
                             const std::vector<RecordEntry> &entries) {
  uint64_t last = 0;
  for (const RecordEntry &entry : entries)
    last = std::max(last, entry.offset);
  std::vector<uint8_t> scratch;
  try {
    const uint64_t end = reader.read(last, scratch).next;
    if (reader.resync(end) < reader.size())
      broken.push_back(fmt::format(
          "{}: the last record it has ends at byte {} of {} of {}: was it cut "
          "short? It can be removed: the records are found without",
          index, end, reader.size(), reader.path()));
  } catch (const BadRecord &) {
    // The last record is damaged, which is seen where it is read.
  }
}

/// Whether a readable identity header lies at `offset`.
bool RecordDataset::isHeaderAt(uint64_t offset) const {
  std::vector<uint8_t> scratch;
  try {
    return parsePayload(reader.read(offset, scratch).bytes).isIdentityHeader();
  } catch (const BadRecord &) {
    return false;
  }
}

/// The position of the first identity header after the images. Key 0 states
/// its key as float32, which above 2^24 is rounded: look around it.
size_t RecordDataset::endOfImages(const std::vector<RecordEntry> &entries,
                                  const RecordPayload &zero) const {
  require(zero.label >= 1.0f && zero.label < 0x1p53f,
          "{}: key 0 says that its identity headers start at key {}",
          reader.path(), zero.label);
  auto stated = static_cast<uint64_t>(zero.label);
  auto first = std::lower_bound(
      entries.begin(), entries.end(), stated,
      [](const RecordEntry &entry, uint64_t key) { return entry.key < key; });
  size_t end = static_cast<size_t>(first - entries.begin());
  if (stated < static_cast<uint64_t>(firstInexactLabel))
    return end;
  while (end > 1 && isHeaderAt(entries[end - 1].offset))
    --end;
  while (end < entries.size() && !isHeaderAt(entries[end].offset))
    ++end;
  return end;
}

void RecordDataset::take(std::span<const RecordEntry> images) {
  offsets.reserve(images.size());
  firstKey = images.empty() ? 0 : images[0].key;
  bool consecutive = true;
  for (size_t i = 0; i < images.size(); ++i) {
    offsets.push_back(images[i].offset);
    consecutive &= images[i].key == firstKey + i;
  }
  if (consecutive)
    return;
  keys.reserve(images.size());
  for (const RecordEntry &entry : images)
    keys.push_back(entry.key);
}

RecordPayload RecordDataset::payload(int64_t i,
                                     std::vector<uint8_t> &scratch) const {
  try {
    return parsePayload(reader.read(offsets[i], scratch).bytes);
  } catch (const BadRecord &bad) {
    checkIntact();
    failRecord("{}: {}", where(i), bad.what());
  }
}

int64_t RecordDataset::label(int64_t i) const {
  if (labels)
    return labels->at(i);
  thread_local std::vector<uint8_t> scratch;
  RecordPayload record = payload(i, scratch);
  try {
    return integerLabel(record);
  } catch (const BadRecord &bad) {
    failRecord("{}: {}", where(i), bad.what());
  }
}

std::span<const uint8_t>
RecordDataset::encoded(int64_t i, std::vector<uint8_t> &scratch) const {
  return payload(i, scratch).image;
}

void RecordDataset::checkIntact() const {
  reader.checkIntact();
  if (labels)
    labels->checkIntact();
}

std::string RecordDataset::where(int64_t i) const {
  return fmt::format("{}: record at offset {}, key {}", reader.path(),
                     offsets[i], key(i));
}

} // namespace pfc::rt::data

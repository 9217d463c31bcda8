#include "runtime/data/RecordSetWriter.h"

#include "runtime/base/Error.h"
#include "runtime/data/RecordLabels.h"
#include "runtime/data/RecordPayload.h"

#include <filesystem>

namespace pfc::rt::data {

namespace fs = std::filesystem;

namespace {

/// Of a set, the index last.
constexpr const char *names[] = {"train.rec", "train.labels", "property",
                                 "train.idx"};

const std::string &created(const std::string &folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  require(!error, "{}: cannot create the folder: {}", folder, error.message());
  return folder;
}

} // namespace

RecordSetWriter::RecordSetWriter(const std::string &folder)
    : folder(created(folder)), records(started("train.rec")),
      index(started("train.idx")) {}

RecordSetWriter::~RecordSetWriter() {
  std::error_code ignored;
  for (const char *name : names)
    fs::remove(started(name), ignored);
}

void RecordSetWriter::put(uint64_t key) {
  uint64_t offset = records.write(record);
  written = offset + record.size();
  index << key << '\t' << offset << '\n';
}

void RecordSetWriter::add(int64_t label, std::span<const uint8_t> image) {
  int64_t last = labels.empty() ? -1 : labels.back();
  require(label >= 0 && label >= last,
          "{}: label {} after {}; labels must be >= 0 and grouped", folder,
          label, last);
  uint64_t key = labels.size() + 1;
  if (label != last)
    firstKeys.push_back(key);
  labels.push_back(label);
  formatImageRecord(record, static_cast<float>(label), key, image);
  put(key);
}

void RecordSetWriter::finish(int height, int width) {
  require(!labels.empty(), "{}: no image to write", folder);
  uint64_t firstHeader = labels.size() + 1;
  uint64_t endHeader = firstHeader + firstKeys.size();
  firstKeys.push_back(firstHeader);
  for (size_t i = 0; i + 1 < firstKeys.size(); ++i) {
    formatHeaderRecord(record, static_cast<float>(firstKeys[i]),
                       static_cast<float>(firstKeys[i + 1]), firstHeader + i,
                       0);
    put(firstHeader + i);
  }
  formatHeaderRecord(record, static_cast<float>(firstHeader),
                     static_cast<float>(endHeader), 0, 1);
  put(0);
  records.close();
  index.close();
  require(index.good(), "{}: cannot write", started("train.idx"));
  if (labels.back() >= firstInexactLabel)
    RecordLabels::write(started("train.labels"), labels);
  std::ofstream property(started("property"));
  property << labels.back() + 1 << ',' << height << ',' << width << '\n';
  property.close();
  require(property.good(), "{}: cannot write", started("property"));
  replaceSet();
}

/// Without an index for a moment, the set that is there is no mixture. A label
/// file of an earlier one would contradict the new.
void RecordSetWriter::replaceSet() const {
  fs::remove(file("train.idx"));
  fs::remove(file("train.labels"));
  for (const char *name : names)
    if (fs::exists(started(name)))
      fs::rename(started(name), file(name));
}

} // namespace pfc::rt::data

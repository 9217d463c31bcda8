//===- RecordDataset.h - train.rec, train.idx, property, labels -*- C++ -*-===//
//
// The InsightFace layout. Beside X.rec may lie:
//
//   X.idx      the index; without it the file is scanned once
//   X.labels   int64 labels (RecordLabels.h), when float32 can't hold them
//   property   "identities,height,width"
//
// With an index, key 0 decides: if it is an identity header (flag > 0), the
// images are keys 1 .. label[0]-1 and the rest are identity headers; else
// every key is an image.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DATA_RECORDDATASET_H
#define PFC_RUNTIME_DATA_RECORDDATASET_H

#include "runtime/data/Dataset.h"
#include "runtime/data/RecordIndex.h"
#include "runtime/data/RecordLabels.h"
#include "runtime/data/RecordPayload.h"

#include <optional>

namespace pfc::rt::data {

/// The text file `property`.
struct Property {
  int64_t classes;
  int height, width;
};

/// Reads `property`; none when the file doesn't exist.
std::optional<Property> readProperty(const std::string &path);

class RecordDataset : public Dataset {
public:
  explicit RecordDataset(const std::string &path);

  int64_t size() const override { return static_cast<int64_t>(offsets.size()); }
  int64_t classes() const override { return stated ? stated->classes : -1; }
  int64_t label(int64_t i) const override;
  std::span<const uint8_t>
  encoded(int64_t i, std::vector<uint8_t> &scratch) const override;
  std::string where(int64_t i) const override;
  void checkIntact() const override;
  bool labelsAtHand() const override { return labels.has_value(); }
  const std::vector<std::string> &damage() const override { return broken; }

  const std::optional<Property> &property() const { return stated; }
  uint64_t offset(int64_t i) const { return offsets[i]; }
  bool hasIndex() const { return indexed; }
  bool hasLabelFile() const { return labels.has_value(); }
  const std::string &path() const { return reader.path(); }

private:
  RecordPayload payload(int64_t i, std::vector<uint8_t> &scratch) const;
  uint64_t key(int64_t i) const {
    return keys.empty() ? firstKey + static_cast<uint64_t>(i) : keys[i];
  }
  void checkEnd(const std::string &index,
                const std::vector<RecordEntry> &entries);
  void useIndex(const std::string &path);
  bool isHeaderAt(uint64_t offset) const;
  size_t endOfImages(const std::vector<RecordEntry> &entries,
                     const RecordPayload &zero) const;
  void take(std::span<const RecordEntry> images);

  RecordReader reader;
  std::vector<uint64_t> offsets;
  std::vector<uint64_t> keys; ///< empty when they count up from firstKey
  uint64_t firstKey = 1;
  bool indexed = false;
  std::optional<Property> stated;
  std::optional<RecordLabels> labels;
  std::vector<std::string> broken;
};

} // namespace pfc::rt::data

#endif // PFC_RUNTIME_DATA_RECORDDATASET_H

//===- RecordSetWriter.h - Writes train.rec and its companions --*- C++ -*-===//
//
// The InsightFace order (its rec_builder): images at keys 1..N grouped by
// identity; one header a identity at keys N+1..N+P with the half-open key
// range of its images; key 0, written last, with [N+1, N+P+1). Plus train.idx,
// `property`, and train.labels when a label is beyond float32.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DATA_RECORDSETWRITER_H
#define PFC_RUNTIME_DATA_RECORDSETWRITER_H

#include "runtime/data/RecordIo.h"

#include <fstream>

namespace pfc::rt::data {

class RecordSetWriter {
public:
  /// Creates `folder` and starts train.rec and train.idx in it, under other
  /// names: a set that is there stays until finish().
  explicit RecordSetWriter(const std::string &folder);
  ~RecordSetWriter();
  RecordSetWriter(const RecordSetWriter &) = delete;

  /// Appends an image. Labels must not decrease: images are grouped.
  void add(int64_t label, std::span<const uint8_t> image);

  /// Writes the headers and companions. The set has last label + 1 classes.
  void finish(int height, int width);

  int64_t images() const { return static_cast<int64_t>(labels.size()); }
  uint64_t bytes() const { return written; }

private:
  void put(uint64_t key);
  void replaceSet() const;
  std::string file(const char *name) const { return folder + "/" + name; }
  std::string started(const char *name) const { return file(name) + ".tmp"; }

  std::string folder;
  RecordWriter records;
  std::ofstream index;
  std::vector<uint8_t> record;     ///< the record being put together
  std::vector<int64_t> labels;     ///< of all images so far
  std::vector<uint64_t> firstKeys; ///< first image of each identity
  uint64_t written = 0;
};

} // namespace pfc::rt::data

#endif // PFC_RUNTIME_DATA_RECORDSETWRITER_H

//===- RecordIndex.h - Where each record starts -----------------*- C++ -*-===//
//
// train.idx: text lines `key<TAB>byte offset`. A .rec file without one is
// scanned from front to back; a damaged stretch is reported and stepped over.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DATA_RECORDINDEX_H
#define PFC_RUNTIME_DATA_RECORDINDEX_H

#include "runtime/data/RecordIo.h"

#include <cstdint>
#include <string>
#include <vector>

namespace pfc::rt::data {

struct RecordEntry {
  uint64_t key;
  uint64_t offset;
};

/// Reads an index file; entries come back sorted by key. Throws an Error that
/// names the line on anything that isn't an index.
std::vector<RecordEntry> readIndex(const std::string &path);

struct ScanResult {
  /// Image records in file order; the key is the record's own id.
  std::vector<RecordEntry> images;
  /// One line for each stretch that couldn't be read.
  std::vector<std::string> damage;
};

/// Finds the image records of a file that has no index.
ScanResult scanRecords(const RecordReader &reader);

} // namespace pfc::rt::data

#endif // PFC_RUNTIME_DATA_RECORDINDEX_H

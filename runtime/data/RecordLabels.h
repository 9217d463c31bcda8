//===- RecordLabels.h - int64 labels beside a .rec file ---------*- C++ -*-===//
//
// RecordIO keeps labels as float32, which is exact up to 2^24 only. A set with
// more identities carries X.labels beside X.rec, little-endian:
//
//   8 bytes  "PFCLABEL"
//   u64      n, the number of image records
//   n int64  the label of image i, images in the order of their keys
//
// When the file is there, the labels inside the records aren't looked at.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DATA_RECORDLABELS_H
#define PFC_RUNTIME_DATA_RECORDLABELS_H

#include "runtime/data/MappedFile.h"

#include <cstdint>
#include <string>
#include <vector>

namespace pfc::rt::data {

class RecordLabels {
public:
  /// Maps the file; throws an Error unless it holds exactly `count` labels.
  RecordLabels(const std::string &path, int64_t count);

  /// The label of image `i`; throws BadRecord when it is negative.
  int64_t at(int64_t i) const;

  /// Throws an Error when the file was damaged after it was mapped.
  void checkIntact() const { file.checkIntact(); }

  static void write(const std::string &path,
                    const std::vector<int64_t> &labels);

private:
  MappedFile file;
  const uint8_t *first;
};

} // namespace pfc::rt::data

#endif // PFC_RUNTIME_DATA_RECORDLABELS_H

//===- Dataset.h - Labelled images by number --------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_DATA_DATASET_H
#define PFC_RUNTIME_DATA_DATASET_H

#include "runtime/data/BadRecord.h"
#include "runtime/data/ImageCodec.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace pfc::rt::data {

/// Images 0 .. size()-1 in a fixed order, each with an identity label. All
/// const functions are thread-safe. What is wrong with a single image is
/// thrown as BadRecord whose message says where it is.
class Dataset {
public:
  virtual ~Dataset() = default;

  virtual int64_t size() const = 0;

  /// How many identities the set says it has; -1 when it doesn't say.
  virtual int64_t classes() const = 0;

  virtual int64_t label(int64_t i) const = 0;

  /// The encoded file of image `i`: a view into the set, or into `scratch`.
  virtual std::span<const uint8_t>
  encoded(int64_t i, std::vector<uint8_t> &scratch) const = 0;

  /// Where image `i` is stored, for messages: file, offset, key.
  virtual std::string where(int64_t i) const = 0;

  /// Throws an Error when the set's files were damaged after it was opened.
  virtual void checkIntact() const {}

  /// Whether label() only looks into memory.
  virtual bool labelsAtHand() const { return true; }

  /// One line for each part of the set that was unreadable on opening, and so
  /// has no number.
  virtual const std::vector<std::string> &damage() const = 0;

  /// Decodes image `i` into `out`, which holds shape.bytes().
  virtual void decode(int64_t i, ImageShape shape,
                      std::span<uint8_t> out) const;
};

/// Opens a data set by what `path` is: a folder with a train.rec, a .rec file,
/// or a folder with one sub-folder of images an identity.
std::shared_ptr<const Dataset> openDataset(const std::string &path);

} // namespace pfc::rt::data

#endif // PFC_RUNTIME_DATA_DATASET_H

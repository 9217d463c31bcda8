//===- SyntheticDataset.h - Images of noise, made in memory -----*- C++ -*-===//
//
// For measuring: what a set of a given size costs to train on, before it is
// there. Image i is a piece of one block of random bytes, its label a random
// class; both are functions of (seed, i). So an image is as cheap as copying
// it, at any number of images.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DATA_SYNTHETICDATASET_H
#define PFC_RUNTIME_DATA_SYNTHETICDATASET_H

#include "runtime/base/Philox.h"
#include "runtime/data/Dataset.h"

namespace pfc::rt::data {

class SyntheticDataset : public Dataset {
public:
  /// `images` images of `shape`, with labels in [0, classes).
  SyntheticDataset(ImageShape shape, int64_t images, int64_t classes,
                   uint64_t seed);

  int64_t size() const override { return images; }
  int64_t classes() const override { return identities; }
  int64_t label(int64_t i) const override;
  /// A PNG.
  std::span<const uint8_t>
  encoded(int64_t i, std::vector<uint8_t> &scratch) const override;
  std::string where(int64_t i) const override;
  /// They are right, and may be more than anybody has time for.
  bool labelsAtHand() const override { return false; }
  const std::vector<std::string> &damage() const override { return none; }
  void decode(int64_t i, ImageShape shape,
              std::span<uint8_t> out) const override;

private:
  PhiloxBlock draw(int64_t i) const;
  std::span<const uint8_t> pixels(int64_t i) const;

  ImageShape shape;
  int64_t images, identities;
  uint64_t seed;
  std::vector<uint8_t> noise;
  std::vector<std::string> none;
};

} // namespace pfc::rt::data

#endif // PFC_RUNTIME_DATA_SYNTHETICDATASET_H

//===- Random.h - One image's random numbers --------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_DATA_GLYPHS_RANDOM_H
#define PFC_RUNTIME_DATA_GLYPHS_RANDOM_H

#include "runtime/base/Philox.h"

#include <string_view>
#include <vector>

namespace pfc::rt::data::glyphs {

/// FNV-1a: a number for a name or word that doesn't depend on its table.
inline uint32_t hashOf(std::string_view text) {
  uint32_t hash = 2166136261u;
  for (char c : text)
    hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  return hash;
}

/// The Philox stream of (seed, identity, design, copy): an image looks the
/// same whichever thread draws it and whatever else is drawn.
class Random {
public:
  Random(uint64_t seed, uint32_t identity, uint32_t design, uint32_t copy)
      : seed(seed), identity(identity), design(design), draw(copy << 16) {}

  uint32_t next() {
    if (used == 4) {
      block = philox(seed, RandomPurpose::Glyphs, draw++, identity, design);
      used = 0;
    }
    return block[used++];
  }

  double range(double low, double high) {
    return low + (high - low) * unitFloat(next());
  }

  /// A whole number in [0, n).
  uint32_t below(uint32_t n) {
    return static_cast<uint32_t>(uint64_t{next()} * n >> 32);
  }

private:
  uint64_t seed;
  uint32_t identity, design, draw;
  PhiloxBlock block{};
  unsigned used = 4;
};

/// One of `from`, which is not empty.
template <typename T>
const T &pick(const std::vector<T> &from, Random &random) {
  return from[random.below(static_cast<uint32_t>(from.size()))];
}

} // namespace pfc::rt::data::glyphs

#endif // PFC_RUNTIME_DATA_GLYPHS_RANDOM_H

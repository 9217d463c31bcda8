//===- Shuffle.h - A seeded permutation by formula --------------*- C++ -*-===//
//
// Position -> sample without a table: a balanced Feistel network over the
// smallest even-bit domain that holds n, with Philox as its round function;
// values past n walk on until they fall inside ("cycle walking": Black and
// Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002). It takes
// O(1) memory at any n, and any position of any epoch costs the same, so a run
// resumes anywhere at once.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DATA_SHUFFLE_H
#define PFC_RUNTIME_DATA_SHUFFLE_H

#include "runtime/base/Philox.h"

#include <cstdint>

namespace pfc::rt::data {

class Permutation {
public:
  /// The permutation of 0 .. n-1 that (seed, epoch) names; 1 <= n < 2^62.
  Permutation(uint64_t n, uint64_t seed, uint32_t epoch)
      : n(n), seed(seed), epoch(epoch) {
    while (halfBits < 31 && (uint64_t{1} << 2 * halfBits) < n)
      ++halfBits;
  }

  uint64_t operator()(uint64_t position) const {
    do
      position = encrypt(position);
    while (position >= n);
    return position;
  }

private:
  static constexpr uint32_t rounds = 8;

  uint64_t encrypt(uint64_t value) const {
    uint32_t mask = (uint32_t{1} << halfBits) - 1;
    uint32_t left = static_cast<uint32_t>(value >> halfBits);
    uint32_t right = static_cast<uint32_t>(value) & mask;
    for (uint32_t round = 0; round < rounds; ++round) {
      uint32_t mixed =
          philox(seed, RandomPurpose::Shuffle, right, epoch, round)[0];
      uint32_t next = left ^ (mixed & mask);
      left = right;
      right = next;
    }
    return uint64_t{left} << halfBits | right;
  }

  uint64_t n, seed;
  uint32_t epoch;
  unsigned halfBits = 1;
};

} // namespace pfc::rt::data

#endif // PFC_RUNTIME_DATA_SHUFFLE_H

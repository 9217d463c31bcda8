//===- ClassPermutation.h - A seeded order of classes by formula -*- C++
//-*-===//
//
// A permutation π of 0 … count−1, each place in O(1), with no table: an
// unbalanced Feistel network over the bits of the largest shard, whose round
// function is murmur3's finalizer (A. Appleby) of a half and a round key;
// values past `count` walk on until they fall inside (Black and Rogaway,
// "Ciphers with arbitrary finite domains", CT-RSA 2002). As an order to draw
// from without replacement: Mitchell et al., "Bandwidth-optimal random
// shuffling for GPUs", ACM TOPC 9(1). The kernels the compiler generates
// evaluate the same function.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_BASE_CLASSPERMUTATION_H
#define PFC_RUNTIME_BASE_CLASSPERMUTATION_H

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace pfc::rt {

class ClassPermutation {
public:
  static constexpr int64_t maxShard = int64_t{1} << 30;

  /// How the bits of a class are halved where the largest shard has `shardSize`
  /// classes, at most maxShard: {left, right}, at least one bit each.
  static std::array<unsigned, 2> halves(int64_t shardSize) {
    unsigned bits = std::max<unsigned>(
        2, std::bit_width(static_cast<uint64_t>(shardSize - 1)));
    return {bits / 2, bits - bits / 2};
  }

  /// Of 0 … count−1, 1 <= count <= shardSize; `keys` name it.
  ClassPermutation(int64_t shardSize, int64_t count,
                   std::array<uint32_t, 2> keys)
      : count(static_cast<uint32_t>(count)), keys(keys) {
    auto [left, right] = halves(shardSize);
    rightBits = right;
    leftMask = (uint32_t{1} << left) - 1;
    rightMask = (uint32_t{1} << right) - 1;
  }

  /// π(position)
  uint32_t operator()(uint32_t position) const {
    do
      position = forth(position);
    while (position >= count);
    return position;
  }

private:
  static constexpr uint32_t doubleRounds = 6;

  static uint32_t mixed(uint32_t word) {
    word = (word ^ word >> 16) * 0x85EBCA6Bu;
    word = (word ^ word >> 13) * 0xC2B2AE35u;
    return word ^ word >> 16;
  }
  uint32_t key(int half, uint32_t round) const {
    return keys[half] + round * (half == 0 ? 0x9E3779B9u : 0xBB67AE85u);
  }

  uint32_t forth(uint32_t value) const {
    uint32_t left = value >> rightBits, right = value & rightMask;
    for (uint32_t round = 0; round < doubleRounds; ++round) {
      left ^= mixed(right + key(0, round)) & leftMask;
      right ^= mixed(left + key(1, round)) & rightMask;
    }
    return left << rightBits | right;
  }

  uint32_t count;
  std::array<uint32_t, 2> keys;
  unsigned rightBits;
  uint32_t leftMask, rightMask;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_BASE_CLASSPERMUTATION_H

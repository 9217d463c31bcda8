//===- Philox.h - Counter-based random numbers ------------------*- C++ -*-===//
//
// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
// SC'11). A value is a pure function of (seed, purpose, where), so a step can
// be repeated, resumed, or run at another world size and draw the same numbers.
// The kernels the compiler generates evaluate the same function.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_BASE_PHILOX_H
#define PFC_RUNTIME_BASE_PHILOX_H

#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace pfc::rt {

/// What a stream of random numbers is for: the fourth counter word, so that
/// no two uses of one seed ever share numbers. Values are part of the plan's
/// meaning: never renumber.
enum class RandomPurpose : uint32_t {
  Initialize = 1,    ///< counter: (column/4, row low, row high), key ^= FNV-1a
  SampleCenters = 2, ///< counter: (local class/4, step, rank)
  Dropout = 3,       ///< counter: (global element/4, step, layer)
  Shuffle = 4,       ///< counter: (half index, epoch, round)
  Flip = 5,          ///< counter: (sample low, sample high, epoch)
  Glyphs = 6,        ///< counter: (draw, identity, design)
  RoundCenters = 7,  ///< counter: (class low, class high, step)
  ProbeNoise = 8,    ///< counter: (probe, place in the embedding)
  DropPath = 9,      ///< counter: (global image/4, step, layer)
  SampleTokens = 10, ///< counter: (global token/4, step)
  Synthetic = 11,    ///< counter: (image low, high, 0) or (byte/16, 0, 1)
};

using PhiloxBlock = std::array<uint32_t, 4>;

/// The ten-round Philox 4x32 bijection of `counter` under the 64-bit `key`.
inline PhiloxBlock philox4x32(uint64_t key, PhiloxBlock counter) {
  uint32_t k0 = static_cast<uint32_t>(key);
  uint32_t k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    uint64_t p0 = uint64_t{0xD2511F53u} * counter[0];
    uint64_t p1 = uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ k0,
               static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ k1,
               static_cast<uint32_t>(p0)};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return counter;
}

inline PhiloxBlock philox(uint64_t seed, RandomPurpose purpose, uint32_t c0,
                          uint32_t c1, uint32_t c2) {
  return philox4x32(seed, {c0, c1, c2, static_cast<uint32_t>(purpose)});
}

/// The FNV-1a hash of a name, 64 bits.
constexpr uint64_t fnv1a64(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (char c : text)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return hash;
}

/// A bijection of words after which each bit depends on all (lowbias32 of
/// C. Wellons' hash-prospector): many numbers of one word of Philox.
inline uint32_t mixBits(uint32_t word) {
  word = (word ^ word >> 16) * 0x7FEB352Du;
  word = (word ^ word >> 15) * 0x846CA68Bu;
  return word ^ word >> 16;
}

/// A word as a float in [0, 1): 24 bits.
inline float unitFloat(uint32_t word) { return (word >> 8) * 0x1p-24f; }

} // namespace pfc::rt

#endif // PFC_RUNTIME_BASE_PHILOX_H

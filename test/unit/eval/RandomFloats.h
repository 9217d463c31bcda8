//===- RandomFloats.h - What the oracles in Python draw, too ----*- C++ -*-===//
#ifndef PFC_TEST_UNIT_EVAL_RANDOMFLOATS_H
#define PFC_TEST_UNIT_EVAL_RANDOMFLOATS_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pfc::rt {

/// splitmix64, top 24 bits as a float in [-1, 1).
inline std::vector<float> randomFloats(uint64_t seed, size_t count) {
  std::vector<float> result(count);
  for (float &value : result) {
    uint64_t z = seed += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    value = static_cast<float>(z >> 40) * 0x1p-23f - 1.0f;
  }
  return result;
}

} // namespace pfc::rt

#endif // PFC_TEST_UNIT_EVAL_RANDOMFLOATS_H

//===- Bfloat16.h - bf16 <-> fp32 on the host -------------------*- C++ -*-===//
//
// bf16 is the upper half of an IEEE-754 binary32: 8 bits of exponent, 7 of
// fraction.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_BASE_BFLOAT16_H
#define PFC_RUNTIME_BASE_BFLOAT16_H

#include <bit>
#include <cstdint>

namespace pfc::rt {

inline float bfloat16ToFloat(uint16_t bits) {
  return std::bit_cast<float>(uint32_t{bits} << 16);
}

/// Rounds to nearest, ties to even; NaN stays NaN.
inline uint16_t floatToBfloat16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u)
    return static_cast<uint16_t>(bits >> 16 | 0x40u);
  return static_cast<uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1)) >> 16);
}

} // namespace pfc::rt

#endif // PFC_RUNTIME_BASE_BFLOAT16_H

//===- Float16.h - fp16 <-> fp32 on the host --------------------*- C++ -*-===//
//
// fp16 is IEEE-754 binary16: 5 bits of exponent, 10 of fraction, subnormals.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_BASE_FLOAT16_H
#define PFC_RUNTIME_BASE_FLOAT16_H

#include <bit>
#include <cstdint>

namespace pfc::rt {

inline float float16ToFloat(uint16_t bits) {
  uint32_t sign = uint32_t{bits} >> 15 << 31, magnitude = bits & 0x7FFFu;
  uint32_t wide;
  if (magnitude >= 0x7C00u) // infinity or NaN
    wide = 0x7F800000u | (magnitude & 0x3FFu) << 13;
  else if (magnitude < 0x400u) // zero or subnormal: a multiple of 2^-24
    wide = std::bit_cast<uint32_t>(static_cast<float>(magnitude) * 0x1p-24f);
  else
    wide = (magnitude << 13) + 0x38000000u;
  return std::bit_cast<float>(sign | wide);
}

/// Rounds to nearest, ties to even; 65520 and more become infinity; NaN stays
/// NaN.
inline uint16_t floatToFloat16(float value) {
  uint32_t wide = std::bit_cast<uint32_t>(value);
  uint32_t sign = wide >> 16 & 0x8000u, magnitude = wide & 0x7FFFFFFFu;
  uint32_t half;
  if (magnitude > 0x7F800000u)
    half = 0x7E00u;
  else if (magnitude >= 0x47800000u) // 65536
    half = 0x7C00u;
  else if (magnitude < 0x38800000u) // 2^-14: the sum is rounded to 2^-24
    half = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) -
           0x3F000000u;
  else
    half = (magnitude - 0x38000000u + 0xFFFu + (magnitude >> 13 & 1u)) >> 13;
  return static_cast<uint16_t>(sign | half);
}

} // namespace pfc::rt

#endif // PFC_RUNTIME_BASE_FLOAT16_H

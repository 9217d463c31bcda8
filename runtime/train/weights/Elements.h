//===- Elements.h - Other programs' element types ---------------*- C++ -*-===//
//
// Private to the readers of weights.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_WEIGHTS_ELEMENTS_H
#define PFC_RUNTIME_TRAIN_WEIGHTS_ELEMENTS_H

#include "runtime/base/Bfloat16.h"
#include "runtime/base/Float16.h"

#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

namespace pfc::rt {

/// Elements of type From, not aligned, as elements of type To.
template <typename To, typename From, typename Convert>
std::vector<std::byte> convertElements(std::span<const uint8_t> from,
                                       Convert convert) {
  size_t count = from.size() / sizeof(From);
  std::vector<std::byte> result(count * sizeof(To));
  for (size_t i = 0; i < count; ++i) {
    From element;
    std::memcpy(&element, from.data() + i * sizeof(From), sizeof(From));
    To value = convert(element);
    std::memcpy(result.data() + i * sizeof(To), &value, sizeof(To));
  }
  return result;
}

inline std::vector<std::byte> floatsFromHalf(std::span<const uint8_t> from) {
  return convertElements<float, uint16_t>(from, float16ToFloat);
}
inline std::vector<std::byte>
floatsFromBfloat16(std::span<const uint8_t> from) {
  return convertElements<float, uint16_t>(from, bfloat16ToFloat);
}
inline std::vector<std::byte> floatsFromDouble(std::span<const uint8_t> from) {
  return convertElements<float, double>(
      from, [](double value) { return static_cast<float>(value); });
}

inline std::vector<std::byte> sameBytes(std::span<const uint8_t> from) {
  auto bytes = std::as_bytes(from);
  return {bytes.begin(), bytes.end()};
}

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_WEIGHTS_ELEMENTS_H

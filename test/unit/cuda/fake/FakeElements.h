//===- FakeElements.h - Elements of a buffer as float64 ---------*- C++ -*-===//
#ifndef PFC_TEST_UNIT_CUDA_FAKE_FAKEELEMENTS_H
#define PFC_TEST_UNIT_CUDA_FAKE_FAKEELEMENTS_H

#include "runtime/base/Bfloat16.h"

#include <cstdint>
#include <cstring>

namespace fakecuda {

enum class Element { F32, BF16, F16 };

inline double load(const void *data, uint64_t index, Element element) {
  auto as = [&]<typename T>(T value) {
    std::memcpy(&value, static_cast<const T *>(data) + index, sizeof value);
    return value;
  };
  if (element == Element::F32)
    return as(float{});
  return element == Element::BF16 ? pfc::rt::bfloat16ToFloat(as(uint16_t{}))
                                  : static_cast<float>(as(_Float16{}));
}

inline void store(void *data, uint64_t index, Element element, double value) {
  auto put = [&]<typename T>(T stored) {
    std::memcpy(static_cast<T *>(data) + index, &stored, sizeof stored);
  };
  if (element == Element::F32)
    put(static_cast<float>(value));
  else if (element == Element::BF16)
    put(pfc::rt::floatToBfloat16(static_cast<float>(value)));
  else
    put(static_cast<_Float16>(value));
}

} // namespace fakecuda

#endif // PFC_TEST_UNIT_CUDA_FAKE_FAKEELEMENTS_H

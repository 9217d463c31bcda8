#include "runtime/comm/Sums.h"

#include "runtime/base/Bfloat16.h"
#include "runtime/base/Error.h"

#include <algorithm>

namespace pfc::rt {
namespace {

template <typename T>
void sumPlain(const T *parts, int partCount, int64_t count, T *target) {
  std::copy_n(parts, count, target);
  for (int part = 1; part < partCount; ++part) {
    const T *addend = parts + part * count;
    for (int64_t i = 0; i < count; ++i)
      target[i] += addend[i];
  }
}

void sumBfloat16(const uint16_t *parts, int partCount, int64_t count,
                 uint16_t *target) {
  for (int64_t i = 0; i < count; ++i) {
    float sum = bfloat16ToFloat(parts[i]);
    for (int part = 1; part < partCount; ++part)
      sum += bfloat16ToFloat(parts[part * count + i]);
    target[i] = floatToBfloat16(sum);
  }
}

} // namespace

void sumInOrder(const std::byte *parts, int partCount, int64_t count,
                plan::fb::DType dtype, std::byte *target) {
  switch (dtype) {
  case plan::fb::DType_F32:
    return sumPlain(reinterpret_cast<const float *>(parts), partCount, count,
                    reinterpret_cast<float *>(target));
  case plan::fb::DType_I64:
    return sumPlain(reinterpret_cast<const int64_t *>(parts), partCount, count,
                    reinterpret_cast<int64_t *>(target));
  case plan::fb::DType_BF16:
    return sumBfloat16(reinterpret_cast<const uint16_t *>(parts), partCount,
                       count, reinterpret_cast<uint16_t *>(target));
  default:
    fail("no sum over ranks of {}", plan::fb::EnumNameDType(dtype));
  }
}

} // namespace pfc::rt

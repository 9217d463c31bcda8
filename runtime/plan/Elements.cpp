#include "runtime/plan/Elements.h"

#include "runtime/base/Bfloat16.h"
#include "runtime/base/Error.h"
#include "runtime/base/Float16.h"

#include <cstring>

namespace pfc::rt {

double elementAt(const std::byte *bytes, plan::fb::DType dtype, size_t index) {
  auto as = [&]<typename T>(T value) {
    std::memcpy(&value, bytes + index * sizeof value, sizeof value);
    return value;
  };
  switch (dtype) {
  case plan::fb::DType_F32:
    return as(float{});
  case plan::fb::DType_BF16:
    return bfloat16ToFloat(as(uint16_t{}));
  case plan::fb::DType_F16:
    return float16ToFloat(as(uint16_t{}));
  case plan::fb::DType_I64:
    return static_cast<double>(as(int64_t{}));
  case plan::fb::DType_I32:
    return as(int32_t{});
  case plan::fb::DType_U8:
    return as(uint8_t{});
  }
  fail("no element type {}", static_cast<int>(dtype));
}

std::vector<double> toDoubles(const std::byte *bytes, plan::fb::DType dtype,
                              size_t count) {
  std::vector<double> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = elementAt(bytes, dtype, i);
  return values;
}

} // namespace pfc::rt

#include "runtime/plan/Shape.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace pfc::rt {

const char *dtypeName(plan::fb::DType dtype) {
  switch (dtype) {
  case plan::fb::DType_F32:
    return "f32";
  case plan::fb::DType_BF16:
    return "bf16";
  case plan::fb::DType_F16:
    return "f16";
  case plan::fb::DType_I64:
    return "i64";
  case plan::fb::DType_I32:
    return "i32";
  case plan::fb::DType_U8:
    return "u8";
  }
  return "?";
}

std::string shapeText(const flatbuffers::Vector<int64_t> &shape,
                      plan::fb::DType dtype) {
  if (shape.size() == 0)
    return fmt::format("scalar {}", dtypeName(dtype));
  return fmt::format("{} {}", fmt::join(shape, "x"), dtypeName(dtype));
}

std::optional<int64_t>
checkedElements(const flatbuffers::Vector<int64_t> &shape) {
  int64_t elements = 1;
  for (int64_t extent : shape)
    if (extent <= 0 || __builtin_mul_overflow(elements, extent, &elements))
      return std::nullopt;
  return elements;
}

std::string bytesText(uint64_t bytes) {
  if (bytes < 1024)
    return fmt::format("{} bytes", bytes);
  double value = static_cast<double>(bytes) / 1024;
  for (const char *unit : {"KiB", "MiB", "GiB"}) {
    if (value < 1024)
      return fmt::format("{:.1f} {}", value, unit);
    value /= 1024;
  }
  return fmt::format("{:.1f} TiB", value);
}

std::string fittingAdvice(uint64_t bytes, uint64_t besides) {
  const uint64_t arena = bytes > besides ? bytes - besides : 0;
  const double tenths = std::floor(static_cast<double>(arena) * 10 / 0x1p30);
  return fmt::format("compile it with cluster.memory_per_rank = {:.1f}, which "
                     "recomputes what has to be or says what else would fit",
                     std::max(tenths, 1.0) / 10);
}

} // namespace pfc::rt

//===- Shape.h - Element types, element counts, overflow checks -*- C++ -*-===//
#ifndef PFC_RUNTIME_PLAN_SHAPE_H
#define PFC_RUNTIME_PLAN_SHAPE_H

#include "runtime/plan/plan_generated.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pfc::rt {

/// Bytes of an element; 0 for a value that is no element type.
constexpr uint64_t byteWidth(plan::fb::DType dtype) {
  switch (dtype) {
  case plan::fb::DType_F32:
  case plan::fb::DType_I32:
    return 4;
  case plan::fb::DType_BF16:
  case plan::fb::DType_F16:
    return 2;
  case plan::fb::DType_I64:
    return 8;
  case plan::fb::DType_U8:
    return 1;
  }
  return 0;
}

/// "f32", "bf16", ...
const char *dtypeName(plan::fb::DType dtype);

/// "64x56x56x3 f32"
std::string shapeText(const flatbuffers::Vector<int64_t> &shape,
                      plan::fb::DType dtype);

/// Product of positive extents; nothing when an extent is not positive or the
/// product overflows.
std::optional<int64_t>
checkedElements(const flatbuffers::Vector<int64_t> &shape);

/// Elements times the byte width, for a plan that was validated.
inline uint64_t byteSize(const flatbuffers::Vector<int64_t> &shape,
                         plan::fb::DType dtype) {
  return static_cast<uint64_t>(checkedElements(shape).value()) *
         byteWidth(dtype);
}

inline std::vector<int64_t>
toVector(const flatbuffers::Vector<int64_t> &shape) {
  return {shape.begin(), shape.end()};
}

/// "1.5 GiB", "12.0 KiB", "17 bytes"
std::string bytesText(uint64_t bytes);

/// What to do where a plan's arena may have `bytes` of the memory there is,
/// less `besides`: "compile it with cluster.memory_per_rank = 7.9, which …".
std::string fittingAdvice(uint64_t bytes, uint64_t besides);

} // namespace pfc::rt

#endif // PFC_RUNTIME_PLAN_SHAPE_H

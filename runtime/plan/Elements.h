//===- Elements.h - A buffer's elements as numbers --------------*- C++ -*-===//
#ifndef PFC_RUNTIME_PLAN_ELEMENTS_H
#define PFC_RUNTIME_PLAN_ELEMENTS_H

#include "runtime/plan/plan_generated.h"

#include <cstddef>
#include <vector>

namespace pfc::rt {

/// Element `index` of those at `bytes`, whatever their type; integers beyond
/// 2^53 are rounded.
double elementAt(const std::byte *bytes, plan::fb::DType dtype, size_t index);

/// The first `count` of them.
std::vector<double> toDoubles(const std::byte *bytes, plan::fb::DType dtype,
                              size_t count);

} // namespace pfc::rt

#endif // PFC_RUNTIME_PLAN_ELEMENTS_H

//===- Sums.h - Sums in rank order ------------------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_COMM_SUMS_H
#define PFC_RUNTIME_COMM_SUMS_H

#include "runtime/plan/plan_generated.h"

#include <cstddef>
#include <cstdint>

namespace pfc::rt {

/// target[i] = parts[0][i] + parts[1][i] + ... in that order, where part p
/// starts at parts + p * count elements. bf16 is summed in fp32 and rounded
/// once. `target` does not overlap `parts`.
void sumInOrder(const std::byte *parts, int partCount, int64_t count,
                plan::fb::DType dtype, std::byte *target);

} // namespace pfc::rt

#endif // PFC_RUNTIME_COMM_SUMS_H

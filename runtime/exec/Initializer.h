//===- Initializer.h - Where persistent state starts ------------*- C++ -*-===//
//
// An element is a function of (seed, variable name, global row, column), so
// state starts the same at any world size: a class center is the same whichever
// rank holds it. Rows are dimension 0, columns all others.
//
//   key     = seed XOR fnv1a64(name)
//   block   = philox(key, Initialize, column / 4, row low, row high)
//   uniform : a + (b - a) * unit(word[column % 4])
//   normal  : a + b * Box-Muller of words (0, 1) and (2, 3):
//             r = sqrt(-2 ln u), u = 1 - unit(first) in (0, 1],
//             r cos(2 pi unit(second)), r sin(2 pi unit(second))
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_EXEC_INITIALIZER_H
#define PFC_RUNTIME_EXEC_INITIALIZER_H

#include "runtime/device/Device.h"
#include "runtime/plan/plan_generated.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pfc::rt {

/// Row `row` (global) of a variable with this initializer.
void initialRow(const plan::fb::Init &init, uint64_t key, int64_t row,
                int64_t columns, float *out);

/// Rows [first, first + count) (global) of a variable, as its elements.
std::vector<std::byte> initialRows(const plan::fb::Variable &variable,
                                   uint64_t seed, int64_t first, int64_t count,
                                   int64_t columns);

/// Rows from `first` on (global) of a variable that come from host memory:
/// those of zeros were never used, and get what they start with.
void makeUnusedRows(const plan::fb::Variable &variable, uint64_t seed,
                    int64_t first, std::span<std::byte> rows);

/// Fills the variable's storage `target` on `rank`; rows of a shard that the
/// rank does not use become zero.
void initializeVariable(const plan::fb::Variable &variable, uint64_t seed,
                        int rank, Device &device, BufferView target);

} // namespace pfc::rt

#endif // PFC_RUNTIME_EXEC_INITIALIZER_H

//===- Shards.h - Rows split as evenly as possible over ranks ---*- C++ -*-===//
#ifndef DIALECTS_PFC_REFERENCE_SHARDS_H
#define DIALECTS_PFC_REFERENCE_SHARDS_H

#include <algorithm>
#include <cstdint>

namespace pfc::reference {

/// The consecutive rows [first, first + count).
struct Shard {
  int64_t first, count;
  bool contains(int64_t row) const {
    return row >= first && row < first + count;
  }
};

/// Part `index` of `rows` = q·parts + m rows: the first m parts have q + 1.
inline Shard shardOf(int64_t rows, int64_t parts, int64_t index) {
  int64_t q = rows / parts, m = rows % parts;
  return {q * index + std::min(index, m), q + (index < m ? 1 : 0)};
}

} // namespace pfc::reference

#endif // DIALECTS_PFC_REFERENCE_SHARDS_H

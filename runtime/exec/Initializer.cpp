#include "runtime/exec/Initializer.h"

#include "runtime/base/Bfloat16.h"
#include "runtime/base/Error.h"
#include "runtime/base/ParallelFor.h"
#include "runtime/base/Philox.h"
#include "runtime/device/Processors.h"
#include "runtime/plan/RankInteger.h"
#include "runtime/plan/Shape.h"

#include <algorithm>
#include <cstring>
#include <numbers>

namespace pfc::rt {
namespace {

using plan::fb::Init;
using plan::fb::InitKind_Constant;
using plan::fb::InitKind_Normal;

/// Four draws of the initializer's distribution from one Philox block.
std::array<float, 4> draw(const plan::fb::Init &init,
                          const PhiloxBlock &words) {
  std::array<float, 4> values;
  if (init.kind() != InitKind_Normal) {
    for (int i = 0; i < 4; ++i)
      values[i] = init.a() + (init.b() - init.a()) * unitFloat(words[i]);
    return values;
  }
  for (int pair = 0; pair < 4; pair += 2) {
    float radius = std::sqrt(-2 * std::log(1 - unitFloat(words[pair])));
    float angle = 2 * std::numbers::pi_v<float> * unitFloat(words[pair + 1]);
    values[pair] = init.a() + init.b() * radius * std::cos(angle);
    values[pair + 1] = init.a() + init.b() * radius * std::sin(angle);
  }
  return values;
}

/// Writes floats to `out` as elements of `dtype`.
void convert(const std::vector<float> &values, plan::fb::DType dtype,
             std::byte *out) {
  for (size_t i = 0; i < values.size(); ++i) {
    switch (dtype) {
    case plan::fb::DType_F32:
      std::memcpy(out + 4 * i, &values[i], 4);
      break;
    case plan::fb::DType_BF16: {
      uint16_t bits = floatToBfloat16(values[i]);
      std::memcpy(out + 2 * i, &bits, 2);
      break;
    }
    case plan::fb::DType_I64: {
      int64_t integer = static_cast<int64_t>(values[i]);
      std::memcpy(out + 8 * i, &integer, 8);
      break;
    }
    default:
      fail("a variable of {} cannot be initialized", dtypeName(dtype));
    }
  }
}

} // namespace

void initialRow(const plan::fb::Init &init, uint64_t key, int64_t row,
                int64_t columns, float *out) {
  if (init.kind() == InitKind_Constant) {
    std::fill(out, out + columns, init.a());
    return;
  }
  uint64_t index = static_cast<uint64_t>(row);
  for (int64_t column = 0; column < columns; column += 4) {
    std::array<float, 4> values =
        draw(init, philox(key, RandomPurpose::Initialize,
                          static_cast<uint32_t>(column / 4),
                          static_cast<uint32_t>(index),
                          static_cast<uint32_t>(index >> 32)));
    std::copy_n(values.begin(), std::min<int64_t>(4, columns - column),
                out + column);
  }
}

std::vector<std::byte> initialRows(const plan::fb::Variable &variable,
                                   uint64_t seed, int64_t first, int64_t count,
                                   int64_t columns) {
  uint64_t key = seed ^ fnv1a64(variable.name()->string_view());
  const uint64_t rowBytes =
      static_cast<uint64_t>(columns) * byteWidth(variable.dtype());
  std::vector<std::byte> bytes(static_cast<uint64_t>(count) * rowBytes);
  constexpr int64_t rowsOfTask = 256;
  const int64_t tasks = (count + rowsOfTask - 1) / rowsOfTask;
  static const int processors = availableProcessors();
  const auto threads = static_cast<int>(std::min<int64_t>(processors, tasks));
  parallelFor(threads, tasks, [&](int, int64_t task) {
    std::vector<float> row(static_cast<size_t>(columns));
    const int64_t end = std::min(count, (task + 1) * rowsOfTask);
    for (int64_t i = task * rowsOfTask; i < end; ++i) {
      initialRow(*variable.init(), key, first + i, columns, row.data());
      convert(row, variable.dtype(),
              bytes.data() + static_cast<uint64_t>(i) * rowBytes);
    }
  });
  return bytes;
}

void makeUnusedRows(const plan::fb::Variable &variable, uint64_t seed,
                    int64_t first, std::span<std::byte> rows) {
  const Init &init = *variable.init();
  if (init.kind() == InitKind_Constant && init.a() == 0)
    return;
  int64_t columns = 1;
  for (size_t axis = 1; axis < variable.shape()->size(); ++axis)
    columns *= variable.shape()->Get(axis);
  const auto width = static_cast<size_t>(columns) * byteWidth(variable.dtype());
  for (size_t begin = 0; begin < rows.size(); begin += width) {
    std::span<std::byte> row = rows.subspan(begin, width);
    if (std::any_of(row.begin(), row.end(),
                    [](std::byte each) { return each != std::byte{}; }))
      continue;
    auto index = first + static_cast<int64_t>(begin / width);
    std::vector<std::byte> initial =
        initialRows(variable, seed, index, 1, columns);
    std::copy(initial.begin(), initial.end(), row.begin());
  }
}

void initializeVariable(const plan::fb::Variable &variable, uint64_t seed,
                        int rank, Device &device, BufferView target) {
  int64_t rows = target.shape.empty() ? 1 : target.shape[0];
  int64_t columns = target.elements() / rows;
  int64_t first = 0, used = rows;
  if (const plan::fb::RowShard *shard = variable.shard()) {
    first = rankInteger(*shard->first(), rank);
    used = rankInteger(*shard->count(), rank);
  }
  // A block of rows at a time: a shard can be most of the machine's memory.
  int64_t block = std::clamp<int64_t>((1 << 22) / columns, 1, rows);
  uint64_t rowBytes = static_cast<uint64_t>(columns) * byteWidth(target.dtype);
  bool constant = variable.init()->kind() == InitKind_Constant;
  std::vector<std::byte> bytes;
  int64_t made = -1; // rows of them that are used
  for (int64_t begin = 0; begin < rows; begin += block) {
    int64_t count = std::min(block, rows - begin);
    int64_t usedHere = std::clamp<int64_t>(used - begin, 0, count);
    if (!constant || usedHere != made)
      bytes = initialRows(variable, seed, first + begin, usedHere, columns);
    made = usedHere;
    bytes.resize(static_cast<uint64_t>(count) * rowBytes); // unused: zero
    device.upload(bytes.data(),
                  {target.data + static_cast<uint64_t>(begin) * rowBytes,
                   target.dtype,
                   {count, columns}});
  }
}

} // namespace pfc::rt

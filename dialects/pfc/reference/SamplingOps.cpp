//===- SamplingOps.cpp - Partial FC sampling; rows by index ---------------===//
#include "dialects/pfc/ir/PfcDialect.h"
#include "dialects/pfc/reference/Initializer.h"
#include "dialects/pfc/reference/Registry.h"
#include "dialects/pfc/reference/Rounding.h"
#include "dialects/pfc/reference/Shards.h"
#include "runtime/base/ClassPermutation.h"
#include "runtime/base/Philox.h"
#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace pfc::reference {

namespace {
/// How the centers of one shard are drawn.
struct ShardSampler {
  int64_t size;  ///< classes in the shard
  int64_t shard; ///< which it is
  double rate;
  uint64_t seed;
  int64_t step;
  Draw draw;
  int64_t largest; ///< classes in the largest shard

  rt::PhiloxBlock words(int64_t block) const {
    return rt::philox(seed, rt::RandomPurpose::SampleCenters,
                      static_cast<uint32_t>(block), static_cast<uint32_t>(step),
                      static_cast<uint32_t>(shard));
  }

  /// All local classes, the first to be drawn first.
  std::vector<int64_t> order() const {
    std::vector<int64_t> classes(size);
    std::iota(classes.begin(), classes.end(), 0);
    if (draw == Draw::Permutation) {
      rt::ClassPermutation permutation(largest, size,
                                       {words(0)[0], words(0)[1]});
      for (int64_t &localClass : classes)
        localClass = permutation(static_cast<uint32_t>(localClass));
    } else {
      std::stable_sort(classes.begin(), classes.end(), [&](auto a, auto b) {
        return words(a / 4)[a % 4] < words(b / 4)[b % 4];
      });
    }
    return classes;
  }

  /// The local classes that take part, ascending: the positives, and others
  /// until there are ⌊rate·size⌋.
  std::vector<int64_t> sample(const std::set<int64_t> &positives) const {
    std::vector<int64_t> chosen(positives.begin(), positives.end());
    auto wanted = static_cast<size_t>(rate * double(size));
    if (wanted > chosen.size())
      for (int64_t localClass : order()) {
        if (chosen.size() < wanted && !positives.count(localClass))
          chosen.push_back(localClass);
      }
    std::sort(chosen.begin(), chosen.end());
    return chosen;
  }
};
} // namespace

/// Fills one shard's slots: indices[firstSlot + slot] = base + class, and the
/// columns of the rows whose label the shard has. The number of used slots, or
/// -1 where there are too few slots.
static int64_t fillShard(const ShardSampler &sampler, const Tensor &labels,
                         Shard classes, int64_t base, int64_t firstSlot,
                         int64_t capacity, Tensor &indices, Tensor &columns) {
  std::set<int64_t> positives;
  for (int64_t label : labels.integers)
    if (classes.contains(label))
      positives.insert(label - classes.first);
  std::vector<int64_t> chosen = sampler.sample(positives);
  if (static_cast<int64_t>(chosen.size()) > capacity)
    return -1;
  for (size_t slot = 0; slot < chosen.size(); ++slot)
    indices.integers[firstSlot + slot] = base + chosen[slot];
  for (int64_t i = 0; i < labels.size(); ++i)
    if (classes.contains(labels.integers[i]))
      columns.integers[i] =
          firstSlot + (std::find(chosen.begin(), chosen.end(),
                                 labels.integers[i] - classes.first) -
                       chosen.begin());
  return chosen.size();
}

static void sampleCenters(SampleCentersOp op, Call &call) {
  const Tensor &labels = call[op.getLabels()];
  Tensor &indices = call.result(op.getIndices());
  Tensor &counts = call.result(op.getCounts());
  Tensor &columns = call.result(op.getColumns());
  std::fill(indices.integers.begin(), indices.integers.end(), -1);
  std::fill(columns.integers.begin(), columns.integers.end(), -1);
  int64_t shards = counts.size(), capacity = op.getCapacity();
  for (int64_t shard = 0; shard < shards; ++shard) {
    Shard classes = shardOf(op.getClasses(), shards, shard);
    ShardSampler sampler{classes.count,
                         shard,
                         op.getSampleRate().convertToDouble(),
                         op.getSeed(),
                         call.integer(op.getStep(), 0),
                         op.getDraw(),
                         shardOf(op.getClasses(), shards, 0).count};
    counts.integers[shard] =
        fillShard(sampler, labels, classes, classes.first, shard * capacity,
                  capacity, indices, columns);
    if (counts.integers[shard] < 0)
      return call.fail("capacity is smaller than the sample");
  }
}

/// Bit c of the words: whether c is in `indices`.
static std::vector<int64_t> bitsOf(const std::vector<int64_t> &indices,
                                   int64_t words) {
  std::vector<uint64_t> bits(words);
  for (int64_t index : indices)
    if (index >= 0)
      bits[index / 64] |= uint64_t{1} << index % 64;
  return {bits.begin(), bits.end()};
}

static void sampleLocalCenters(SampleLocalCentersOp op, Call &call) {
  const Tensor &labels = call[op.getLabels()];
  Tensor &indices = call.result(op.getIndices());
  Tensor &columns = call.result(op.getColumns());
  std::fill(indices.integers.begin(), indices.integers.end(), -1);
  std::fill(columns.integers.begin(), columns.integers.end(), -1);
  Shard classes{call.integer(op.getFirst(), 0), call.integer(op.getCount(), 0)};
  ShardSampler sampler{classes.count,
                       call.integer(op.getRank(), 0),
                       op.getSampleRate().convertToDouble(),
                       op.getSeed(),
                       call.integer(op.getStep(), 0),
                       op.getDraw(),
                       static_cast<int64_t>(op.getShardSize())};
  int64_t used = fillShard(sampler, labels, classes, /*base=*/0,
                           /*firstSlot=*/0, indices.size(), indices, columns);
  if (used < 0)
    return call.fail("there are fewer slots than the sample needs");
  call.result(op.getUsed()).integers[0] = used;
  if (op.getDrawn())
    call.result(op.getDrawn()).integers =
        bitsOf(indices.integers, call.result(op.getDrawn()).size());
}

static void gatherRows(GatherRowsOp op, Call &call) {
  const Tensor &table = call[op.getTable()], &indices = call[op.getIndices()];
  Tensor &rows = call.result(op.getRows());
  int64_t width = rows.width();
  for (int64_t j = 0; j < rows.rows(); ++j) {
    int64_t row = indices.integers[j];
    if (row >= table.rows())
      return call.fail("an index is beyond the table");
    if (row >= 0)
      std::copy_n(table.reals.begin() + row * width, width,
                  rows.reals.begin() + j * width);
  }
}

static void gatherUnitRows(GatherUnitRowsOp op, Call &call) {
  const Tensor &table = call[op.getTable()], &indices = call[op.getIndices()];
  Tensor &rows = call.result(op.getRows());
  int64_t width = rows.width();
  for (int64_t j = 0; j < rows.rows(); ++j) {
    int64_t row = indices.integers[j];
    if (row >= table.rows())
      return call.fail("an index is beyond the table");
    if (row < 0)
      continue;
    double squares = 0.0;
    for (int64_t d = 0; d < width; ++d)
      squares += std::pow(table.reals[row * width + d], 2);
    for (int64_t d = 0; d < width; ++d)
      rows.reals[j * width + d] =
          table.reals[row * width + d] / std::max(std::sqrt(squares), 1e-12);
  }
}

static void fetchRows(FetchRowsOp op, Call &call) {
  const Tensor &table = call[op.getTable()], &indices = call[op.getIndices()];
  Tensor &rows = call.result(op.getRows()), &slots = call.result(op.getSlots());
  int64_t width = rows.width(), first = call.integer(op.getFirstRow(), 0);
  for (int64_t j = 0; j < rows.rows(); ++j) {
    int64_t row = indices.integers[j];
    slots.integers[j] = row < 0 ? -1 : j;
    if (row >= table.rows())
      return call.fail("an index is beyond the table");
    if (row < 0)
      continue;
    auto from = table.reals.begin() + row * width;
    auto to = rows.reals.begin() + j * width;
    std::copy_n(from, width, to);
    bool stored =
        std::any_of(from, from + width, [](double x) { return x != 0.0; });
    if (stored || !op.getInit())
      continue;
    Initializer initializer{*op.getInit(), op.getKey(), /*noise=*/0.0};
    mlir::Type element = op.getTable().getType().getElementType();
    for (int64_t d = 0; d < width; ++d)
      to[d] = initializer.value(first + row, d, element);
  }
}

static void storeRows(StoreRowsOp op, Call &call) {
  const Tensor &rows = call[op.getRows()], &indices = call[op.getIndices()];
  Tensor &table = call.result(op.getNewTable());
  table.reals = call[op.getTable()].reals;
  const Rounding rounded(op, call);
  int64_t width = rows.width();
  for (int64_t j = 0; j < rows.rows(); ++j) {
    int64_t row = indices.integers[j];
    if (row >= table.rows())
      return call.fail("an index is beyond the table");
    for (int64_t d = 0; row >= 0 && d < width; ++d)
      table.reals[row * width + d] = rounded(rows.reals[j * width + d], row, d);
  }
}

static void scatterRows(ScatterRowsOp op, Call &call) {
  const Tensor &rows = call[op.getRows()], &indices = call[op.getIndices()];
  Tensor &table = call.result(op.getTableGrad());
  int64_t width = rows.width();
  for (int64_t j = 0; j < rows.rows(); ++j) {
    int64_t row = indices.integers[j];
    if (row >= table.rows())
      return call.fail("an index is beyond the table");
    for (int64_t d = 0; row >= 0 && d < width; ++d)
      table.reals[row * width + d] += rows.reals[j * width + d];
  }
}

void addSamplingOps(Registry &registry) {
  registry.add(sampleCenters);
  registry.add(sampleLocalCenters);
  registry.add(gatherRows);
  registry.add(gatherUnitRows);
  registry.add(fetchRows);
  registry.add(storeRows);
  registry.add(scatterRows);
}

} // namespace pfc::reference

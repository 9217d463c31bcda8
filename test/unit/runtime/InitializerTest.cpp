// Where state starts: distributions, and independence of the world size.
#include "runtime/exec/Initializer.h"
#include "TestPlan.h"
#include "runtime/device/Device.h"
#include "runtime/plan/RankInteger.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

namespace pfc::rt::test {
namespace {

using namespace plan::fb;

constexpr int64_t rows = 1000, columns = 10;

VariableT makeVariable(InitKind kind, float a, float b) {
  VariableT variable;
  variable.name = "head.weight";
  variable.shape = {rows, columns};
  variable.init = std::make_unique<InitT>();
  variable.init->kind = kind;
  variable.init->a = a;
  variable.init->b = b;
  return variable;
}

/// The local table of `rank`, which has `localRows` rows.
std::vector<float> initialize(const VariableT &variable, uint64_t seed,
                              int rank) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(Variable::Pack(builder, &variable));
  const auto &packed =
      *flatbuffers::GetRoot<Variable>(builder.GetBufferPointer());
  auto device = openDevice("cpu", {1});
  int64_t elements = variable.shape[0] * variable.shape[1];
  std::byte *arena =
      device->allocateArena(static_cast<uint64_t>(elements) * 4).device;
  BufferView view{arena, DType_F32, variable.shape};
  std::vector<float> values(static_cast<size_t>(elements), NAN);
  device->upload(values.data(), view);
  initializeVariable(packed, seed, rank, *device, view);
  device->download(view, values.data());
  return values;
}

TEST(Initializer, Constant) {
  for (float value :
       initialize(makeVariable(InitKind_Constant, 0.25f, 0), 1, 0))
    ASSERT_EQ(value, 0.25f);
}

// Made by blocks of 2^22 elements: used whole, in part, and not at all.
TEST(Initializer, ConstantInBlocksOfAShard) {
  VariableT variable = makeVariable(InitKind_Constant, 0.25f, 0);
  const int64_t wide = 1 << 20, used = 9;
  variable.shape = {14, wide};
  variable.shard = std::make_unique<RowShardT>();
  variable.shard->rows = used;
  variable.shard->first = std::make_unique<RankIntegerT>();
  variable.shard->count = std::make_unique<RankIntegerT>();
  variable.shard->count->base = used;
  std::vector<float> values = initialize(variable, 1, 0);
  for (size_t i = 0; i < values.size(); ++i)
    ASSERT_EQ(values[i], i < size_t{used} * wide ? 0.25f : 0.0f) << i;
}

TEST(Initializer, NormalHasItsMoments) {
  std::vector<float> values =
      initialize(makeVariable(InitKind_Normal, 0.5f, 2), 1, 0);
  double sum = 0, squares = 0, fourth = 0;
  for (float value : values) {
    double z = (value - 0.5) / 2;
    sum += z;
    squares += z * z;
    fourth += z * z * z * z;
  }
  double n = static_cast<double>(values.size());
  EXPECT_NEAR(sum / n, 0, 0.04); // 4 sigma at n = 10,000
  EXPECT_NEAR(squares / n, 1, 0.06);
  EXPECT_NEAR(fourth / n, 3, 0.4);
}

TEST(Initializer, UniformStaysInRange) {
  double sum = 0;
  for (float value : initialize(makeVariable(InitKind_Uniform, -2, 4), 1, 0)) {
    ASSERT_GE(value, -2);
    ASSERT_LT(value, 4);
    sum += value;
  }
  EXPECT_NEAR(sum / (rows * columns), 1, 0.07);
}

TEST(Initializer, SeedAndNameMatter) {
  VariableT variable = makeVariable(InitKind_Normal, 0, 1);
  std::vector<float> first = initialize(variable, 1, 0);
  EXPECT_EQ(first, initialize(variable, 1, 0));
  EXPECT_NE(first, initialize(variable, 2, 0));
  variable.name = "fc.weight";
  EXPECT_NE(first, initialize(variable, 1, 0));
  // No value is drawn twice as a matter of course.
  EXPECT_GT(std::set<float>(first.begin(), first.end()).size(), 9900u);
}

// The table of all ranks, put together, is the table of one rank.
TEST(Initializer, SameAtAnyWorldSize) {
  VariableT whole = makeVariable(InitKind_Normal, 0, 0.01f);
  std::vector<float> expected = initialize(whole, 2048, 0);
  for (int64_t ranks : {2, 3, 7}) {
    VariableT part = makeVariable(InitKind_Normal, 0, 0.01f);
    int64_t capacity = (rows + ranks - 1) / ranks + 2;
    part.shape[0] = capacity;
    part.shard = std::make_unique<RowShardT>();
    part.shard->rows = rows;
    part.shard->first = std::make_unique<RankIntegerT>();
    part.shard->first->per_rank = rows / ranks;
    part.shard->first->threshold = rows % ranks;
    part.shard->first->per_capped_rank = 1;
    part.shard->count = std::make_unique<RankIntegerT>();
    part.shard->count->base = rows / ranks;
    part.shard->count->threshold = rows % ranks;
    part.shard->count->below = 1;
    std::vector<float> joined;
    for (int rank = 0; rank < ranks; ++rank) {
      std::vector<float> local = initialize(part, 2048, rank);
      size_t used = static_cast<size_t>(
          (rows / ranks + (rank < rows % ranks ? 1 : 0)) * columns);
      joined.insert(joined.end(), local.begin(), local.begin() + used);
      for (size_t i = used; i < local.size(); ++i)
        ASSERT_EQ(local[i], 0) << "an unused row";
    }
    EXPECT_EQ(joined, expected) << ranks << " ranks";
  }
}

} // namespace
} // namespace pfc::rt::test

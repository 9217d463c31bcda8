// Matrix products, alone or as many at a time, against float64 loops.
#include "DeviceTest.h"

#include <tuple>

namespace pfc::rt::test {
namespace {

using namespace plan::fb;

struct Extents {
  int64_t m, n, k;
  int64_t batch = 1;
};

using Parameter = std::tuple<Extents, bool, bool, ProductTypes>;

class DeviceMatmul : public DeviceTest,
                     public testing::WithParamInterface<Parameter> {
protected:
  /// reference += op(a)·op(b)
  static void addProduct(std::vector<double> &reference,
                         const std::vector<double> &a,
                         const std::vector<double> &b) {
    auto [extents, transposeLhs, transposeRhs, types] = GetParam();
    auto [m, n, k, batch] = extents;
    for (int64_t g = 0; g < batch; ++g)
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j)
          for (int64_t l = 0; l < k; ++l)
            reference[(g * m + i) * n + j] +=
                a[g * m * k + (transposeLhs ? l * m + i : i * k + l)] *
                b[g * k * n + (transposeRhs ? j * k + l : l * n + j)];
  }
};

TEST_P(DeviceMatmul, MatchesReference) {
  auto [extents, transposeLhs, transposeRhs, types] = GetParam();
  if (types.operand == DType_BF16 && !multipliesBf16())
    GTEST_SKIP() << "no bf16 products on this device";
  auto [m, n, k, batch] = extents;
  BufferView lhs = place(types.operand, {batch, m, k});
  BufferView rhs = place(types.operand, {batch, k, n});
  BufferView out = place(types.result, {batch, m, n});
  std::vector<double> a = fillRandom(lhs), b = fillRandom(rhs);
  poison(out);

  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(CreateMatmul(builder, 0, 1, 2, m, n, k, transposeLhs,
                              transposeRhs, /*accumulate=*/false, batch));
  const auto &op = *flatbuffers::GetRoot<Matmul>(builder.GetBufferPointer());
  std::unique_ptr<Task> task = device->makeMatmul(op, lhs, rhs, out);
  task->execute();

  std::vector<double> reference(static_cast<size_t>(batch * m * n));
  addProduct(reference, a, b);
  expectNear(out, reference);
  task->execute(); // again: nothing accumulates
  expectNear(out, reference);
}

TEST_P(DeviceMatmul, AddsToWhatIsThere) {
  auto [extents, transposeLhs, transposeRhs, types] = GetParam();
  if (types.result != DType_F32)
    GTEST_SKIP() << "adds to fp32 alone";
  if (types.operand == DType_BF16 && !multipliesBf16())
    GTEST_SKIP() << "no bf16 products on this device";
  auto [m, n, k, batch] = extents;
  BufferView lhs = place(types.operand, {batch, m, k});
  BufferView rhs = place(types.operand, {batch, k, n});
  BufferView out = place(types.result, {batch, m, n});
  std::vector<double> a = fillRandom(lhs), b = fillRandom(rhs);
  std::vector<double> reference = fillRandom(out);

  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(CreateMatmul(builder, 0, 1, 2, m, n, k, transposeLhs,
                              transposeRhs, /*accumulate=*/true, batch));
  const auto &op = *flatbuffers::GetRoot<Matmul>(builder.GetBufferPointer());
  std::unique_ptr<Task> task = device->makeMatmul(op, lhs, rhs, out);
  for (int time = 0; time < 2; ++time) {
    task->execute();
    addProduct(reference, a, b);
    expectNear(out, reference);
  }
}

std::string matmulName(const testing::TestParamInfo<Parameter> &info) {
  const auto &[extents, lhs, rhs, types] = info.param;
  return fmt::format("{}x{}x{}b{}{}{}_{}", extents.m, extents.n, extents.k,
                     extents.batch, lhs ? "_lhsT" : "", rhs ? "_rhsT" : "",
                     typesName(types));
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, DeviceMatmul,
    testing::Combine(testing::Values(Extents{1, 1, 1}, Extents{3, 5, 7},
                                     Extents{64, 48, 96}, Extents{33, 130, 65},
                                     Extents{128, 1, 16}, Extents{1, 200, 40},
                                     // heads, then matrices that end anywhere
                                     Extents{144, 144, 32, 6},
                                     Extents{144, 32, 144, 6},
                                     Extents{3, 5, 7, 9}, Extents{1, 1, 1, 4},
                                     Extents{17, 1, 5, 3}),
                     testing::Bool(), testing::Bool(),
                     testing::Values(ProductTypes{DType_F32, DType_F32},
                                     ProductTypes{DType_BF16, DType_F32},
                                     ProductTypes{DType_BF16, DType_BF16})),
    matmulName);

} // namespace
} // namespace pfc::rt::test

// Convolutions, forward and both backward, against a float64 loop over
// out[b,y,x,o] += in[b, y s - p + i, x s - p + j, first(o) + c] *
// weight[o,i,j,c] with first(o) the first channel of o's group: the three kinds
// differ only in which of the three tensors is the sum.
#include "DeviceTest.h"

#include <tuple>

namespace pfc::rt::test {
namespace {

using namespace plan::fb;

struct Shape {
  int64_t batch, height, width, in, out, kernel, stride, padding;
  int64_t groups = 1;

  int64_t extent(int64_t size) const {
    return (size + 2 * padding - kernel) / stride + 1;
  }
  int64_t seen() const { return in / groups; } ///< channels, by a filter
};

using Parameter = std::tuple<Shape, ConvKind, ProductTypes>;

class DeviceConv : public DeviceTest,
                   public testing::WithParamInterface<Parameter> {};

/// Calls body(input index, weight index, output index) for every product.
template <typename Body>
void forEachProduct(const Shape &s, Body body) {
  int64_t height = s.extent(s.height), width = s.extent(s.width);
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t y = 0; y < height; ++y)
      for (int64_t x = 0; x < width; ++x)
        for (int64_t i = 0; i < s.kernel; ++i)
          for (int64_t j = 0; j < s.kernel; ++j) {
            int64_t inY = y * s.stride - s.padding + i;
            int64_t inX = x * s.stride - s.padding + j;
            if (inY < 0 || inY >= s.height || inX < 0 || inX >= s.width)
              continue;
            for (int64_t o = 0; o < s.out; ++o)
              for (int64_t c = 0; c < s.seen(); ++c)
                body(((b * s.height + inY) * s.width + inX) * s.in +
                         o / (s.out / s.groups) * s.seen() + c,
                     ((o * s.kernel + i) * s.kernel + j) * s.seen() + c,
                     ((b * height + y) * width + x) * s.out + o);
          }
}

TEST_P(DeviceConv, MatchesReference) {
  auto [s, kind, types] = GetParam();
  if (types.operand == DType_BF16 && !multipliesBf16())
    GTEST_SKIP() << "no bf16 convolutions on this device";
  auto typeOf = [&, result = types.result, operand = types.operand](
                    bool isResult) { return isResult ? result : operand; };
  BufferView input = place(typeOf(kind == ConvKind_BackwardData),
                           {s.batch, s.height, s.width, s.in});
  BufferView weight = place(typeOf(kind == ConvKind_BackwardWeights),
                            {s.out, s.kernel, s.kernel, s.seen()});
  BufferView output =
      place(typeOf(kind == ConvKind_Forward),
            {s.batch, s.extent(s.height), s.extent(s.width), s.out});
  std::vector<double> in = fillRandom(input), w = fillRandom(weight),
                      out = fillRandom(output);
  BufferView &result = kind == ConvKind_Forward        ? output
                       : kind == ConvKind_BackwardData ? input
                                                       : weight;
  BufferView &lhs = kind == ConvKind_BackwardData ? output : input;
  BufferView &rhs = kind == ConvKind_BackwardWeights ? output : weight;
  poison(result);

  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(CreateConv(builder, kind, 0, 1, 2, s.batch, s.height, s.width,
                            s.in, s.out, s.kernel, s.stride, s.padding,
                            s.groups));
  const auto &op = *flatbuffers::GetRoot<Conv>(builder.GetBufferPointer());
  std::unique_ptr<Task> task = device->makeConv(op, lhs, rhs, result);
  task->execute();

  std::vector<double> reference(static_cast<size_t>(result.elements()));
  forEachProduct(s, [&, kind = kind](int64_t i, int64_t k, int64_t o) {
    if (kind == ConvKind_Forward)
      reference[o] += in[i] * w[k];
    else if (kind == ConvKind_BackwardData)
      reference[i] += out[o] * w[k];
    else
      reference[k] += in[i] * out[o];
  });
  expectNear(result, reference);
  task->execute(); // again: nothing accumulates
  expectNear(result, reference);
}

std::string convName(const testing::TestParamInfo<Parameter> &info) {
  const auto &[s, kind, types] = info.param;
  return fmt::format("{}_{}x{}x{}x{}_{}_k{}s{}p{}g{}_{}",
                     EnumNameConvKind(kind), s.batch, s.height, s.width, s.in,
                     s.out, s.kernel, s.stride, s.padding, s.groups,
                     typesName(types));
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, DeviceConv,
    testing::Combine(
        testing::Values(Shape{2, 7, 7, 3, 16, 3, 1, 1},      // the first layer
                        Shape{2, 8, 8, 16, 16, 3, 1, 1},     // a block
                        Shape{3, 8, 8, 16, 32, 3, 2, 1},     // its stride
                        Shape{2, 7, 9, 16, 32, 3, 2, 1},     // odd, not square
                        Shape{2, 8, 8, 16, 32, 1, 2, 0},     // the shortcut
                        Shape{1, 6, 6, 64, 64, 1, 1, 0},     // pointwise
                        Shape{2, 5, 5, 4, 8, 5, 1, 0},       // image -> vector
                        Shape{2, 8, 8, 32, 32, 3, 1, 1, 32}, // depthwise
                        Shape{2, 7, 9, 24, 24, 3, 2, 1, 24}, // its stride
                        Shape{3, 7, 7, 16, 16, 7, 1, 0, 16}, // global
                        Shape{2, 6, 6, 32, 32, 3, 1, 1, 16}, // by pairs
                        Shape{2, 7, 9, 48, 48, 3, 2, 1, 12}, // by fours
                        Shape{2, 5, 5, 12, 6, 3, 2, 1, 3}),  // 4 to 2
        testing::Values(ConvKind_Forward, ConvKind_BackwardData,
                        ConvKind_BackwardWeights),
        testing::Values(ProductTypes{DType_F32, DType_F32},
                        ProductTypes{DType_BF16, DType_F32},
                        ProductTypes{DType_BF16, DType_BF16})),
    convName);

// What AMX computes in parts: more positions than are packed at a time, and
// channels that are no multiple of two tiles.
INSTANTIATE_TEST_SUITE_P(
    Large, DeviceConv,
    testing::Combine(testing::Values(Shape{1, 136, 140, 16, 16, 3, 1, 1},
                                     Shape{3, 97, 99, 16, 16, 3, 2, 1},
                                     Shape{2, 13, 11, 48, 80, 3, 1, 1},
                                     Shape{2, 9, 10, 48, 16, 5, 1, 2},
                                     Shape{2, 12, 13, 16, 48, 7, 2, 3},
                                     Shape{2, 11, 13, 32, 48, 3, 3, 1},
                                     Shape{1, 9, 9, 16, 16, 3, 1, 0},
                                     Shape{3, 10, 9, 80, 48, 1, 2, 0},
                                     Shape{2, 9, 7, 48, 48, 3, 1, 1, 3}),
                     testing::Values(ConvKind_BackwardWeights),
                     testing::Values(ProductTypes{DType_BF16, DType_F32})),
    convName);

} // namespace
} // namespace pfc::rt::test

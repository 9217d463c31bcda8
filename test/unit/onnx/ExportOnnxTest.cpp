//===- ExportOnnxTest.cpp - What an exported @embed computes --------------===//
//
// Nodes that need no weights: ONNX's checker and its shape inference accept the
// model, which computes what the graph does, of another number of images too.
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/onnx/ExportOnnx.h"
#include "dialects/pfc/reference/RandomInputs.h"
#include "test/tools/pfc-check-onnx/OnnxInterpreter.h"
#include "test/unit/reference/ReferenceTest.h"

#include <onnx/checker.h>
#include <onnx/shape_inference/implementation.h>

using namespace pfc;
using namespace pfc::reference;

namespace {

/// What attention is made of, on two images: pixels become tokens, rows of
/// tokens and heads, and products are of all transpositions.
constexpr const char *attention = R"mlir(
func.func @embed(%images: tensor<2x3x2x4xui8> {pfc.input = "images"}) {
  %x = pfc.scale_pixels %images : tensor<2x3x2x4xui8> -> tensor<2x3x2x4xf32>
  %tokens = pfc.reshape %x : tensor<2x3x2x4xf32> -> tensor<2x6x4xf32>
  %rows = pfc.reshape %tokens : tensor<2x6x4xf32> -> tensor<12x4xf32>
  %heads = pfc.reshape %rows : tensor<12x4xf32> -> tensor<2x2x6x2xf32>
  %q = pfc.reshape %heads : tensor<2x2x6x2xf32> -> tensor<4x6x2xf32>
  %p = pfc.matmul %q, %q {transpose_rhs} : tensor<4x6x2xf32>, tensor<4x6x2xf32> -> tensor<4x6x6xf32>
  %o = pfc.matmul %p, %q : tensor<4x6x6xf32>, tensor<4x6x2xf32> -> tensor<4x6x2xf32>
  %t = pfc.matmul %o, %p {transpose_lhs, transpose_rhs} : tensor<4x6x2xf32>, tensor<4x6x6xf32> -> tensor<4x2x6xf32>
  %back = pfc.reshape %t : tensor<4x2x6xf32> -> tensor<2x2x2x6xf32>
  %y = pfc.reshape %back : tensor<2x2x2x6xf32> -> tensor<2x24xf32>
  pfc.output "embeddings", %y : tensor<2x24xf32>
  return
})mlir";

/// NCHW, scaled, from image `first` on.
test::OnnxTensor scaled(const Tensor &images, int64_t first, int64_t count) {
  int64_t h = images.shape[1], w = images.shape[2], c = images.shape[3];
  test::OnnxTensor result{{count, c, h, w}, {}};
  for (int64_t n = first; n < first + count; ++n)
    for (int64_t channel = 0; channel < c; ++channel)
      for (int64_t pixel = 0; pixel < h * w; ++pixel)
        result.values.push_back(
            double(images.integers[(n * h * w + pixel) * c + channel]) / 127.5 -
            1.0);
  return result;
}

TEST(ExportOnnx, ProductsForEachGroup) {
  TestModule module(attention);
  auto embed = module.function("embed");
  auto bytes = exportOnnx(
      embed, [](llvm::StringRef) { return std::optional<OnnxWeight>(); });
  ASSERT_TRUE(mlir::succeeded(bytes));
  onnx::ModelProto model;
  ASSERT_TRUE(model.ParseFromString(*bytes));
  onnx::checker::check_model(model);
  onnx::shape_inference::InferShapes(model, onnx::OpSchemaRegistry::Instance(),
                                     {/*check_type=*/true, /*strict=*/1});

  TensorMap inputs = randomInputs(embed, /*classes=*/3, /*seed=*/5, 0);
  Tensor expected = module.run("embed", inputs).outputs.at("embeddings");
  for (auto [first, count] : {std::pair{0, 2}, {1, 1}}) {
    test::OnnxTensor result =
        test::interpretOnnx(model, scaled(inputs.at("images"), first, count));
    EXPECT_EQ(result.shape, (std::vector<int64_t>{count, 24}));
    for (size_t i = 0; i < result.values.size(); ++i)
      EXPECT_NEAR(result.values[i], expected.reals[first * 24 + i], 1e-12)
          << "of image " << first << ", element " << i;
  }
}

} // namespace

//===- GradientsTest.cpp - Gradient ops by finite differences -------------===//
//
// Each case is two functions: @forward computes "y" from float inputs; from
// those and "dy", @gradient computes "d_NAME" for inputs. Every element is
// compared with the five-point difference of Σ dy·y, exact to h⁴, in float64.
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/reference/RandomInputs.h"
#include "test/unit/reference/ReferenceTest.h"
#include <cmath>

using namespace pfc::reference;

namespace {

struct Case {
  const char *name;
  std::vector<std::string> inputs; ///< those with a gradient
  const char *text;
};

void PrintTo(const Case &test, std::ostream *os) { *os << test.name; }

class GradientsTest : public testing::TestWithParam<Case> {
protected:
  /// Σ dy·y
  double objective(TestModule &module, const TensorMap &inputs,
                   const Tensor &dy) {
    Tensor y = module.run("forward", inputs).outputs.at("y");
    double sum = 0.0;
    for (int64_t i = 0; i < y.size(); ++i)
      sum += dy.reals[i] * y.reals[i];
    return sum;
  }

  double difference(TestModule &module, TensorMap inputs, const Tensor &dy,
                    const std::string &name, int64_t element) {
    constexpr double h = 1e-3;
    double &x = inputs.at(name).reals[element];
    double start = x;
    auto at = [&](double distance) {
      x = start + distance;
      return objective(module, inputs, dy);
    };
    return (8.0 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12.0 * h);
  }
};

TEST_P(GradientsTest, FiniteDifferences) {
  TestModule module(GetParam().text);
  TensorMap inputs =
      randomInputs(module.function("forward"), /*classes=*/3, /*seed=*/5, 0);
  Tensor y = module.run("forward", inputs).outputs.at("y");
  Tensor dy = y.size() == 1 ? scalar(1.0) : randomNormal(y.shape, 11, 1);
  TensorMap gradientInputs = inputs;
  gradientInputs["dy"] = dy;
  TensorMap gradients = module.run("gradient", gradientInputs).outputs;
  for (const std::string &name : GetParam().inputs) {
    const Tensor &gradient = gradients.at("d_" + name);
    ASSERT_EQ(gradient.shape, inputs.at(name).shape);
    for (int64_t i = 0; i < gradient.size(); ++i)
      EXPECT_NEAR(gradient.reals[i], difference(module, inputs, dy, name, i),
                  1e-8 * std::max(1.0, norm(gradient)))
          << name << ", element " << i;
  }
}

const Case cases[] = {
    {"Conv2d", {"x", "w"}, R"mlir(
func.func @forward(%x: tensor<2x5x4x3xf32> {pfc.input = "x"}, %w: tensor<2x3x3x3xf32> {pfc.input = "w"}) {
  %y = pfc.conv2d %x, %w {stride = 2 : i64, padding = 1 : i64} : tensor<2x5x4x3xf32>, tensor<2x3x3x3xf32> -> tensor<2x3x2x2xf32>
  pfc.output "y", %y : tensor<2x3x2x2xf32>
  return
}
func.func @gradient(%x: tensor<2x5x4x3xf32> {pfc.input = "x"}, %w: tensor<2x3x3x3xf32> {pfc.input = "w"}, %dy: tensor<2x3x2x2xf32> {pfc.input = "dy"}) {
  %dx = pfc.conv2d_input_grad %dy, %w {stride = 2 : i64, padding = 1 : i64} : tensor<2x3x2x2xf32>, tensor<2x3x3x3xf32> -> tensor<2x5x4x3xf32>
  %dw = pfc.conv2d_filter_grad %x, %dy {stride = 2 : i64, padding = 1 : i64} : tensor<2x5x4x3xf32>, tensor<2x3x2x2xf32> -> tensor<2x3x3x3xf32>
  pfc.output "d_x", %dx : tensor<2x5x4x3xf32>
  pfc.output "d_w", %dw : tensor<2x3x3x3xf32>
  return
})mlir"},
    {"Conv2dPointwise", {"x", "w"}, R"mlir(
func.func @forward(%x: tensor<1x3x3x2xf32> {pfc.input = "x"}, %w: tensor<3x1x1x2xf32> {pfc.input = "w"}) {
  %y = pfc.conv2d %x, %w {stride = 2 : i64, padding = 0 : i64} : tensor<1x3x3x2xf32>, tensor<3x1x1x2xf32> -> tensor<1x2x2x3xf32>
  pfc.output "y", %y : tensor<1x2x2x3xf32>
  return
}
func.func @gradient(%x: tensor<1x3x3x2xf32> {pfc.input = "x"}, %w: tensor<3x1x1x2xf32> {pfc.input = "w"}, %dy: tensor<1x2x2x3xf32> {pfc.input = "dy"}) {
  %dx = pfc.conv2d_input_grad %dy, %w {stride = 2 : i64, padding = 0 : i64} : tensor<1x2x2x3xf32>, tensor<3x1x1x2xf32> -> tensor<1x3x3x2xf32>
  %dw = pfc.conv2d_filter_grad %x, %dy {stride = 2 : i64, padding = 0 : i64} : tensor<1x3x3x2xf32>, tensor<1x2x2x3xf32> -> tensor<3x1x1x2xf32>
  pfc.output "d_x", %dx : tensor<1x3x3x2xf32>
  pfc.output "d_w", %dw : tensor<3x1x1x2xf32>
  return
})mlir"},
    {"Conv2dGroups", {"x", "w"}, R"mlir(
func.func @forward(%x: tensor<2x5x4x4xf32> {pfc.input = "x"}, %w: tensor<6x3x3x2xf32> {pfc.input = "w"}) {
  %y = pfc.conv2d %x, %w {stride = 2 : i64, padding = 1 : i64} : tensor<2x5x4x4xf32>, tensor<6x3x3x2xf32> -> tensor<2x3x2x6xf32>
  pfc.output "y", %y : tensor<2x3x2x6xf32>
  return
}
func.func @gradient(%x: tensor<2x5x4x4xf32> {pfc.input = "x"}, %w: tensor<6x3x3x2xf32> {pfc.input = "w"}, %dy: tensor<2x3x2x6xf32> {pfc.input = "dy"}) {
  %dx = pfc.conv2d_input_grad %dy, %w {stride = 2 : i64, padding = 1 : i64} : tensor<2x3x2x6xf32>, tensor<6x3x3x2xf32> -> tensor<2x5x4x4xf32>
  %dw = pfc.conv2d_filter_grad %x, %dy {stride = 2 : i64, padding = 1 : i64} : tensor<2x5x4x4xf32>, tensor<2x3x2x6xf32> -> tensor<6x3x3x2xf32>
  pfc.output "d_x", %dx : tensor<2x5x4x4xf32>
  pfc.output "d_w", %dw : tensor<6x3x3x2xf32>
  return
})mlir"},
    // Statistics of two groups, through which the gradient flows.
    {"BatchNormTraining", {"x", "gamma", "beta"}, R"mlir(
func.func @forward(%x: tensor<6x2x3xf32> {pfc.input = "x"}, %gamma: tensor<3xf32> {pfc.input = "gamma"}, %beta: tensor<3xf32> {pfc.input = "beta"}) {
  %mean, %var = pfc.batch_stats %x : tensor<6x2x3xf32> -> tensor<2x3xf32>
  %y = pfc.batch_norm %x, %mean, %var, %gamma, %beta {eps = 0.01 : f64, training} : tensor<6x2x3xf32>, tensor<2x3xf32>, tensor<3xf32>
  pfc.output "y", %y : tensor<6x2x3xf32>
  return
}
func.func @gradient(%x: tensor<6x2x3xf32> {pfc.input = "x"}, %gamma: tensor<3xf32> {pfc.input = "gamma"}, %beta: tensor<3xf32> {pfc.input = "beta"}, %dy: tensor<6x2x3xf32> {pfc.input = "dy"}) {
  %mean, %var = pfc.batch_stats %x : tensor<6x2x3xf32> -> tensor<2x3xf32>
  %dg, %db = pfc.batch_norm_grad_stats %dy, %x, %mean, %var {eps = 0.01 : f64} : tensor<6x2x3xf32>, tensor<2x3xf32>
  %dx = pfc.batch_norm_grad %dy, %x, %mean, %var, %gamma, %dg, %db {eps = 0.01 : f64, count = 6 : i64, training} : tensor<6x2x3xf32>, tensor<2x3xf32>, tensor<3xf32>
  %dgamma = pfc.sum_groups %dg {scale = 1.0 : f64} : tensor<2x3xf32> -> tensor<3xf32>
  %dbeta = pfc.sum_groups %db {scale = 1.0 : f64} : tensor<2x3xf32> -> tensor<3xf32>
  pfc.output "d_x", %dx : tensor<6x2x3xf32>
  pfc.output "d_gamma", %dgamma : tensor<3xf32>
  pfc.output "d_beta", %dbeta : tensor<3xf32>
  return
})mlir"},
    // Synchronised: two groups' statistics merged to one.
    {"BatchNormMerged", {"x"}, R"mlir(
func.func @forward(%x: tensor<6x3xf32> {pfc.input = "x"}, %gamma: tensor<3xf32> {pfc.input = "gamma"}) {
  %m, %v = pfc.batch_stats %x : tensor<6x3xf32> -> tensor<2x3xf32>
  %mean, %var = pfc.merge_stats %m, %v : tensor<2x3xf32> -> tensor<1x3xf32>
  %y = pfc.batch_norm %x, %mean, %var, %gamma, %gamma {eps = 0.01 : f64, training} : tensor<6x3xf32>, tensor<1x3xf32>, tensor<3xf32>
  pfc.output "y", %y : tensor<6x3xf32>
  return
}
func.func @gradient(%x: tensor<6x3xf32> {pfc.input = "x"}, %gamma: tensor<3xf32> {pfc.input = "gamma"}, %dy: tensor<6x3xf32> {pfc.input = "dy"}) {
  %mean, %var = pfc.batch_stats %x : tensor<6x3xf32> -> tensor<1x3xf32>
  %dg, %db = pfc.batch_norm_grad_stats %dy, %x, %mean, %var {eps = 0.01 : f64} : tensor<6x3xf32>, tensor<1x3xf32>
  %dx = pfc.batch_norm_grad %dy, %x, %mean, %var, %gamma, %dg, %db {eps = 0.01 : f64, count = 6 : i64, training} : tensor<6x3xf32>, tensor<1x3xf32>, tensor<3xf32>
  pfc.output "d_x", %dx : tensor<6x3xf32>
  return
})mlir"},
    // Running statistics are constants.
    {"BatchNormInference", {"x"}, R"mlir(
func.func @forward(%x: tensor<4x3xf32> {pfc.input = "x"}, %gamma: tensor<3xf32> {pfc.input = "gamma"}) {
  %mean = arith.constant dense<[[0.5, -1.0, 2.0]]> : tensor<1x3xf32>
  %var = arith.constant dense<[[1.5, 1.0, 0.25]]> : tensor<1x3xf32>
  %y = pfc.batch_norm %x, %mean, %var, %gamma, %gamma {eps = 0.01 : f64} : tensor<4x3xf32>, tensor<1x3xf32>, tensor<3xf32>
  pfc.output "y", %y : tensor<4x3xf32>
  return
}
func.func @gradient(%x: tensor<4x3xf32> {pfc.input = "x"}, %gamma: tensor<3xf32> {pfc.input = "gamma"}, %dy: tensor<4x3xf32> {pfc.input = "dy"}) {
  %mean = arith.constant dense<[[0.5, -1.0, 2.0]]> : tensor<1x3xf32>
  %var = arith.constant dense<[[1.5, 1.0, 0.25]]> : tensor<1x3xf32>
  %dg, %db = pfc.batch_norm_grad_stats %dy, %x, %mean, %var {eps = 0.01 : f64} : tensor<4x3xf32>, tensor<1x3xf32>
  %dx = pfc.batch_norm_grad %dy, %x, %mean, %var, %gamma, %dg, %db {eps = 0.01 : f64, count = 4 : i64} : tensor<4x3xf32>, tensor<1x3xf32>, tensor<3xf32>
  pfc.output "d_x", %dx : tensor<4x3xf32>
  return
})mlir"},
    {"PReluAndBias", {"x", "slope", "bias"}, R"mlir(
func.func @forward(%x: tensor<3x2x4xf32> {pfc.input = "x"}, %slope: tensor<4xf32> {pfc.input = "slope"}, %bias: tensor<4xf32> {pfc.input = "bias"}) {
  %z = pfc.add_bias %x, %bias : tensor<3x2x4xf32>, tensor<4xf32>
  %y = pfc.prelu %z, %slope : tensor<3x2x4xf32>, tensor<4xf32>
  pfc.output "y", %y : tensor<3x2x4xf32>
  return
}
func.func @gradient(%x: tensor<3x2x4xf32> {pfc.input = "x"}, %slope: tensor<4xf32> {pfc.input = "slope"}, %bias: tensor<4xf32> {pfc.input = "bias"}, %dy: tensor<3x2x4xf32> {pfc.input = "dy"}) {
  %z = pfc.add_bias %x, %bias : tensor<3x2x4xf32>, tensor<4xf32>
  %dx = pfc.prelu_grad %dy, %z, %slope : tensor<3x2x4xf32>, tensor<4xf32>
  %dslope = pfc.prelu_slope_grad %dy, %z : tensor<3x2x4xf32> -> tensor<4xf32>
  %dbias = pfc.channel_sum %dx : tensor<3x2x4xf32> -> tensor<4xf32>
  pfc.output "d_x", %dx : tensor<3x2x4xf32>
  pfc.output "d_slope", %dslope : tensor<4xf32>
  pfc.output "d_bias", %dbias : tensor<4xf32>
  return
})mlir"},
    {"LinearAndDropout", {"x", "w"}, R"mlir(
func.func @forward(%x: tensor<3x5xf32> {pfc.input = "x"}, %w: tensor<4x5xf32> {pfc.input = "w"}) {
  %step = arith.constant dense<3> : tensor<1xi64>
  %d = pfc.dropout %x, %step {rate = 0.4 : f64, seed = 7 : i64, layer = 1 : i64} : tensor<3x5xf32>, tensor<1xi64>
  %y = pfc.linear %d, %w : tensor<3x5xf32>, tensor<4x5xf32> -> tensor<3x4xf32>
  pfc.output "y", %y : tensor<3x4xf32>
  return
}
func.func @gradient(%x: tensor<3x5xf32> {pfc.input = "x"}, %w: tensor<4x5xf32> {pfc.input = "w"}, %dy: tensor<3x4xf32> {pfc.input = "dy"}) {
  %step = arith.constant dense<3> : tensor<1xi64>
  %d = pfc.dropout %x, %step {rate = 0.4 : f64, seed = 7 : i64, layer = 1 : i64} : tensor<3x5xf32>, tensor<1xi64>
  %dd = pfc.matmul %dy, %w : tensor<3x4xf32>, tensor<4x5xf32> -> tensor<3x5xf32>
  %dw = pfc.matmul %dy, %d {transpose_lhs} : tensor<3x4xf32>, tensor<3x5xf32> -> tensor<4x5xf32>
  %dx = pfc.dropout %dd, %step {rate = 0.4 : f64, seed = 7 : i64, layer = 1 : i64} : tensor<3x5xf32>, tensor<1xi64>
  pfc.output "d_x", %dx : tensor<3x5xf32>
  pfc.output "d_w", %dw : tensor<4x5xf32>
  return
})mlir"},
    {"LayerNorm", {"x", "gamma", "beta"}, R"mlir(
func.func @forward(%x: tensor<2x3x1x5xf32> {pfc.input = "x"}, %gamma: tensor<5xf32> {pfc.input = "gamma"}, %beta: tensor<5xf32> {pfc.input = "beta"}) {
  %mean, %var = pfc.layer_stats %x : tensor<2x3x1x5xf32> -> tensor<2x3x1xf32>
  %y = pfc.layer_norm %x, %mean, %var, %gamma, %beta {eps = 0.01 : f64} : tensor<2x3x1x5xf32>, tensor<2x3x1xf32>, tensor<5xf32> -> tensor<2x3x1x5xf32>
  pfc.output "y", %y : tensor<2x3x1x5xf32>
  return
}
func.func @gradient(%x: tensor<2x3x1x5xf32> {pfc.input = "x"}, %gamma: tensor<5xf32> {pfc.input = "gamma"}, %beta: tensor<5xf32> {pfc.input = "beta"}, %dy: tensor<2x3x1x5xf32> {pfc.input = "dy"}) {
  %mean, %var = pfc.layer_stats %x : tensor<2x3x1x5xf32> -> tensor<2x3x1xf32>
  %sum, %projection = pfc.layer_norm_grad_stats %dy, %x, %mean, %var, %gamma {eps = 0.01 : f64} : tensor<2x3x1x5xf32>, tensor<2x3x1x5xf32>, tensor<2x3x1xf32>, tensor<5xf32>
  %dx = pfc.layer_norm_grad %dy, %x, %mean, %var, %gamma, %sum, %projection {eps = 0.01 : f64} : tensor<2x3x1x5xf32>, tensor<2x3x1x5xf32>, tensor<2x3x1xf32>, tensor<5xf32>
  %dgamma = pfc.layer_norm_gain_grad %dy, %x, %mean, %var {eps = 0.01 : f64} : tensor<2x3x1x5xf32>, tensor<2x3x1x5xf32>, tensor<2x3x1xf32> -> tensor<5xf32>
  %dbeta = pfc.channel_sum %dy : tensor<2x3x1x5xf32> -> tensor<5xf32>
  pfc.output "d_x", %dx : tensor<2x3x1x5xf32>
  pfc.output "d_gamma", %dgamma : tensor<5xf32>
  pfc.output "d_beta", %dbeta : tensor<5xf32>
  return
})mlir"},
    // Inputs around 0 and 6, where no image is dropped and where one is.
    {"Relu6AndDropPath", {"x", "bias"}, R"mlir(
func.func @forward(%x: tensor<4x2x3xf32> {pfc.input = "x"}, %bias: tensor<3xf32> {pfc.input = "bias"}) {
  %step = arith.constant dense<3> : tensor<1xi64>
  %six = arith.constant dense<[0.0, 6.0, 3.0]> : tensor<3xf32>
  %moved = pfc.add_bias %x, %six : tensor<4x2x3xf32>, tensor<3xf32>
  %z = pfc.add_bias %moved, %bias : tensor<4x2x3xf32>, tensor<3xf32>
  %r = pfc.relu6 %z : tensor<4x2x3xf32>
  %y = pfc.drop_path %r, %step {rate = 0.4 : f64, seed = 7 : i64, layer = 1 : i64} : tensor<4x2x3xf32>
  pfc.output "y", %y : tensor<4x2x3xf32>
  return
}
func.func @gradient(%x: tensor<4x2x3xf32> {pfc.input = "x"}, %bias: tensor<3xf32> {pfc.input = "bias"}, %dy: tensor<4x2x3xf32> {pfc.input = "dy"}) {
  %step = arith.constant dense<3> : tensor<1xi64>
  %six = arith.constant dense<[0.0, 6.0, 3.0]> : tensor<3xf32>
  %moved = pfc.add_bias %x, %six : tensor<4x2x3xf32>, tensor<3xf32>
  %z = pfc.add_bias %moved, %bias : tensor<4x2x3xf32>, tensor<3xf32>
  %dr = pfc.drop_path %dy, %step {rate = 0.4 : f64, seed = 7 : i64, layer = 1 : i64} : tensor<4x2x3xf32>
  %dx = pfc.relu6_grad %dr, %z : tensor<4x2x3xf32>
  %dbias = pfc.channel_sum %dx : tensor<4x2x3xf32> -> tensor<3xf32>
  pfc.output "d_x", %dx : tensor<4x2x3xf32>
  pfc.output "d_bias", %dbias : tensor<3xf32>
  return
})mlir"},
    {"SoftmaxOfHeads", {"x"}, R"mlir(
func.func @forward(%x: tensor<2x3x1x8xf32> {pfc.input = "x"}) {
  %a, %b = pfc.split_heads %x {heads = 2 : i64} : tensor<2x3x1x8xf32> -> tensor<4x3x2xf32>, tensor<4x3x2xf32>
  %p = pfc.softmax %b {scale = 0.7 : f64} : tensor<4x3x2xf32> -> tensor<4x3x2xf32>
  %s = pfc.add %a, %p : tensor<4x3x2xf32>
  %y = pfc.merge_heads %s {heads = 2 : i64} : tensor<4x3x2xf32> -> tensor<2x3x1x4xf32>
  pfc.output "y", %y : tensor<2x3x1x4xf32>
  return
}
func.func @gradient(%x: tensor<2x3x1x8xf32> {pfc.input = "x"}, %dy: tensor<2x3x1x4xf32> {pfc.input = "dy"}) {
  %a, %b = pfc.split_heads %x {heads = 2 : i64} : tensor<2x3x1x8xf32> -> tensor<4x3x2xf32>, tensor<4x3x2xf32>
  %p = pfc.softmax %b {scale = 0.7 : f64} : tensor<4x3x2xf32> -> tensor<4x3x2xf32>
  %ds = pfc.split_heads %dy {heads = 2 : i64} : tensor<2x3x1x4xf32> -> tensor<4x3x2xf32>
  %db = pfc.softmax_grad %ds, %p {scale = 0.7 : f64} : tensor<4x3x2xf32>, tensor<4x3x2xf32> -> tensor<4x3x2xf32>
  %dx = pfc.merge_heads %ds, %db {heads = 2 : i64} : tensor<4x3x2xf32>, tensor<4x3x2xf32> -> tensor<2x3x1x8xf32>
  pfc.output "d_x", %dx : tensor<2x3x1x8xf32>
  return
})mlir"},
    {"MaskedTokens", {"x", "mask"}, R"mlir(
func.func @forward(%x: tensor<3x5x1x2xf32> {pfc.input = "x"}, %mask: tensor<2xf32> {pfc.input = "mask"}) {
  %step = arith.constant dense<3> : tensor<1xi64>
  %kept, %slots, %keys = pfc.sample_tokens %step {seed = 7 : i64} : tensor<3x3xi64>, tensor<3x5xi64>
  %some = pfc.gather_tokens %x, %kept, %slots : tensor<3x5x1x2xf32>, tensor<3x3xi64>, tensor<3x5xi64> -> tensor<3x3x1x2xf32>
  %y = pfc.restore_tokens %some, %kept, %slots mask %mask : tensor<2xf32> : tensor<3x3x1x2xf32>, tensor<3x3xi64>, tensor<3x5xi64> -> tensor<3x5x1x2xf32>
  pfc.output "y", %y : tensor<3x5x1x2xf32>
  return
}
func.func @gradient(%x: tensor<3x5x1x2xf32> {pfc.input = "x"}, %mask: tensor<2xf32> {pfc.input = "mask"}, %dy: tensor<3x5x1x2xf32> {pfc.input = "dy"}) {
  %step = arith.constant dense<3> : tensor<1xi64>
  %kept, %slots, %keys = pfc.sample_tokens %step {seed = 7 : i64} : tensor<3x3xi64>, tensor<3x5xi64>
  %dsome = pfc.gather_tokens %dy, %kept, %slots : tensor<3x5x1x2xf32>, tensor<3x3xi64>, tensor<3x5xi64> -> tensor<3x3x1x2xf32>
  %dx = pfc.restore_tokens %dsome, %kept, %slots : tensor<3x3x1x2xf32>, tensor<3x3xi64>, tensor<3x5xi64> -> tensor<3x5x1x2xf32>
  %dmask = pfc.mask_token_grad %dy, %slots : tensor<3x5x1x2xf32>, tensor<3x5xi64> -> tensor<2xf32>
  pfc.output "d_x", %dx : tensor<3x5x1x2xf32>
  pfc.output "d_mask", %dmask : tensor<2xf32>
  return
})mlir"},
    {"GatherAndScatter", {"table"}, R"mlir(
func.func @forward(%table: tensor<5x2xf32> {pfc.input = "table"}) {
  %indices = arith.constant dense<[3, -1, 0, 3]> : tensor<4xi64>
  %y = pfc.gather_rows %table, %indices : tensor<5x2xf32>, tensor<4xi64> -> tensor<4x2xf32>
  pfc.output "y", %y : tensor<4x2xf32>
  return
}
func.func @gradient(%table: tensor<5x2xf32> {pfc.input = "table"}, %dy: tensor<4x2xf32> {pfc.input = "dy"}) {
  %indices = arith.constant dense<[3, -1, 0, 3]> : tensor<4xi64>
  %dtable = pfc.scatter_rows %dy, %indices : tensor<4x2xf32>, tensor<4xi64> -> tensor<5x2xf32>
  pfc.output "d_table", %dtable : tensor<5x2xf32>
  return
})mlir"},
    {"Normalize", {"x"}, R"mlir(
func.func @forward(%x: tensor<3x4xf32> {pfc.input = "x"}) {
  %y = pfc.normalize %x : tensor<3x4xf32>
  pfc.output "y", %y : tensor<3x4xf32>
  return
}
func.func @gradient(%x: tensor<3x4xf32> {pfc.input = "x"}, %dy: tensor<3x4xf32> {pfc.input = "dy"}) {
  %dx = pfc.normalize_grad %dy, %x : tensor<3x4xf32>
  pfc.output "d_x", %dx : tensor<3x4xf32>
  return
})mlir"},
    // A product for each g, as MatmulOp::buildVjp differentiates it.
    {"MatmulEach", {"a", "b"}, R"mlir(
func.func @forward(%a: tensor<2x3x5xf32> {pfc.input = "a"}, %b: tensor<2x5x4xf32> {pfc.input = "b"}) {
  %y = pfc.matmul %a, %b : tensor<2x3x5xf32>, tensor<2x5x4xf32> -> tensor<2x3x4xf32>
  pfc.output "y", %y : tensor<2x3x4xf32>
  return
}
func.func @gradient(%a: tensor<2x3x5xf32> {pfc.input = "a"}, %b: tensor<2x5x4xf32> {pfc.input = "b"}, %dy: tensor<2x3x4xf32> {pfc.input = "dy"}) {
  %da = pfc.matmul %dy, %b {transpose_rhs} : tensor<2x3x4xf32>, tensor<2x5x4xf32> -> tensor<2x3x5xf32>
  %db = pfc.matmul %a, %dy {transpose_lhs} : tensor<2x3x5xf32>, tensor<2x3x4xf32> -> tensor<2x5x4xf32>
  pfc.output "d_a", %da : tensor<2x3x5xf32>
  pfc.output "d_b", %db : tensor<2x5x4xf32>
  return
})mlir"},
    {"MatmulEachRhsT", {"a", "b"}, R"mlir(
func.func @forward(%a: tensor<2x3x5xf32> {pfc.input = "a"}, %b: tensor<2x4x5xf32> {pfc.input = "b"}) {
  %y = pfc.matmul %a, %b {transpose_rhs} : tensor<2x3x5xf32>, tensor<2x4x5xf32> -> tensor<2x3x4xf32>
  pfc.output "y", %y : tensor<2x3x4xf32>
  return
}
func.func @gradient(%a: tensor<2x3x5xf32> {pfc.input = "a"}, %b: tensor<2x4x5xf32> {pfc.input = "b"}, %dy: tensor<2x3x4xf32> {pfc.input = "dy"}) {
  %da = pfc.matmul %dy, %b : tensor<2x3x4xf32>, tensor<2x4x5xf32> -> tensor<2x3x5xf32>
  %db = pfc.matmul %dy, %a {transpose_lhs} : tensor<2x3x4xf32>, tensor<2x3x5xf32> -> tensor<2x4x5xf32>
  pfc.output "d_a", %da : tensor<2x3x5xf32>
  pfc.output "d_b", %db : tensor<2x4x5xf32>
  return
})mlir"},
    {"MatmulEachLhsT", {"a", "b"}, R"mlir(
func.func @forward(%a: tensor<2x5x3xf32> {pfc.input = "a"}, %b: tensor<2x5x4xf32> {pfc.input = "b"}) {
  %y = pfc.matmul %a, %b {transpose_lhs} : tensor<2x5x3xf32>, tensor<2x5x4xf32> -> tensor<2x3x4xf32>
  pfc.output "y", %y : tensor<2x3x4xf32>
  return
}
func.func @gradient(%a: tensor<2x5x3xf32> {pfc.input = "a"}, %b: tensor<2x5x4xf32> {pfc.input = "b"}, %dy: tensor<2x3x4xf32> {pfc.input = "dy"}) {
  %da = pfc.matmul %b, %dy {transpose_rhs} : tensor<2x5x4xf32>, tensor<2x3x4xf32> -> tensor<2x5x3xf32>
  %db = pfc.matmul %a, %dy : tensor<2x5x3xf32>, tensor<2x3x4xf32> -> tensor<2x5x4xf32>
  pfc.output "d_a", %da : tensor<2x5x3xf32>
  pfc.output "d_b", %db : tensor<2x5x4xf32>
  return
})mlir"},
    {"MatmulEachLhsTRhsT", {"a", "b"}, R"mlir(
func.func @forward(%a: tensor<2x5x3xf32> {pfc.input = "a"}, %b: tensor<2x4x5xf32> {pfc.input = "b"}) {
  %y = pfc.matmul %a, %b {transpose_lhs, transpose_rhs} : tensor<2x5x3xf32>, tensor<2x4x5xf32> -> tensor<2x3x4xf32>
  pfc.output "y", %y : tensor<2x3x4xf32>
  return
}
func.func @gradient(%a: tensor<2x5x3xf32> {pfc.input = "a"}, %b: tensor<2x4x5xf32> {pfc.input = "b"}, %dy: tensor<2x3x4xf32> {pfc.input = "dy"}) {
  %da = pfc.matmul %b, %dy {transpose_lhs, transpose_rhs} : tensor<2x4x5xf32>, tensor<2x3x4xf32> -> tensor<2x5x3xf32>
  %db = pfc.matmul %dy, %a {transpose_lhs, transpose_rhs} : tensor<2x3x4xf32>, tensor<2x5x3xf32> -> tensor<2x4x5xf32>
  pfc.output "d_a", %da : tensor<2x5x3xf32>
  pfc.output "d_b", %db : tensor<2x4x5xf32>
  return
})mlir"},
    // Two shards, one slot unused.
    {"SoftmaxCrossEntropy", {"z"}, R"mlir(
func.func @forward(%z: tensor<3x6xf32> {pfc.input = "z"}) {
  %columns = arith.constant dense<[0, 4, 2]> : tensor<3xi64>
  %counts = arith.constant dense<[3, 2]> : tensor<2xi64>
  %loss, %stats = pfc.softmax_cross_entropy %z, %columns, %counts {shift = 2.0 : f64} : tensor<3x6xf32>, tensor<3xi64>, tensor<2xi64> -> tensor<3x2xf32>
  pfc.output "y", %loss : tensor<1xf32>
  return
}
func.func @gradient(%z: tensor<3x6xf32> {pfc.input = "z"}) {
  %columns = arith.constant dense<[0, 4, 2]> : tensor<3xi64>
  %counts = arith.constant dense<[3, 2]> : tensor<2xi64>
  %loss, %stats = pfc.softmax_cross_entropy %z, %columns, %counts {shift = 2.0 : f64} : tensor<3x6xf32>, tensor<3xi64>, tensor<2xi64> -> tensor<3x2xf32>
  %dz = pfc.softmax_cross_entropy_grad %z, %columns, %counts, %stats {shift = 2.0 : f64, batch = 3 : i64} : tensor<3x6xf32>, tensor<3xi64>, tensor<2xi64>, tensor<3x2xf32>
  pfc.output "d_z", %dz : tensor<3x6xf32>
  return
})mlir"},
};

INSTANTIATE_TEST_SUITE_P(Ops, GradientsTest, testing::ValuesIn(cases),
                         [](const auto &info) { return info.param.name; });

} // namespace

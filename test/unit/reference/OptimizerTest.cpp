//===- OptimizerTest.cpp - AdamW over steps, against its closed form ------===//
#include "test/unit/reference/ReferenceTest.h"
#include <cmath>

using namespace pfc::reference;

namespace {

/// A parameter and a table of class centers with the same values and gradients,
/// of which row 1 takes part in every step and row 0 in none.
TestModule adamw() {
  return TestModule(R"(
func.func @train_step(%g: tensor<1x3xf32> {pfc.input = "embeddings"}, %lr: tensor<1xf32> {pfc.input = "lr"}) {
  %c1 = pfc.variable "c1" optimizer_state init<constant, 0.0, 0.0> : tensor<1xf32>
  %c2 = pfc.variable "c2" optimizer_state init<constant, 0.0, 0.0> : tensor<1xf32>
  %n1, %n2 = pfc.bias_corrections %c1, %c2 {beta1 = 0.9 : f64, beta2 = 0.999 : f64}
  pfc.assign "c1", %n1 : tensor<1xf32>
  pfc.assign "c2", %n2 : tensor<1xf32>
  %p = pfc.variable "p" parameter init<constant, 0.5, 0.0> : tensor<1x3xf32>
  %m = pfc.variable "m" optimizer_state init<constant, 0.0, 0.0> : tensor<1x3xf32>
  %v = pfc.variable "v" optimizer_state init<constant, 0.0, 0.0> : tensor<1x3xf32>
  %p1, %m1, %v1 = pfc.adamw %p, %m, %v, %g, %lr corrected %n1, %n2 {beta1 = 0.9 : f64, beta2 = 0.999 : f64, eps = 1.0e-8 : f64, weight_decay = 0.1 : f64} : tensor<1x3xf32>
  pfc.assign "p", %p1 : tensor<1x3xf32>
  pfc.assign "m", %m1 : tensor<1x3xf32>
  pfc.assign "v", %v1 : tensor<1x3xf32>
  pfc.output "p", %p1 : tensor<1x3xf32>
  %i = arith.constant dense<[1]> : tensor<1xi64>
  %w = pfc.variable "w" parameter init<constant, 0.5, 0.0> : tensor<2x3xf32>
  %wm = pfc.variable "wm" optimizer_state init<constant, 0.0, 0.0> : tensor<2x3xf32>
  %wv = pfc.variable "wv" optimizer_state init<constant, 0.0, 0.0> : tensor<2x3xf32>
  %w1, %wm1, %wv1 = pfc.update_rows all %w, %wm adamw %wv corrected %n1, %n2, %i, %g, %lr {mu = 0.9 : f64, beta2 = 0.999 : f64, eps = 1.0e-8 : f64, weight_decay = 0.1 : f64} : tensor<2x3xf32>, tensor<1xi64>, tensor<1x3xf32>
  pfc.assign "w", %w1 : tensor<2x3xf32>
  pfc.assign "wm", %wm1 : tensor<2x3xf32>
  pfc.assign "wv", %wv1 : tensor<2x3xf32>
  pfc.output "w", %w1 : tensor<2x3xf32>
  return
}
)");
}

/// Moments as sums over all gradients so far, corrections as powers.
TEST(AdamW, ByItsClosedForm) {
  TestModule module = adamw();
  State state = module.initialState("train_step");
  std::vector<std::vector<double>> gradients;
  std::vector<double> parameter(3, 0.5);
  double idle = 0.5;
  for (int t = 1; t <= 50; ++t) {
    double lr = 0.01 / t;
    gradients.push_back({std::sin(t), -0.001 * t, t == 1 ? 1.0 : 0.0});
    TensorMap out =
        module
            .run("train_step",
                 {{"embeddings", Tensor::ofReals({1, 3}, gradients.back())},
                  {"lr", scalar(lr)}},
                 state)
            .outputs;
    for (int d = 0; d < 3; ++d) {
      double mean = 0.0, square = 0.0;
      for (int k = 1; k <= t; ++k) {
        double g = gradients[k - 1][d];
        mean += 0.1 * std::pow(0.9, t - k) * g;
        square += 0.001 * std::pow(0.999, t - k) * g * g;
      }
      mean /= 1.0 - std::pow(0.9, t);
      square /= 1.0 - std::pow(0.999, t);
      parameter[d] *= 1.0 - lr * 0.1;
      parameter[d] -= lr * mean / (std::sqrt(square) + 1e-8);
      EXPECT_NEAR(out.at("p").reals[d], parameter[d], 1e-12) << t;
      EXPECT_NEAR(out.at("w").reals[3 + d], parameter[d], 1e-12) << t;
    }
    idle *= 1.0 - lr * 0.1;
    EXPECT_NEAR(out.at("w").reals[0], idle, 1e-12) << t;
  }
}

} // namespace

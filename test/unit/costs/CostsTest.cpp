//===- CostsTest.cpp - Costs of ops against counts made by hand -----------===//
#include "dialects/pfc/ir/PfcDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

using namespace pfc;

namespace {

class Costs : public testing::Test {
protected:
  Costs() { context.loadDialect<PfcDialect, mlir::func::FuncDialect>(); }

  /// The cost of the one costed op in a function with these arguments.
  OpCost of(const std::string &arguments, const std::string &body) {
    std::string text =
        "func.func @f(" + arguments + ") {\n" + body + "\n  return\n}\n";
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    OpCost cost;
    int found = 0;
    if (module)
      module->walk([&](CostOpInterface op) {
        cost = op.getCost();
        ++found;
      });
    EXPECT_EQ(found, 1);
    return cost;
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

void expectCost(OpCost cost, uint64_t flops, uint64_t read, uint64_t written) {
  EXPECT_EQ(cost.flops, flops);
  EXPECT_EQ(cost.bytesRead, read);
  EXPECT_EQ(cost.bytesWritten, written);
}

// Two images of 2 × 2 outputs, 5 channels; 3 × 3 taps of 3 channels each.
constexpr uint64_t convFlops = 2ull * (2 * 2 * 2 * 5) * (3 * 3 * 3);

TEST_F(Costs, ConvolutionCountsAllTaps) {
  OpCost cost = of("%x: tensor<2x4x4x3xbf16>, %w: tensor<5x3x3x3xbf16>",
                   "%y = pfc.conv2d %x, %w {stride = 2 : i64, padding = 1 : "
                   "i64} : tensor<2x4x4x3xbf16>, tensor<5x3x3x3xbf16> -> "
                   "tensor<2x2x2x5xbf16>");
  expectCost(cost, convFlops, 2 * (2 * 4 * 4 * 3 + 5 * 27), 2 * 2 * 2 * 2 * 5);
}

TEST_F(Costs, ConvolutionInGroupsCountsTheChannelsSeen) {
  OpCost cost = of("%x: tensor<2x4x4x6xf32>, %w: tensor<6x3x3x1xf32>",
                   "%y = pfc.conv2d %x, %w {stride = 1 : i64, padding = 1 : "
                   "i64} : tensor<2x4x4x6xf32>, tensor<6x3x3x1xf32> -> "
                   "tensor<2x4x4x6xf32>");
  expectCost(cost, 2 * (2 * 4 * 4 * 6) * 9, 4 * (2 * 4 * 4 * 6 + 6 * 9),
             4 * 2 * 4 * 4 * 6);
}

TEST_F(Costs, APatchTouchesOneElementOfARow) {
  OpCost cost =
      of("%e: tensor<4x100xbf16>, %s: tensor<4x2xf32>, %t: tensor<4xf32>, "
         "%c: tensor<4xi64>, %f: tensor<1xi64>",
         "%p = pfc.margin_patch %e, %s, %t, %c, %f margin <m1 = 1.0, m2 = 0.5, "
         "m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {shift = 0.0 "
         ": f64} : tensor<4x100xbf16>, tensor<4x2xf32>, tensor<4xf32>, "
         "tensor<4xi64>");
  expectCost(cost, 5 * 4, 4 * (2 * 4 + 4 + 8), 2 * 4);
}

TEST_F(Costs, ConvolutionGradientsCostTheSame) {
  OpCost input = of("%dy: tensor<2x2x2x5xf32>, %w: tensor<5x3x3x3xf32>",
                    "%y = pfc.conv2d_input_grad %dy, %w {stride = 2 : i64, "
                    "padding = 1 : i64} : tensor<2x2x2x5xf32>, "
                    "tensor<5x3x3x3xf32> -> tensor<2x4x4x3xf32>");
  EXPECT_EQ(input.flops, convFlops);
  OpCost filter = of("%x: tensor<2x4x4x3xf32>, %dy: tensor<2x2x2x5xf32>",
                     "%y = pfc.conv2d_filter_grad %x, %dy {stride = 2 : i64, "
                     "padding = 1 : i64} : tensor<2x4x4x3xf32>, "
                     "tensor<2x2x2x5xf32> -> tensor<5x3x3x3xf32>");
  EXPECT_EQ(filter.flops, convFlops);
}

TEST_F(Costs, MatmulContractsTheRightExtent) {
  OpCost cost = of("%a: tensor<7x2xf32>, %b: tensor<7x3xf32>",
                   "%y = pfc.matmul %a, %b {transpose_lhs} : "
                   "tensor<7x2xf32>, tensor<7x3xf32> -> tensor<2x3xf32>");
  expectCost(cost, 2 * 2 * 3 * 7, 4 * (14 + 21), 4 * 6);
  OpCost each = of("%a: tensor<5x7x2xf32>, %b: tensor<5x7x3xf32>",
                   "%y = pfc.matmul %a, %b {transpose_lhs} : tensor<5x7x2xf32>,"
                   " tensor<5x7x3xf32> -> tensor<5x2x3xf32>");
  expectCost(each, 5 * 2 * 2 * 3 * 7, 5 * 4 * (14 + 21), 5 * 4 * 6);
}

TEST_F(Costs, GatherReadsRowsNotTheTable) {
  OpCost cost =
      of("%t: tensor<1000x8xf32>, %i: tensor<3xi64>",
         "%y = pfc.gather_rows %t, %i : tensor<1000x8xf32>, tensor<3xi64> -> "
         "tensor<3x8xf32>");
  expectCost(cost, 0, 4 * 24 + 8 * 3, 4 * 24);
  OpCost unit =
      of("%t: tensor<1000x8xf32>, %i: tensor<3xi64>",
         "%y = pfc.gather_unit_rows %t, %i : tensor<1000x8xf32>, tensor<3xi64> "
         "-> tensor<3x8xbf16>");
  expectCost(unit, 3 * 24, 4 * 24 + 8 * 3, 2 * 24);
}

TEST_F(Costs, UpdateTouchesSampledRowsOrAll) {
  std::string arguments = "%t: tensor<1000x8xf32>, %v: tensor<1000x8xf32>, %i: "
                          "tensor<3xi64>, %g: tensor<3x8xf32>, %lr: "
                          "tensor<1xf32>";
  auto body = [](const std::string &rows) {
    return "%a, %b = pfc.update_rows " + rows +
           " %t, %v, %i, %g, %lr {mu = 0.9 : f64, weight_decay = 0.0 : f64} : "
           "tensor<1000x8xf32>, tensor<3xi64>, tensor<3x8xf32>";
  };
  expectCost(of(arguments, body("sampled")), 6 * 24, 4 * 24 * 3 + 8 * 3,
             4 * 24 * 2);
  expectCost(of(arguments, body("all")), 6 * 8000,
             4 * 8000 * 2 + 4 * 24 + 8 * 3, 4 * 8000 * 2);
  // AdamW has one table more.
  expectCost(of(arguments,
                "%a, %b, %c = pfc.update_rows sampled %t, %v adamw %v "
                "corrected %lr, %lr, %i, %g, %lr {mu = 0.9 : f64, beta2 = "
                "0.9 : f64, eps = 0.1 : f64, weight_decay = 0.0 : f64} : "
                "tensor<1000x8xf32>, tensor<3xi64>, tensor<3x8xf32>"),
             16 * 24, 4 * 24 * 4 + 8 * 3, 4 * 24 * 3);
  expectCost(
      of(arguments + ", %n: tensor<1xi64>",
         "%a, %b = pfc.coast_rows %t, %v, %i, %lr, %n {mu = 0.9 : f64, "
         "weight_decay = 0.0 : f64} : tensor<1000x8xf32>, tensor<3xi64>"),
      6 * 997 * 8, 4 * 997 * 8 * 2 + 8 * 3, 4 * 997 * 8 * 2);
}

TEST_F(Costs, ElementWiseOpsMoveWhatTheyName) {
  OpCost cost = of("%x: tensor<2x3xbf16>, %a: tensor<3xf32>",
                   "%y = pfc.prelu %x, %a : tensor<2x3xbf16>, tensor<3xf32>");
  expectCost(cost, 6, 2 * 6 + 4 * 3, 2 * 6);
}

TEST_F(Costs, FusedHeadIsThreeProducts) {
  std::string margin = "margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 8.0, "
                       "gradient = exact, filter = 0.0> ";
  OpCost forward = of(
      "%x: tensor<8x16xbf16>, %w: tensor<3x16xbf16>, %c: tensor<8xi64>, %n: "
      "tensor<1xi64>",
      "%e, %s, %t = pfc.margin_softmax %x, %w, %c, %n " + margin +
          "{shift = 0.0 : f64} : tensor<8x16xbf16>, tensor<3x16xbf16>, "
          "tensor<8xi64>, tensor<1xi64> -> tensor<8x3xbf16>, tensor<8x2xf32>, "
          "tensor<8xf32>");
  expectCost(forward, 8 * 3 * (2 * 16 + 3), 2 * (8 * 16 + 3 * 16) + 8 * 8 + 8,
             2 * 24 + 4 * 16 + 4 * 8);
}

} // namespace

// Network ops on values worked out by hand.
// RUN: pfc-interpret %s --print | FileCheck %s

func.func @train_step() {
  // CHECK-DAG: pixels [1x3]: -1 1 -0.6
  %bytes = arith.constant dense<[[0, 255, 51]]> : tensor<1x3xui8>
  %pixels = pfc.scale_pixels %bytes : tensor<1x3xui8> -> tensor<1x3xf32>
  pfc.output "pixels", %pixels : tensor<1x3xf32>

  %image = arith.constant dense<[[[[1.0], [2.0], [3.0]], [[4.0], [5.0], [6.0]], [[7.0], [8.0], [9.0]]]]> : tensor<1x3x3x1xf32>
  %ones = arith.constant dense<1.0> : tensor<1x3x3x1xf32>
  // CHECK-DAG: neighbours [1x3x3x1]: 12 21 16 27 45 33 24 39 28
  %neighbours = pfc.conv2d %image, %ones {stride = 1 : i64, padding = 1 : i64} : tensor<1x3x3x1xf32>, tensor<1x3x3x1xf32> -> tensor<1x3x3x1xf32>
  pfc.output "neighbours", %neighbours : tensor<1x3x3x1xf32>
  // CHECK-DAG: every_second [1x2x2x1]: 12 16 24 28
  %every_second = pfc.conv2d %image, %ones {stride = 2 : i64, padding = 1 : i64} : tensor<1x3x3x1xf32>, tensor<1x3x3x1xf32> -> tensor<1x2x2x1xf32>
  pfc.output "every_second", %every_second : tensor<1x2x2x1xf32>

  // A one at [0,2] reads from above and to the right: filters are not flipped.
  %above = arith.constant dense<[[[[0.0], [0.0], [1.0]], [[0.0], [0.0], [0.0]], [[0.0], [0.0], [0.0]]]]> : tensor<1x3x3x1xf32>
  // CHECK-DAG: shifted [1x3x3x1]: 0 0 0 2 3 0 5 6 0
  %shifted = pfc.conv2d %image, %above {stride = 1 : i64, padding = 1 : i64} : tensor<1x3x3x1xf32>, tensor<1x3x3x1xf32> -> tensor<1x3x3x1xf32>
  pfc.output "shifted", %shifted : tensor<1x3x3x1xf32>

  // Channels: 3 + 10·5 and 100·3 + 1000·5.
  %pixel = arith.constant dense<[[[[3.0, 5.0]]]]> : tensor<1x1x1x2xf32>
  %mix = arith.constant dense<[[[[1.0, 10.0]]], [[[100.0, 1000.0]]]]> : tensor<2x1x1x2xf32>
  // CHECK-DAG: mixed [1x1x1x2]: 53 5300
  %mixed = pfc.conv2d %pixel, %mix {stride = 1 : i64, padding = 0 : i64} : tensor<1x1x1x2xf32>, tensor<2x1x1x2xf32> -> tensor<1x1x1x2xf32>
  pfc.output "mixed", %mixed : tensor<1x1x1x2xf32>

  // CHECK-DAG: prelu [2x2]: -1 4 0 -0.25
  %signs = arith.constant dense<[[-2.0, 4.0], [0.0, -1.0]]> : tensor<2x2xf32>
  %slope = arith.constant dense<[0.5, 0.25]> : tensor<2xf32>
  %prelu = pfc.prelu %signs, %slope : tensor<2x2xf32>, tensor<2xf32>
  pfc.output "prelu", %prelu : tensor<2x2xf32>

  // Two groups of two rows: {1, 3} and {10, 20}; merged, all four.
  %rows = arith.constant dense<[[1.0], [3.0], [10.0], [20.0]]> : tensor<4x1xf32>
  // CHECK-DAG: mean [2x1]: 2 15
  // CHECK-DAG: variance [2x1]: 1 25
  %mean, %variance = pfc.batch_stats %rows : tensor<4x1xf32> -> tensor<2x1xf32>
  pfc.output "mean", %mean : tensor<2x1xf32>
  pfc.output "variance", %variance : tensor<2x1xf32>
  // CHECK-DAG: merged_mean [1x1]: 8.5
  // CHECK-DAG: merged_variance [1x1]: 55.25
  %merged_mean, %merged_variance = pfc.merge_stats %mean, %variance : tensor<2x1xf32> -> tensor<1x1xf32>
  pfc.output "merged_mean", %merged_mean : tensor<1x1xf32>
  pfc.output "merged_variance", %merged_variance : tensor<1x1xf32>
  // CHECK-DAG: whole_variance [1x1]: 55.25
  %whole_mean, %whole_variance = pfc.batch_stats %rows : tensor<4x1xf32> -> tensor<1x1xf32>
  pfc.output "whole_variance", %whole_variance : tensor<1x1xf32>
  // 2·(±1) + 1.
  // CHECK-DAG: normalised [4x1]: -1 3 -1 3
  %gamma = arith.constant dense<2.0> : tensor<1xf32>
  %beta = arith.constant dense<1.0> : tensor<1xf32>
  %normalised = pfc.batch_norm %rows, %mean, %variance, %gamma, %beta {eps = 0.0 : f64, training} : tensor<4x1xf32>, tensor<2x1xf32>, tensor<1xf32>
  pfc.output "normalised", %normalised : tensor<4x1xf32>
  // rsqrt(1 + 3) = 1/2: 2·(x − 2)/2 + 1 of the first group.
  // CHECK-DAG: with_eps [2x1]: 0 2
  %pair = arith.constant dense<[[1.0], [3.0]]> : tensor<2x1xf32>
  %pair_mean, %pair_variance = pfc.batch_stats %pair : tensor<2x1xf32> -> tensor<1x1xf32>
  %with_eps = pfc.batch_norm %pair, %pair_mean, %pair_variance, %gamma, %beta {eps = 3.0 : f64} : tensor<2x1xf32>, tensor<1x1xf32>, tensor<1xf32>
  pfc.output "with_eps", %with_eps : tensor<2x1xf32>

  %a = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %b = arith.constant dense<[[5.0, 6.0], [7.0, 8.0]]> : tensor<2x2xf32>
  // CHECK-DAG: ab [2x2]: 19 22 43 50
  %ab = pfc.matmul %a, %b : tensor<2x2xf32>, tensor<2x2xf32> -> tensor<2x2xf32>
  pfc.output "ab", %ab : tensor<2x2xf32>
  // CHECK-DAG: atb [2x2]: 26 30 38 44
  %atb = pfc.matmul %a, %b {transpose_lhs} : tensor<2x2xf32>, tensor<2x2xf32> -> tensor<2x2xf32>
  pfc.output "atb", %atb : tensor<2x2xf32>
  // CHECK-DAG: abt [2x2]: 17 23 39 53
  %abt = pfc.matmul %a, %b {transpose_rhs} : tensor<2x2xf32>, tensor<2x2xf32> -> tensor<2x2xf32>
  pfc.output "abt", %abt : tensor<2x2xf32>
  // CHECK-DAG: atbt [2x2]: 23 31 34 46
  %atbt = pfc.matmul %a, %b {transpose_lhs, transpose_rhs} : tensor<2x2xf32>, tensor<2x2xf32> -> tensor<2x2xf32>
  pfc.output "atbt", %atbt : tensor<2x2xf32>
  // Each g by itself, whose second lhs is twice and second rhs half the first.
  // CHECK-DAG: each [2x2x2]: 17 23 39 53 17 23 39 53
  %as = arith.constant dense<[[[1.0, 2.0], [3.0, 4.0]], [[2.0, 4.0], [6.0, 8.0]]]> : tensor<2x2x2xf32>
  %bs = arith.constant dense<[[[5.0, 6.0], [7.0, 8.0]], [[2.5, 3.0], [3.5, 4.0]]]> : tensor<2x2x2xf32>
  %each = pfc.matmul %as, %bs {transpose_rhs} : tensor<2x2x2xf32>, tensor<2x2x2xf32> -> tensor<2x2x2xf32>
  pfc.output "each", %each : tensor<2x2x2xf32>
  // CHECK-DAG: each_outer [2x2x2]: 26 30 38 44 26 30 38 44
  %each_outer = pfc.matmul %as, %bs {transpose_lhs} : tensor<2x2x2xf32>, tensor<2x2x2xf32> -> tensor<2x2x2xf32>
  pfc.output "each_outer", %each_outer : tensor<2x2x2xf32>
  // CHECK-DAG: linear [2x2]: 17 23 39 53
  %linear = pfc.linear %a, %b : tensor<2x2xf32>, tensor<2x2xf32> -> tensor<2x2xf32>
  pfc.output "linear", %linear : tensor<2x2xf32>
  // CHECK-DAG: cosines [2x2]: 17 23 39 53
  %cosines = pfc.cosine_logits %a, %b : tensor<2x2xf32>, tensor<2x2xf32> -> tensor<2x2xf32>
  pfc.output "cosines", %cosines : tensor<2x2xf32>

  // CHECK-DAG: add [2x2]: 6 8 10 12
  %add = pfc.add %a, %b : tensor<2x2xf32>
  pfc.output "add", %add : tensor<2x2xf32>
  // CHECK-DAG: biased [2x2]: 1.5 2.25 3.5 4.25
  %biased = pfc.add_bias %a, %slope : tensor<2x2xf32>, tensor<2xf32>
  pfc.output "biased", %biased : tensor<2x2xf32>
  // CHECK-DAG: channel_sum [2]: 4 6
  %channel_sum = pfc.channel_sum %a : tensor<2x2xf32> -> tensor<2xf32>
  pfc.output "channel_sum", %channel_sum : tensor<2xf32>
  // CHECK-DAG: sum_groups [2]: 2 3
  %sum_groups = pfc.sum_groups %a {scale = 0.5 : f64} : tensor<2x2xf32> -> tensor<2xf32>
  pfc.output "sum_groups", %sum_groups : tensor<2xf32>
  // CHECK-DAG: scaled_rows [2x2]: 0.5 1 0.75 1
  %scaled_rows = pfc.scale_rows %a, %slope : tensor<2x2xf32>, tensor<2xf32> -> tensor<2x2xf32>
  pfc.output "scaled_rows", %scaled_rows : tensor<2x2xf32>
  // CHECK-DAG: reshaped [1x2x2x1]: 12 16 24 28
  %flat = pfc.reshape %every_second : tensor<1x2x2x1xf32> -> tensor<1x4xf32>
  %reshaped = pfc.reshape %flat : tensor<1x4xf32> -> tensor<1x2x2x1xf32>
  pfc.output "reshaped", %reshaped : tensor<1x2x2x1xf32>
  return
}

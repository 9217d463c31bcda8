// Head ops on values worked out by hand.
// RUN: pfc-interpret %s --print | FileCheck %s

func.func @train_step() {
  // 3-4-5 triangles; a row of zeros stays zero.
  %x = arith.constant dense<[[3.0, 4.0], [0.0, 0.0]]> : tensor<2x2xf32>
  // CHECK-DAG: unit [2x2]: 0.6 0.8 0 0
  %unit = pfc.normalize %x : tensor<2x2xf32>
  pfc.output "unit", %unit : tensor<2x2xf32>
  // ((1, 0) − 0.6·(0.6, 0.8)) / 5.
  // CHECK-DAG: unit_grad [2x2]: 0.128 -0.096 0 0
  %d = arith.constant dense<[[1.0, 0.0], [0.0, 0.0]]> : tensor<2x2xf32>
  %unit_grad = pfc.normalize_grad %d, %x : tensor<2x2xf32>
  pfc.output "unit_grad", %unit_grad : tensor<2x2xf32>

  // Classes {0 1 2} {3 4 5} {6 7} {8 9} on 4 ranks; labels 7 2 2 9.
  %labels = arith.constant dense<[7, 2, 2, 9]> : tensor<4xi64>
  %step = arith.constant dense<0> : tensor<1xi64>
  // CHECK-DAG: all [12]: 0 1 2 3 4 5 6 7 -1 8 9 -1
  // CHECK-DAG: all_counts [4]: 3 3 2 2
  // CHECK-DAG: all_columns [4]: 7 2 2 10
  %all, %all_counts, %all_columns = pfc.sample_centers %labels, %step {classes = 10 : i64, sample_rate = 1.0 : f64, seed = 7 : i64, capacity = 3 : i64} : tensor<4xi64>, tensor<1xi64> -> tensor<12xi64>, tensor<4xi64>
  pfc.output "all", %all : tensor<12xi64>
  pfc.output "all_counts", %all_counts : tensor<4xi64>
  pfc.output "all_columns", %all_columns : tensor<4xi64>
  // Rate 0: the positives alone.
  // CHECK-DAG: positives [12]: 2 -1 -1 -1 -1 -1 7 -1 -1 9 -1 -1
  // CHECK-DAG: positives_counts [4]: 1 0 1 1
  // CHECK-DAG: positives_columns [4]: 6 0 0 9
  %positives, %positives_counts, %positives_columns = pfc.sample_centers %labels, %step {classes = 10 : i64, sample_rate = 0.0 : f64, seed = 7 : i64, capacity = 3 : i64} : tensor<4xi64>, tensor<1xi64> -> tensor<12xi64>, tensor<4xi64>
  pfc.output "positives", %positives : tensor<12xi64>
  pfc.output "positives_counts", %positives_counts : tensor<4xi64>
  pfc.output "positives_columns", %positives_columns : tensor<4xi64>

  // CHECK-DAG: gathered [3x1]: 30 0 10
  // CHECK-DAG: scattered [3x1]: 3 0 1
  %table = arith.constant dense<[[10.0], [20.0], [30.0]]> : tensor<3x1xf32>
  %indices = arith.constant dense<[2, -1, 0]> : tensor<3xi64>
  %gathered = pfc.gather_rows %table, %indices : tensor<3x1xf32>, tensor<3xi64> -> tensor<3x1xf32>
  pfc.output "gathered", %gathered : tensor<3x1xf32>
  %rows = arith.constant dense<[[1.0], [2.0], [3.0]]> : tensor<3x1xf32>
  %scattered = pfc.scatter_rows %rows, %indices : tensor<3x1xf32>, tensor<3xi64> -> tensor<3x1xf32>
  pfc.output "scattered", %scattered : tensor<3x1xf32>

  // θ = π/3 at the target of row 0. Row 1 has none; 0.45 is filtered there.
  %cosines = arith.constant dense<[[0.25, 0.5], [0.45, -0.5]]> : tensor<2x2xf64>
  %columns = arith.constant dense<[1, -1]> : tensor<2xi64>
  // 2·cos(π/3 + 0.5).
  // CHECK-DAG: arcface [2x2]: 0.5 0.0471931706 0 -1
  %arcface = pfc.margin %cosines, %columns margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 2.0, gradient = exact, filter = 0.4> : tensor<2x2xf64>, tensor<2xi64>
  pfc.output "arcface", %arcface : tensor<2x2xf64>
  // 2·(0.5 − 0.4).
  // CHECK-DAG: cosface [2x2]: 0.5 0.2 0.9 -1
  %cosface = pfc.margin %cosines, %columns margin<m1 = 1.0, m2 = 0.0, m3 = 0.4, scale = 2.0, gradient = exact, filter = 0.0> : tensor<2x2xf64>, tensor<2xi64>
  pfc.output "cosface", %cosface : tensor<2x2xf64>
  // 2·(cos(1.5·π/3 + 0.25) − 0.1) = −2·sin(0.25) − 0.2.
  // CHECK-DAG: combined [2x2]: 0.5 -0.69480791{{[0-9]+}} 0.9 -1
  %combined = pfc.margin %cosines, %columns margin<m1 = 1.5, m2 = 0.25, m3 = 0.1, scale = 2.0, gradient = exact, filter = 0.0> : tensor<2x2xf64>, tensor<2xi64>
  pfc.output "combined", %combined : tensor<2x2xf64>
  // 2·sin(π/3 + 0.5)/sin(π/3); 2 where it is straight through.
  %ones = arith.constant dense<1.0> : tensor<2x2xf64>
  // CHECK-DAG: exact_grad [2x2]: 2 2.30875{{[0-9]+}} 0 2
  %exact_grad = pfc.margin_grad %ones, %cosines, %columns margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 2.0, gradient = exact, filter = 0.4> : tensor<2x2xf64>, tensor<2xi64>
  pfc.output "exact_grad", %exact_grad : tensor<2x2xf64>
  // CHECK-DAG: straight_grad [2x2]: 2 2 2 2
  %straight_grad = pfc.margin_grad %ones, %cosines, %columns margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 2.0, gradient = straight_through, filter = 0.0> : tensor<2x2xf64>, tensor<2xi64>
  pfc.output "straight_grad", %straight_grad : tensor<2x2xf64>

  // exp(z) is 1, 2, 3 in the used slots of two shards; Z = 6, the loss ln 3.
  %z = arith.constant dense<[[0.0, 0.6931471805599453, 1.0986122886681098, 100.0]]> : tensor<1x4xf64>
  %counts = arith.constant dense<[2, 1]> : tensor<2xi64>
  %target = arith.constant dense<1> : tensor<1xi64>
  // CHECK-DAG: {{^}}loss [1]: 1.09861229
  // CHECK-DAG: {{^}}stats [1x2]: 6 0.693147181
  %loss, %stats = pfc.softmax_cross_entropy %z, %target, %counts {shift = 0.0 : f64} : tensor<1x4xf64>, tensor<1xi64>, tensor<2xi64> -> tensor<1x2xf32>
  pfc.output "loss", %loss : tensor<1xf32>
  pfc.output "stats", %stats : tensor<1x2xf32>
  // CHECK-DAG: shifted_loss [1]: 1.09861229
  %shifted_loss, %shifted_stats = pfc.softmax_cross_entropy %z, %target, %counts {shift = 5.0 : f64} : tensor<1x4xf64>, tensor<1xi64>, tensor<2xi64> -> tensor<1x2xf32>
  pfc.output "shifted_loss", %shifted_loss : tensor<1xf32>
  // (1/6, 2/6 − 1, 3/6, 0) / 2.
  // CHECK-DAG: loss_grad [1x4]: 0.0833333333 -0.333333333 0.25 0
  %loss_grad = pfc.softmax_cross_entropy_grad %z, %target, %counts, %stats {shift = 0.0 : f64, batch = 2 : i64} : tensor<1x4xf64>, tensor<1xi64>, tensor<2xi64>, tensor<1x2xf32>
  pfc.output "loss_grad", %loss_grad : tensor<1x4xf64>
  return
}

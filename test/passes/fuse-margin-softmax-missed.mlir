// Why a head was not fused.
// RUN: pfc-opt %s --pfc-fuse-margin-softmax --remarks-filter=pfc-fuse-margin-softmax --split-input-file 2>&1 | FileCheck %s

// CHECK: [Missed] FuseMarginSoftmax | Category:pfc-fuse-margin-softmax | Reason="the logits are not those of pfc.margin"
func.func @plain_softmax(%z: tensor<2x3xf32>, %columns: tensor<2xi64>, %count: tensor<1xi64>) {
  %stats = pfc.softmax_stats %z, %columns, %count {shift = 0.0 : f64} : tensor<2x3xf32>, tensor<2xi64>, tensor<1xi64> -> tensor<2x2xf32>
  pfc.output "stats", %stats : tensor<2x2xf32>
  return
}

// -----

// CHECK: Reason="the matrix of cosines is also used by pfc.output"
func.func @cosines_wanted(%x: tensor<2x4xf32>, %w: tensor<3x4xf32>, %columns: tensor<2xi64>, %count: tensor<1xi64>) {
  %cos = pfc.cosine_logits %x, %w : tensor<2x4xf32>, tensor<3x4xf32> -> tensor<2x3xf32>
  %z = pfc.margin %cos, %columns margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 8.0, gradient = exact, filter = 0.0> : tensor<2x3xf32>, tensor<2xi64>
  %stats = pfc.softmax_stats %z, %columns, %count {shift = 0.0 : f64} : tensor<2x3xf32>, tensor<2xi64>, tensor<1xi64> -> tensor<2x2xf32>
  pfc.output "stats", %stats : tensor<2x2xf32>
  pfc.output "cosines", %cos : tensor<2x3xf32>
  return
}

// -----

// CHECK: Reason="forward and backward differ in targets, margin or shift"
func.func @other_shift(%x: tensor<2x4xf32>, %w: tensor<3x4xf32>, %columns: tensor<2xi64>, %count: tensor<1xi64>) {
  %cos = pfc.cosine_logits %x, %w : tensor<2x4xf32>, tensor<3x4xf32> -> tensor<2x3xf32>
  %z = pfc.margin %cos, %columns margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 8.0, gradient = exact, filter = 0.0> : tensor<2x3xf32>, tensor<2xi64>
  %stats = pfc.softmax_stats %z, %columns, %count {shift = 0.0 : f64} : tensor<2x3xf32>, tensor<2xi64>, tensor<1xi64> -> tensor<2x2xf32>
  %dz = pfc.softmax_cross_entropy_grad %z, %columns, %count, %stats {shift = 1.0 : f64, batch = 2 : i64} : tensor<2x3xf32>, tensor<2xi64>, tensor<1xi64>, tensor<2x2xf32>
  %dcos = pfc.margin_grad %dz, %cos, %columns margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 8.0, gradient = exact, filter = 0.0> : tensor<2x3xf32>, tensor<2xi64>
  %dx = pfc.matmul %dcos, %w : tensor<2x3xf32>, tensor<3x4xf32> -> tensor<2x4xf32>
  pfc.output "dx", %dx : tensor<2x4xf32>
  return
}

// -----

// CHECK: Reason="it is not differentiated with respect to both operands"
func.func @fixed_centers(%x: tensor<2x4xf32>, %w: tensor<3x4xf32>, %columns: tensor<2xi64>, %count: tensor<1xi64>) {
  %cos = pfc.cosine_logits %x, %w : tensor<2x4xf32>, tensor<3x4xf32> -> tensor<2x3xf32>
  %z = pfc.margin %cos, %columns margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 8.0, gradient = exact, filter = 0.0> : tensor<2x3xf32>, tensor<2xi64>
  %stats = pfc.softmax_stats %z, %columns, %count {shift = 0.0 : f64} : tensor<2x3xf32>, tensor<2xi64>, tensor<1xi64> -> tensor<2x2xf32>
  %dz = pfc.softmax_cross_entropy_grad %z, %columns, %count, %stats {shift = 0.0 : f64, batch = 2 : i64} : tensor<2x3xf32>, tensor<2xi64>, tensor<1xi64>, tensor<2x2xf32>
  %dcos = pfc.margin_grad %dz, %cos, %columns margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 8.0, gradient = exact, filter = 0.0> : tensor<2x3xf32>, tensor<2xi64>
  %dx = pfc.matmul %dcos, %w : tensor<2x3xf32>, tensor<3x4xf32> -> tensor<2x4xf32>
  pfc.output "dx", %dx : tensor<2x4xf32>
  return
}

// -----

// CHECK: Reason="the gradient of the cosines is also used by pfc.output"
func.func @gradient_wanted(%x: tensor<2x4xf32>, %w: tensor<3x4xf32>, %columns: tensor<2xi64>, %count: tensor<1xi64>) {
  %cos = pfc.cosine_logits %x, %w : tensor<2x4xf32>, tensor<3x4xf32> -> tensor<2x3xf32>
  %z = pfc.margin %cos, %columns margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 8.0, gradient = exact, filter = 0.0> : tensor<2x3xf32>, tensor<2xi64>
  %stats = pfc.softmax_stats %z, %columns, %count {shift = 0.0 : f64} : tensor<2x3xf32>, tensor<2xi64>, tensor<1xi64> -> tensor<2x2xf32>
  %dz = pfc.softmax_cross_entropy_grad %z, %columns, %count, %stats {shift = 0.0 : f64, batch = 2 : i64} : tensor<2x3xf32>, tensor<2xi64>, tensor<1xi64>, tensor<2x2xf32>
  %dcos = pfc.margin_grad %dz, %cos, %columns margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 8.0, gradient = exact, filter = 0.0> : tensor<2x3xf32>, tensor<2xi64>
  pfc.output "dcos", %dcos : tensor<2x3xf32>
  return
}

// Every op: parsed, verified, printed, and the same again from text and bytecode.
// RUN: pfc-opt %s --verify-roundtrip | FileCheck %s
// RUN: pfc-opt %s --mlir-print-op-generic | pfc-opt | FileCheck %s

// CHECK-LABEL: func.func @state
func.func @state(%arg0: tensor<64x3x3x3xf32>, %arg1: tensor<1xf32>) {
  // CHECK: pfc.variable "conv1.weight" parameter init <normal, 0.0, 0.1> {state_dict = #pfc.export<view = [64, 3, 3, 3] perm = [0, 3, 1, 2] shape = [64, 3, 3, 3]>} : tensor<64x3x3x3xf32>
  %0 = pfc.variable "conv1.weight" parameter init<normal, 0.0, 0.1> {state_dict = #pfc.export<view = [64, 3, 3, 3] perm = [0, 3, 1, 2] shape = [64, 3, 3, 3]>} : tensor<64x3x3x3xf32>
  // CHECK: pfc.variable "head.weight" parameter init <uniform, -0.5, 0.5> {rows = 10 : i64, sharded} : tensor<3x16xf32>
  %1 = pfc.variable "head.weight" parameter init<uniform, -0.5, 0.5> {rows = 10 : i64, sharded} : tensor<3x16xf32>
  // CHECK: pfc.variable "bn.running_var" buffer init <constant, 1.0, 0.0> : tensor<1x64xf32>
  %2 = pfc.variable "bn.running_var" buffer init<constant, 1.0, 0.0> : tensor<1x64xf32>
  // CHECK: pfc.variable "conv1.weight.momentum" optimizer_state init <constant, 0.0, 0.0> : tensor<64x3x3x3xf32>
  %3 = pfc.variable "conv1.weight.momentum" optimizer_state init<constant, 0.0, 0.0> : tensor<64x3x3x3xf32>
  // CHECK: pfc.gradient "conv1.weight", %{{[a-z_0-9]+}} : tensor<64x3x3x3xf32>
  pfc.gradient "conv1.weight", %arg0 : tensor<64x3x3x3xf32>
  // CHECK: pfc.assign "conv1.weight", %{{[a-z_0-9]+}} : tensor<64x3x3x3xf32>
  pfc.assign "conv1.weight", %arg0 : tensor<64x3x3x3xf32>
  // CHECK: pfc.output "loss", %{{[a-z_0-9]+}} : tensor<1xf32>
  pfc.output "loss", %arg1 : tensor<1xf32>
  // CHECK: pfc.rank_constant base 0 per_rank 2 threshold 2 below -1 per_capped_rank 1 : tensor<1xi64>
  %4 = pfc.rank_constant base 0 per_rank 2 threshold 2 below -1 per_capped_rank 1 : tensor<1xi64>
  return
}

// CHECK-LABEL: func.func @network
func.func @network(%arg0: tensor<8x6x6x3xui8>, %arg1: tensor<4x3x3x3xf32>, %arg2: tensor<4xf32>, %arg3: tensor<5x36xf32>, %arg4: tensor<1xi64>) {
  // CHECK: pfc.scale_pixels %{{[a-z_0-9]+}} : tensor<8x6x6x3xui8> -> tensor<8x6x6x3xf32>
  %0 = pfc.scale_pixels %arg0 : tensor<8x6x6x3xui8> -> tensor<8x6x6x3xf32>
  // CHECK: pfc.conv2d %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} {padding = 1 : i64, stride = 2 : i64} : tensor<8x6x6x3xf32>, tensor<4x3x3x3xf32> -> tensor<8x3x3x4xf32>
  %1 = pfc.conv2d %0, %arg1 {padding = 1 : i64, stride = 2 : i64} : tensor<8x6x6x3xf32>, tensor<4x3x3x3xf32> -> tensor<8x3x3x4xf32>
  // CHECK: pfc.batch_stats %{{[a-z_0-9]+}} : tensor<8x3x3x4xf32> -> tensor<2x4xf32>
  %mean, %variance = pfc.batch_stats %1 : tensor<8x3x3x4xf32> -> tensor<2x4xf32>
  // CHECK: pfc.merge_stats %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} : tensor<2x4xf32> -> tensor<1x4xf32>
  %merged_mean, %merged_variance = pfc.merge_stats %mean, %variance : tensor<2x4xf32> -> tensor<1x4xf32>
  // CHECK: pfc.batch_norm %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} {eps = 1.000000e-05 : f64, training} : tensor<8x3x3x4xf32>{{ ?}}, tensor<2x4xf32>{{ ?}}, tensor<4xf32>
  %2 = pfc.batch_norm %1, %mean, %variance, %arg2, %arg2 {eps = 1.000000e-05 : f64, training} : tensor<8x3x3x4xf32>, tensor<2x4xf32>, tensor<4xf32>
  // CHECK: pfc.batch_norm %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} {eps = 1.000000e-05 : f64} : tensor<8x3x3x4xf32>{{ ?}}, tensor<1x4xf32>{{ ?}}, tensor<4xf32>
  %3 = pfc.batch_norm %1, %merged_mean, %merged_variance, %arg2, %arg2 {eps = 1.000000e-05 : f64} : tensor<8x3x3x4xf32>, tensor<1x4xf32>, tensor<4xf32>
  // CHECK: pfc.prelu %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} : tensor<8x3x3x4xf32>, tensor<4xf32>
  %4 = pfc.prelu %2, %arg2 : tensor<8x3x3x4xf32>, tensor<4xf32>
  // CHECK: pfc.add %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} : tensor<8x3x3x4xf32>
  %5 = pfc.add %3, %4 : tensor<8x3x3x4xf32>
  // CHECK: pfc.reshape %{{[a-z_0-9]+}} : tensor<8x3x3x4xf32> -> tensor<8x36xf32>
  %6 = pfc.reshape %5 : tensor<8x3x3x4xf32> -> tensor<8x36xf32>
  // CHECK: pfc.dropout %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} {layer = 3 : i64, rate = 4.000000e-01 : f64, seed = 7 : i64} : tensor<8x36xf32>, tensor<1xi64>
  %7 = pfc.dropout %6, %arg4 {layer = 3 : i64, rate = 4.000000e-01 : f64, seed = 7 : i64} : tensor<8x36xf32>, tensor<1xi64>
  // CHECK: pfc.dropout %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, offset %{{[a-z_0-9]+}} : tensor<1xi64> {layer = 3 : i64, rate = 4.000000e-01 : f64, seed = 7 : i64} : tensor<8x36xf32>, tensor<1xi64>
  %8 = pfc.dropout %7, %arg4, offset %arg4 : tensor<1xi64> {layer = 3 : i64, rate = 4.000000e-01 : f64, seed = 7 : i64} : tensor<8x36xf32>, tensor<1xi64>
  // CHECK: pfc.linear %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} : tensor<8x36xf32>, tensor<5x36xf32> -> tensor<8x5xf32>
  %9 = pfc.linear %8, %arg3 : tensor<8x36xf32>, tensor<5x36xf32> -> tensor<8x5xf32>
  // CHECK: pfc.matmul %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} {transpose_rhs} : tensor<8x36xf32>, tensor<5x36xf32> -> tensor<8x5xf32>
  %10 = pfc.matmul %8, %arg3 {transpose_rhs} : tensor<8x36xf32>, tensor<5x36xf32> -> tensor<8x5xf32>
  // CHECK: pfc.matmul %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} {transpose_lhs} : tensor<8x5xf32>, tensor<8x36xf32> -> tensor<5x36xf32>
  %11 = pfc.matmul %9, %8 {transpose_lhs} : tensor<8x5xf32>, tensor<8x36xf32> -> tensor<5x36xf32>
  // CHECK: pfc.reshape %{{[a-z_0-9]+}} : tensor<8x36xf32> -> tensor<16x6x3xf32>
  %rows = pfc.reshape %8 : tensor<8x36xf32> -> tensor<16x6x3xf32>
  // CHECK: pfc.reshape %{{[a-z_0-9]+}} : tensor<16x6x3xf32> -> tensor<4x8x3x3xf32>
  %fewer = pfc.reshape %rows : tensor<16x6x3xf32> -> tensor<4x8x3x3xf32>
  // CHECK: pfc.matmul %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} {transpose_rhs} : tensor<16x6x3xf32>, tensor<16x6x3xf32> -> tensor<16x6x6xf32>
  %each = pfc.matmul %rows, %rows {transpose_rhs} : tensor<16x6x3xf32>, tensor<16x6x3xf32> -> tensor<16x6x6xf32>
  // CHECK: pfc.add_bias %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} : tensor<8x3x3x4xf32>, tensor<4xf32>
  %12 = pfc.add_bias %5, %arg2 : tensor<8x3x3x4xf32>, tensor<4xf32>
  // CHECK: pfc.cast %{{[a-z_0-9]+}} : tensor<8x3x3x4xf32> -> tensor<8x3x3x4xbf16>
  %13 = pfc.cast %12 : tensor<8x3x3x4xf32> -> tensor<8x3x3x4xbf16>
  return
}

// Of a residual stream in fp32, beside what products take.
// CHECK-LABEL: func.func @stream
func.func @stream(%x: tensor<2x6x1x8xf32>, %mean: tensor<2x6x1xf32>, %c: tensor<8xf32>) {
  // CHECK: pfc.layer_norm %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}} {eps = 1.000000e-05 : f64} : tensor<2x6x1x8xf32>, tensor<2x6x1xf32>, tensor<8xf32> -> tensor<2x6x1x8xbf16>
  %y = pfc.layer_norm %x, %mean, %mean, %c, %c {eps = 1.000000e-05 : f64} : tensor<2x6x1x8xf32>, tensor<2x6x1xf32>, tensor<8xf32> -> tensor<2x6x1x8xbf16>
  // CHECK: pfc.layer_norm_grad_stats %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}} {eps = 1.000000e-05 : f64} : tensor<2x6x1x8xbf16>, tensor<2x6x1x8xf32>, tensor<2x6x1xf32>, tensor<8xf32>
  %sum, %projection = pfc.layer_norm_grad_stats %y, %x, %mean, %mean, %c {eps = 1.000000e-05 : f64} : tensor<2x6x1x8xbf16>, tensor<2x6x1x8xf32>, tensor<2x6x1xf32>, tensor<8xf32>
  // CHECK: pfc.layer_norm_grad %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}} {eps = 1.000000e-05 : f64} : tensor<2x6x1x8xbf16>, tensor<2x6x1x8xf32>, tensor<2x6x1xf32>, tensor<8xf32>
  %dx = pfc.layer_norm_grad %y, %x, %mean, %mean, %c, %sum, %projection {eps = 1.000000e-05 : f64} : tensor<2x6x1x8xbf16>, tensor<2x6x1x8xf32>, tensor<2x6x1xf32>, tensor<8xf32>
  // CHECK: pfc.layer_norm_gain_grad %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}} {eps = 1.000000e-05 : f64} : tensor<2x6x1x8xbf16>, tensor<2x6x1x8xf32>, tensor<2x6x1xf32> -> tensor<8xf32>
  %dgamma = pfc.layer_norm_gain_grad %y, %x, %mean, %mean {eps = 1.000000e-05 : f64} : tensor<2x6x1x8xbf16>, tensor<2x6x1x8xf32>, tensor<2x6x1xf32> -> tensor<8xf32>
  return
}

// CHECK-LABEL: func.func @tokens
func.func @tokens(%x: tensor<2x6x1x8xf32>, %c: tensor<8xf32>, %n: tensor<1xi64>) {
  // CHECK: pfc.layer_stats %{{[a-z_0-9#]+}} : tensor<2x6x1x8xf32> -> tensor<2x6x1xf32>
  %mean, %variance = pfc.layer_stats %x : tensor<2x6x1x8xf32> -> tensor<2x6x1xf32>
  // CHECK: pfc.layer_norm %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}} {eps = 1.000000e-05 : f64} : tensor<2x6x1x8xf32>, tensor<2x6x1xf32>, tensor<8xf32> -> tensor<2x6x1x8xf32>
  %0 = pfc.layer_norm %x, %mean, %variance, %c, %c {eps = 1.000000e-05 : f64} : tensor<2x6x1x8xf32>, tensor<2x6x1xf32>, tensor<8xf32> -> tensor<2x6x1x8xf32>
  // CHECK: pfc.layer_norm_grad_stats %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}} {eps = 1.000000e-05 : f64} : tensor<2x6x1x8xf32>, tensor<2x6x1x8xf32>, tensor<2x6x1xf32>, tensor<8xf32>
  %sum, %projection = pfc.layer_norm_grad_stats %x, %0, %mean, %variance, %c {eps = 1.000000e-05 : f64} : tensor<2x6x1x8xf32>, tensor<2x6x1x8xf32>, tensor<2x6x1xf32>, tensor<8xf32>
  // CHECK: pfc.layer_norm_grad %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}} {eps = 1.000000e-05 : f64} : tensor<2x6x1x8xf32>, tensor<2x6x1x8xf32>, tensor<2x6x1xf32>, tensor<8xf32>
  %1 = pfc.layer_norm_grad %x, %0, %mean, %variance, %c, %sum, %projection {eps = 1.000000e-05 : f64} : tensor<2x6x1x8xf32>, tensor<2x6x1x8xf32>, tensor<2x6x1xf32>, tensor<8xf32>
  // CHECK: pfc.layer_norm_gain_grad %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}} {eps = 1.000000e-05 : f64} : tensor<2x6x1x8xf32>, tensor<2x6x1x8xf32>, tensor<2x6x1xf32> -> tensor<8xf32>
  %2 = pfc.layer_norm_gain_grad %x, %0, %mean, %variance {eps = 1.000000e-05 : f64} : tensor<2x6x1x8xf32>, tensor<2x6x1x8xf32>, tensor<2x6x1xf32> -> tensor<8xf32>
  // CHECK: pfc.relu6 %{{[a-z_0-9#]+}} : tensor<2x6x1x8xf32>
  %3 = pfc.relu6 %1 : tensor<2x6x1x8xf32>
  // CHECK: pfc.relu6_grad %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}} : tensor<2x6x1x8xf32>
  %4 = pfc.relu6_grad %1, %3 : tensor<2x6x1x8xf32>
  // CHECK: pfc.drop_path %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}} {layer = 3 : i64, rate = 1.000000e-01 : f64, seed = 7 : i64} : tensor<2x6x1x8xf32>
  %5 = pfc.drop_path %4, %n {layer = 3 : i64, rate = 1.000000e-01 : f64, seed = 7 : i64} : tensor<2x6x1x8xf32>
  // CHECK: pfc.drop_path %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}} offset %{{[a-z_0-9#]+}} {layer = 3 : i64, rate = 1.000000e-01 : f64, seed = 7 : i64} : tensor<2x6x1x8xf32>
  %6 = pfc.drop_path %5, %n offset %n {layer = 3 : i64, rate = 1.000000e-01 : f64, seed = 7 : i64} : tensor<2x6x1x8xf32>
  // CHECK: pfc.split_heads %{{[a-z_0-9#]+}} {heads = 2 : i64} : tensor<2x6x1x8xf32> -> tensor<4x6x2xf32>, tensor<4x6x2xf32>
  %7, %8 = pfc.split_heads %6 {heads = 2 : i64} : tensor<2x6x1x8xf32> -> tensor<4x6x2xf32>, tensor<4x6x2xf32>
  // CHECK: pfc.softmax %{{[a-z_0-9#]+}} {scale = 5.000000e-01 : f64} : tensor<4x6x2xf32> -> tensor<4x6x2xbf16>
  %9 = pfc.softmax %7 {scale = 5.000000e-01 : f64} : tensor<4x6x2xf32> -> tensor<4x6x2xbf16>
  // CHECK: pfc.softmax_grad %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}} {scale = 5.000000e-01 : f64} : tensor<4x6x2xf32>, tensor<4x6x2xbf16> -> tensor<4x6x2xf32>
  %10 = pfc.softmax_grad %8, %9 {scale = 5.000000e-01 : f64} : tensor<4x6x2xf32>, tensor<4x6x2xbf16> -> tensor<4x6x2xf32>
  // CHECK: pfc.merge_heads %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}} {heads = 2 : i64} : tensor<4x6x2xf32>, tensor<4x6x2xf32> -> tensor<2x6x1x8xf32>
  %11 = pfc.merge_heads %10, %8 {heads = 2 : i64} : tensor<4x6x2xf32>, tensor<4x6x2xf32> -> tensor<2x6x1x8xf32>
  // CHECK: pfc.sample_tokens %{{[a-z_0-9#]+}} {seed = 7 : i64} : tensor<2x4xi64>, tensor<2x6xi64>
  %kept, %slots, %keys = pfc.sample_tokens %n {seed = 7 : i64} : tensor<2x4xi64>, tensor<2x6xi64>
  // CHECK: pfc.sample_tokens %{{[a-z_0-9#]+}} offset %{{[a-z_0-9#]+}} {seed = 7 : i64} : tensor<2x4xi64>, tensor<2x6xi64>
  %kept_0, %slots_1, %keys_2 = pfc.sample_tokens %n offset %n {seed = 7 : i64} : tensor<2x4xi64>, tensor<2x6xi64>
  // CHECK: pfc.gather_tokens %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}} : tensor<2x6x1x8xf32>, tensor<2x4xi64>, tensor<2x6xi64> -> tensor<2x4x1x8xf32>
  %12 = pfc.gather_tokens %11, %kept, %slots : tensor<2x6x1x8xf32>, tensor<2x4xi64>, tensor<2x6xi64> -> tensor<2x4x1x8xf32>
  // CHECK: pfc.restore_tokens %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}} : tensor<2x4x1x8xf32>, tensor<2x4xi64>, tensor<2x6xi64> -> tensor<2x6x1x8xf32>
  %13 = pfc.restore_tokens %12, %kept, %slots : tensor<2x4x1x8xf32>, tensor<2x4xi64>, tensor<2x6xi64> -> tensor<2x6x1x8xf32>
  // CHECK: pfc.restore_tokens %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}} mask %{{[a-z_0-9#]+}} : tensor<8xf32> : tensor<2x4x1x8xf32>, tensor<2x4xi64>, tensor<2x6xi64> -> tensor<2x6x1x8xf32>
  %14 = pfc.restore_tokens %12, %kept, %slots mask %c : tensor<8xf32> : tensor<2x4x1x8xf32>, tensor<2x4xi64>, tensor<2x6xi64> -> tensor<2x6x1x8xf32>
  // CHECK: pfc.mask_token_grad %{{[a-z_0-9#]+}}, %{{[a-z_0-9#]+}} : tensor<2x6x1x8xf32>, tensor<2x6xi64> -> tensor<8xf32>
  %15 = pfc.mask_token_grad %14, %slots : tensor<2x6x1x8xf32>, tensor<2x6xi64> -> tensor<8xf32>
  return
}

// CHECK-LABEL: func.func @network_gradients
func.func @network_gradients(%arg0: tensor<8x6x6x3xf32>, %arg1: tensor<4x3x3x3xf32>, %arg2: tensor<8x3x3x4xf32>, %arg3: tensor<4xf32>, %arg4: tensor<2x4xf32>) {
  // CHECK: pfc.conv2d_input_grad %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} {padding = 1 : i64, stride = 2 : i64} : tensor<8x3x3x4xf32>, tensor<4x3x3x3xf32> -> tensor<8x6x6x3xf32>
  %0 = pfc.conv2d_input_grad %arg2, %arg1 {padding = 1 : i64, stride = 2 : i64} : tensor<8x3x3x4xf32>, tensor<4x3x3x3xf32> -> tensor<8x6x6x3xf32>
  // CHECK: pfc.conv2d_filter_grad %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} {padding = 1 : i64, stride = 2 : i64} : tensor<8x6x6x3xf32>, tensor<8x3x3x4xf32> -> tensor<4x3x3x3xf32>
  %1 = pfc.conv2d_filter_grad %arg0, %arg2 {padding = 1 : i64, stride = 2 : i64} : tensor<8x6x6x3xf32>, tensor<8x3x3x4xf32> -> tensor<4x3x3x3xf32>
  // CHECK: pfc.batch_norm_grad_stats %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} {eps = 1.000000e-05 : f64} : tensor<8x3x3x4xf32>{{ ?}}, tensor<2x4xf32>
  %gamma_grad, %beta_grad = pfc.batch_norm_grad_stats %arg2, %arg2, %arg4, %arg4 {eps = 1.000000e-05 : f64} : tensor<8x3x3x4xf32>, tensor<2x4xf32>
  // CHECK: pfc.batch_norm_grad %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} {count = 36 : i64, eps = 1.000000e-05 : f64, training} : tensor<8x3x3x4xf32>{{ ?}}, tensor<2x4xf32>{{ ?}}, tensor<4xf32>
  %2 = pfc.batch_norm_grad %arg2, %arg2, %arg4, %arg4, %arg3, %gamma_grad, %beta_grad {count = 36 : i64, eps = 1.000000e-05 : f64, training} : tensor<8x3x3x4xf32>, tensor<2x4xf32>, tensor<4xf32>
  // CHECK: pfc.prelu_grad %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} : tensor<8x3x3x4xf32>, tensor<4xf32>
  %3 = pfc.prelu_grad %arg2, %arg2, %arg3 : tensor<8x3x3x4xf32>, tensor<4xf32>
  // CHECK: pfc.prelu_slope_grad %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} : tensor<8x3x3x4xf32> -> tensor<4xf32>
  %4 = pfc.prelu_slope_grad %arg2, %arg2 : tensor<8x3x3x4xf32> -> tensor<4xf32>
  // CHECK: pfc.channel_sum %{{[a-z_0-9]+}} : tensor<8x3x3x4xf32> -> tensor<4xf32>
  %5 = pfc.channel_sum %arg2 : tensor<8x3x3x4xf32> -> tensor<4xf32>
  // CHECK: pfc.sum_groups %{{[a-z_0-9]+}} {scale = 5.000000e-01 : f64} : tensor<2x4xf32> -> tensor<4xf32>
  %6 = pfc.sum_groups %arg4 {scale = 5.000000e-01 : f64} : tensor<2x4xf32> -> tensor<4xf32>
  return
}

// CHECK-LABEL: func.func @head
func.func @head(%arg0: tensor<8x16xf32>, %arg1: tensor<10x16xf32>, %arg2: tensor<8xi64>, %arg3: tensor<1xi64>) {
  // CHECK: pfc.sample_centers %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} {capacity = 3 : i64, classes = 10 : i64, sample_rate = 1.000000e+00 : f64, seed = 7 : i64} : tensor<8xi64>, tensor<1xi64> -> tensor<12xi64>, tensor<4xi64>
  %indices, %counts, %columns = pfc.sample_centers %arg2, %arg3 {capacity = 3 : i64, classes = 10 : i64, sample_rate = 1.000000e+00 : f64, seed = 7 : i64} : tensor<8xi64>, tensor<1xi64> -> tensor<12xi64>, tensor<4xi64>
  // CHECK: pfc.gather_rows %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} : tensor<10x16xf32>, tensor<12xi64> -> tensor<12x16xf32>
  %0 = pfc.gather_rows %arg1, %indices : tensor<10x16xf32>, tensor<12xi64> -> tensor<12x16xf32>
  // CHECK: pfc.normalize %{{[a-z_0-9]+}} : tensor<12x16xf32>
  %1 = pfc.normalize %0 : tensor<12x16xf32>
  // CHECK: pfc.cosine_logits %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} : tensor<8x16xf32>, tensor<12x16xf32> -> tensor<8x12xf32>
  %2 = pfc.cosine_logits %arg0, %1 : tensor<8x16xf32>, tensor<12x16xf32> -> tensor<8x12xf32>
  // CHECK: pfc.margin %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> : tensor<8x12xf32>, tensor<8xi64>
  %3 = pfc.margin %2, %columns margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> : tensor<8x12xf32>, tensor<8xi64>
  // CHECK: pfc.margin %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} margin <m1 = 1.35, m2 = 0.0, m3 = 0.25, scale = 30.0, gradient = straight_through, filter = 0.4> : tensor<8x12xf32>, tensor<8xi64>
  %4 = pfc.margin %2, %columns margin<m1 = 1.35, m2 = 0.0, m3 = 0.25, scale = 30.0, gradient = straight_through, filter = 0.4> : tensor<8x12xf32>, tensor<8xi64>
  // CHECK: pfc.softmax_cross_entropy %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} {shift = 0.000000e+00 : f64} : tensor<8x12xf32>, tensor<8xi64>, tensor<4xi64> -> tensor<8x2xf32>
  %loss, %stats = pfc.softmax_cross_entropy %3, %columns, %counts {shift = 0.000000e+00 : f64} : tensor<8x12xf32>, tensor<8xi64>, tensor<4xi64> -> tensor<8x2xf32>
  // CHECK: pfc.softmax_cross_entropy_grad %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} {batch = 8 : i64, shift = 0.000000e+00 : f64} : tensor<8x12xf32>, tensor<8xi64>, tensor<4xi64>, tensor<8x2xf32>
  %5 = pfc.softmax_cross_entropy_grad %3, %columns, %counts, %stats {batch = 8 : i64, shift = 0.000000e+00 : f64} : tensor<8x12xf32>, tensor<8xi64>, tensor<4xi64>, tensor<8x2xf32>
  // CHECK: pfc.margin_grad %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> : tensor<8x12xf32>, tensor<8xi64>
  %6 = pfc.margin_grad %5, %2, %columns margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> : tensor<8x12xf32>, tensor<8xi64>
  // CHECK: pfc.normalize_grad %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} : tensor<12x16xf32>
  %7 = pfc.normalize_grad %0, %1 : tensor<12x16xf32>
  // CHECK: pfc.scatter_rows %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} : tensor<12x16xf32>, tensor<12xi64> -> tensor<10x16xf32>
  %8 = pfc.scatter_rows %7, %indices : tensor<12x16xf32>, tensor<12xi64> -> tensor<10x16xf32>
  return
}

// CHECK-LABEL: func.func @local_head
func.func @local_head(%arg0: tensor<8x16xf32>, %arg1: tensor<3x16xf32>, %arg2: tensor<8xi64>, %arg3: tensor<1xi64>, %arg4: tensor<8x3xf32>) {
  // CHECK: pfc.sample_local_centers %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} {sample_rate = 5.000000e-01 : f64, seed = 7 : i64, shard_size = 3 : i64} : tensor<8xi64>, tensor<1xi64> -> tensor<3xi64>
  %indices, %used, %columns = pfc.sample_local_centers %arg2, %arg3, %arg3, %arg3, %arg3 {sample_rate = 5.000000e-01 : f64, seed = 7 : i64, shard_size = 3 : i64} : tensor<8xi64>, tensor<1xi64> -> tensor<3xi64>
  // CHECK: pfc.sample_local_centers {{.*}} {draw = #pfc<draw permutation>, sample_rate = 5.000000e-01 : f64, seed = 7 : i64, shard_size = 70 : i64} : tensor<8xi64>, tensor<1xi64> -> tensor<35xi64>, tensor<2xi64>
  %permuted, %used2, %columns2, %drawn = pfc.sample_local_centers %arg2, %arg3, %arg3, %arg3, %arg3 {draw = #pfc<draw permutation>, sample_rate = 5.000000e-01 : f64, seed = 7 : i64, shard_size = 70 : i64} : tensor<8xi64>, tensor<1xi64> -> tensor<35xi64>, tensor<2xi64>
  // CHECK: pfc.softmax_stats %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} {shift = 0.000000e+00 : f64} : tensor<8x3xf32>, tensor<8xi64>, tensor<1xi64> -> tensor<8x2xf32>
  %0 = pfc.softmax_stats %arg4, %columns, %used {shift = 0.000000e+00 : f64} : tensor<8x3xf32>, tensor<8xi64>, tensor<1xi64> -> tensor<8x2xf32>
  // CHECK: pfc.softmax_loss %{{[a-z_0-9]+}} {shift = 0.000000e+00 : f64} : tensor<8x2xf32> -> tensor<1xf32>
  %1 = pfc.softmax_loss %0 {shift = 0.000000e+00 : f64} : tensor<8x2xf32> -> tensor<1xf32>
  // CHECK: pfc.margin_softmax %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {shift = 0.000000e+00 : f64} : tensor<8x16xf32>, tensor<3x16xf32>, tensor<8xi64>, tensor<1xi64> -> tensor<8x3xbf16>, tensor<8x2xf32>, tensor<8xf32>
  %exps, %stats, %targets = pfc.margin_softmax %arg0, %arg1, %columns, %used margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {shift = 0.000000e+00 : f64} : tensor<8x16xf32>, tensor<3x16xf32>, tensor<8xi64>, tensor<1xi64> -> tensor<8x3xbf16>, tensor<8x2xf32>, tensor<8xf32>
  // CHECK: pfc.margin_softmax_grad %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {batch = 8 : i64, shift = 0.000000e+00 : f64} : tensor<8x16xf32>, tensor<3x16xf32>, tensor<8x3xbf16>, tensor<8x2xf32>, tensor<8xf32>, tensor<8xi64> -> tensor<8x16xf32>, tensor<3x16xf32>
  %embeddings_grad, %centers_grad = pfc.margin_softmax_grad %arg0, %arg1, %exps, %stats, %targets, %columns margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {batch = 8 : i64, shift = 0.000000e+00 : f64} : tensor<8x16xf32>, tensor<3x16xf32>, tensor<8x3xbf16>, tensor<8x2xf32>, tensor<8xf32>, tensor<8xi64> -> tensor<8x16xf32>, tensor<3x16xf32>
  // CHECK: pfc.margin_softmax_grad %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} scale %{{[a-z_0-9]+}} margin
  %scaled:2 = pfc.margin_softmax_grad %arg0, %arg1, %exps, %stats, %targets, %columns scale %1 margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {batch = 8 : i64, shift = 0.000000e+00 : f64} : tensor<8x16xf32>, tensor<3x16xf32>, tensor<8x3xbf16>, tensor<8x2xf32>, tensor<8xf32>, tensor<8xi64> -> tensor<8x16xf32>, tensor<3x16xf32>
  // CHECK: pfc.gather_unit_rows %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} : tensor<8x16xf32>, tensor<3xi64> -> tensor<3x16xbf16>
  %unit = pfc.gather_unit_rows %arg0, %indices : tensor<8x16xf32>, tensor<3xi64> -> tensor<3x16xbf16>
  // CHECK: pfc.target_cosines %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} : tensor<8x16xf32>, tensor<8x16xf32>, tensor<3xi64>, tensor<8xi64> -> tensor<8xf32>
  %own = pfc.target_cosines %arg0, %arg0, %indices, %columns : tensor<8x16xf32>, tensor<8x16xf32>, tensor<3xi64>, tensor<8xi64> -> tensor<8xf32>
  // CHECK: pfc.margin_exp %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {shift = 0.000000e+00 : f64} : tensor<8x3xf32>, tensor<8xi64> -> tensor<8x3xbf16>, tensor<8xf32>
  %exps_0, %z0 = pfc.margin_exp %arg4, %columns, %used, %arg3 margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {shift = 0.000000e+00 : f64} : tensor<8x3xf32>, tensor<8xi64> -> tensor<8x3xbf16>, tensor<8xf32>
  // CHECK: pfc.margin_exp %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} plus %{{[a-z_0-9]+}} : tensor<8xf32> margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {shift = 0.000000e+00 : f64} : tensor<8x3xf32>, tensor<8xi64> -> tensor<8x3xf32>, tensor<8xf32>
  %exps_1, %z1 = pfc.margin_exp %arg4, %columns, %used, %arg3 plus %z0 : tensor<8xf32> margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {shift = 0.000000e+00 : f64} : tensor<8x3xf32>, tensor<8xi64> -> tensor<8x3xf32>, tensor<8xf32>
  // CHECK: pfc.margin_target %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {shift = 0.000000e+00 : f64} : tensor<8xf32>, tensor<8xi64> -> tensor<8x2xf32>
  %stats_1 = pfc.margin_target %z1, %own, %columns margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {shift = 0.000000e+00 : f64} : tensor<8xf32>, tensor<8xi64> -> tensor<8x2xf32>
  // CHECK: pfc.margin_embeddings_grad %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {batch = 8 : i64, shift = 0.000000e+00 : f64} : tensor<8x16xf32>, tensor<8x2xf32>, tensor<8xf32>, tensor<8xi64>, tensor<8x16xf32>, tensor<3xi64> -> tensor<8x16xbf16>, tensor<8xf32>
  %dx, %factors = pfc.margin_embeddings_grad %arg0, %stats_1, %own, %columns, %arg0, %indices margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {batch = 8 : i64, shift = 0.000000e+00 : f64} : tensor<8x16xf32>, tensor<8x2xf32>, tensor<8xf32>, tensor<8xi64>, tensor<8x16xf32>, tensor<3xi64> -> tensor<8x16xbf16>, tensor<8xf32>
  // CHECK: pfc.margin_patch %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {shift = 0.000000e+00 : f64} : tensor<8x3xbf16>, tensor<8x2xf32>, tensor<8xf32>, tensor<8xi64>
  %patched = pfc.margin_patch %exps_0, %stats_1, %own, %columns, %arg3 margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {shift = 0.000000e+00 : f64} : tensor<8x3xbf16>, tensor<8x2xf32>, tensor<8xf32>, tensor<8xi64>
  // CHECK: pfc.matmul %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} plus %{{[a-z_0-9]+}} : tensor<8x16xf32> : tensor<8x3xbf16>, tensor<3x16xbf16> -> tensor<8x16xf32>
  %added = pfc.matmul %patched, %unit plus %arg0 : tensor<8x16xf32> : tensor<8x3xbf16>, tensor<3x16xbf16> -> tensor<8x16xf32>
  // CHECK: pfc.slice %{{[a-z_0-9]+}} from 4 : tensor<8x16xf32> -> tensor<2x16xf32>
  %slice = pfc.slice %arg0 from 4 : tensor<8x16xf32> -> tensor<2x16xf32>
  // CHECK: pfc.barrier %{{[a-z_0-9]+}} after %{{[a-z_0-9]+}} : tensor<8x16xf32>, tensor<2x16xf32>
  %later = pfc.barrier %arg0 after %slice : tensor<8x16xf32>, tensor<2x16xf32>
  // CHECK: pfc.margin_cosines_grad %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} scale %{{[a-z_0-9]+}} margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {batch = 8 : i64, shift = 0.000000e+00 : f64} : tensor<8x3xbf16>, tensor<8x2xf32>, tensor<8xf32>, tensor<8xi64> -> tensor<8x3xf16>
  %cosines_grad = pfc.margin_cosines_grad %exps_0, %stats_1, %own, %columns, %arg3 scale %1 margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {batch = 8 : i64, shift = 0.000000e+00 : f64} : tensor<8x3xbf16>, tensor<8x2xf32>, tensor<8xf32>, tensor<8xi64> -> tensor<8x3xf16>
  // CHECK: pfc.scale_rows %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} : tensor<8x16xf32>, tensor<8xf32> -> tensor<8x16xbf16>
  %2 = pfc.scale_rows %embeddings_grad, %factors : tensor<8x16xf32>, tensor<8xf32> -> tensor<8x16xbf16>
  return
}

// CHECK-LABEL: func.func @optimizer
func.func @optimizer(%arg0: tensor<64xf32>, %arg1: tensor<1xf32>, %arg2: tensor<10x16xf32>, %arg3: tensor<3xi64>, %arg4: tensor<3x16xf32>, %arg5: tensor<1xi64>) {
  // CHECK: pfc.moving_average %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} {momentum = 1.000000e-01 : f64, scale = 1.250000e+00 : f64} : tensor<64xf32>
  %0 = pfc.moving_average %arg0, %arg0 {momentum = 1.000000e-01 : f64, scale = 1.250000e+00 : f64} : tensor<64xf32>
  // CHECK: pfc.sum_squares %{{[a-z_0-9]+}} : tensor<64xf32> -> tensor<1xf32>
  %1 = pfc.sum_squares %arg0 : tensor<64xf32> -> tensor<1xf32>
  // CHECK: pfc.clip_factor %{{[a-z_0-9]+}} {limit = 5.000000e+00 : f64} : tensor<1xf32>
  %factor, %norm = pfc.clip_factor %1 {limit = 5.000000e+00 : f64} : tensor<1xf32>
  // CHECK: pfc.sgd %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} {mu = 9.000000e-01 : f64, weight_decay = 5.000000e-04 : f64} : tensor<64xf32>
  %new_parameter, %new_momentum = pfc.sgd %arg0, %arg0, %arg0, %arg1 {mu = 9.000000e-01 : f64, weight_decay = 5.000000e-04 : f64} : tensor<64xf32>
  // CHECK: pfc.sgd %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} clip %{{[a-z_0-9]+}} {mu = 9.000000e-01 : f64, weight_decay = 5.000000e-04 : f64} : tensor<64xf32>
  %new_parameter_0, %new_momentum_1 = pfc.sgd %arg0, %arg0, %arg0, %arg1 clip %factor {mu = 9.000000e-01 : f64, weight_decay = 5.000000e-04 : f64} : tensor<64xf32>
  // CHECK: %[[FOUND:.*]] = pfc.found_inf %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}
  %found = pfc.found_inf %1, %arg1
  // CHECK: %[[UNSCALE:.*]], %{{.*}}, %{{.*}}, %{{.*}} = pfc.update_loss_scale %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %[[FOUND]] {backoff = 5.000000e-01 : f64, growth = 2.000000e+00 : f64, interval = 2000 : i64}
  %unscale, %scale, %steps, %skipped = pfc.update_loss_scale %arg1, %arg1, %found {backoff = 5.000000e-01 : f64, growth = 2.000000e+00 : f64, interval = 2000 : i64}
  // CHECK: pfc.clip_factor %{{[a-z_0-9]+}} unscale %[[UNSCALE]] {limit = 5.000000e+00 : f64} : tensor<1xf32>
  %scaled_factor, %scaled_norm = pfc.clip_factor %1 unscale %unscale {limit = 5.000000e+00 : f64} : tensor<1xf32>
  // CHECK: pfc.sgd %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} unless %[[FOUND]] {
  %new_parameter_5, %new_momentum_6 = pfc.sgd %arg0, %arg0, %arg0, %arg1 unless %found {mu = 9.000000e-01 : f64, weight_decay = 5.000000e-04 : f64} : tensor<64xf32>
  // CHECK: pfc.update_rows sampled %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} unscale %[[UNSCALE]] unless %[[FOUND]] {
  %new_table_7, %new_momentum_8 = pfc.update_rows sampled %arg2, %arg2, %arg3, %arg4, %arg1 unscale %unscale unless %found {mu = 9.000000e-01 : f64, weight_decay = 5.000000e-04 : f64} : tensor<10x16xf32>, tensor<3xi64>, tensor<3x16xf32>
  // CHECK: pfc.update_rows sampled %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} {mu = 9.000000e-01 : f64, weight_decay = 5.000000e-04 : f64} : tensor<10x16xf32>, tensor<3xi64>, tensor<3x16xf32>
  %new_table, %new_momentum_2 = pfc.update_rows sampled %arg2, %arg2, %arg3, %arg4, %arg1 {mu = 9.000000e-01 : f64, weight_decay = 5.000000e-04 : f64} : tensor<10x16xf32>, tensor<3xi64>, tensor<3x16xf32>
  // CHECK: pfc.update_rows sampled {{.*}} {mu = 9.000000e-01 : f64, of_unit_rows, weight_decay = 5.000000e-04 : f64}
  %new_table_9, %new_momentum_9 = pfc.update_rows sampled %arg2, %arg2, %arg3, %arg4, %arg1 {of_unit_rows, mu = 9.000000e-01 : f64, weight_decay = 5.000000e-04 : f64} : tensor<10x16xf32>, tensor<3xi64>, tensor<3x16xf32>
  // CHECK: pfc.coast_rows %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} unless %{{[a-z_0-9]+}} {mu = 9.000000e-01 : f64, weight_decay = 5.000000e-04 : f64} : tensor<10x16xf32>, tensor<3xi64>
  %new_table_10, %new_momentum_10 = pfc.coast_rows %arg2, %arg2, %arg3, %arg1, %arg5 unless %found {mu = 9.000000e-01 : f64, weight_decay = 5.000000e-04 : f64} : tensor<10x16xf32>, tensor<3xi64>
  // CHECK: pfc.update_rows all %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} count %{{[a-z_0-9]+}} : tensor<1xi64> {mu = 9.000000e-01 : f64, weight_decay = 5.000000e-04 : f64} : tensor<10x16xf32>, tensor<3xi64>, tensor<3x16xf32>
  %new_table_3, %new_momentum_4 = pfc.update_rows all %arg2, %arg2, %arg3, %arg4, %arg1 count %arg5 : tensor<1xi64> {mu = 9.000000e-01 : f64, weight_decay = 5.000000e-04 : f64} : tensor<10x16xf32>, tensor<3xi64>, tensor<3x16xf32>
  // CHECK: pfc.bucket %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}} : tensor<64xf32>, tensor<10x16xf32> to tensor<224xf32>
  %bucket = pfc.bucket %arg0, %arg2 : tensor<64xf32>, tensor<10x16xf32> to tensor<224xf32>
  // CHECK: pfc.unbucket %{{[a-z_0-9]+}} : tensor<224xf32> to tensor<64xf32>, tensor<10x16xf32>
  %vector, %matrix = pfc.unbucket %bucket : tensor<224xf32> to tensor<64xf32>, tensor<10x16xf32>
  // CHECK: pfc.chunk_sum_squares %{{[a-z_0-9]+}} chunk 100 : tensor<224xf32> -> tensor<3xf32>
  %chunks = pfc.chunk_sum_squares %bucket chunk 100 : tensor<224xf32> -> tensor<3xf32>
  return
}

// CHECK-LABEL: func.func @sweep
func.func @sweep(%x: tensor<8x7x7x64xbf16>, %g: tensor<1x64xf32>, %c: tensor<64xf32>) {
  // CHECK: %{{[a-z_0-9]+}}:3 = pfc.sweep(%{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}, %{{[a-z_0-9]+}}) {
  // CHECK-NEXT: ^bb0(%[[X:.+]]: tensor<8x7x7x64xbf16>, %[[G:.+]]: tensor<1x64xf32>, %[[C:.+]]: tensor<64xf32>):
  %y:3 = pfc.sweep(%x, %g, %c) {
  ^bb0(%0: tensor<8x7x7x64xbf16>, %1: tensor<1x64xf32>, %2: tensor<64xf32>):
    // CHECK-NEXT: %[[Y:.+]] = pfc.batch_norm %[[X]], %[[G]], %[[G]], %[[C]], %[[C]]
    %3 = pfc.batch_norm %0, %1, %1, %2, %2 {eps = 1.0e-5 : f64, training} : tensor<8x7x7x64xbf16>, tensor<1x64xf32>, tensor<64xf32>
    %4, %5 = pfc.batch_stats %3 : tensor<8x7x7x64xbf16> -> tensor<1x64xf32>
    // CHECK: pfc.yield %[[Y]], %{{.+}}, %{{.+}} : tensor<8x7x7x64xbf16>, tensor<1x64xf32>, tensor<1x64xf32>
    pfc.yield %3, %4, %5 : tensor<8x7x7x64xbf16>, tensor<1x64xf32>, tensor<1x64xf32>
  // CHECK-NEXT: } : (tensor<8x7x7x64xbf16>, tensor<1x64xf32>, tensor<64xf32>) -> (tensor<8x7x7x64xbf16>, tensor<1x64xf32>, tensor<1x64xf32>)
  } : (tensor<8x7x7x64xbf16>, tensor<1x64xf32>, tensor<64xf32>) -> (tensor<8x7x7x64xbf16>, tensor<1x64xf32>, tensor<1x64xf32>)
  return
}

// CHECK-LABEL: func.func @narrow_momentum
func.func @narrow_momentum(%w: tensor<10x4xf32>, %v: tensor<10x4xbf16>, %i: tensor<3xi64>, %g: tensor<3x4xf32>, %lr: tensor<1xf32>, %n: tensor<1xi64>) {
  // CHECK: %[[W:.+]], %[[V:.+]] = pfc.update_rows sampled {{.*}} : tensor<10x4xf32> momentum bf16, tensor<3xi64>, tensor<3x4xf32>
  %w1, %v1 = pfc.update_rows sampled %w, %v, %i, %g, %lr {mu = 0.9 : f64, weight_decay = 0.0 : f64} : tensor<10x4xf32> momentum bf16, tensor<3xi64>, tensor<3x4xf32>
  // CHECK: pfc.coast_rows %[[W]], %[[V]], {{.*}} : tensor<10x4xf32> momentum bf16, tensor<3xi64>
  %w2, %v2 = pfc.coast_rows %w1, %v1, %i, %lr, %n {mu = 0.9 : f64, weight_decay = 0.0 : f64} : tensor<10x4xf32> momentum bf16, tensor<3xi64>
  return
}

// CHECK-LABEL: func.func @adamw
func.func @adamw(%p: tensor<64xf32>, %w: tensor<10x4xbf16>, %m: tensor<10x4xbf16>, %v: tensor<10x4xf32>, %i: tensor<3xi64>, %g: tensor<3x4xf32>, %lr: tensor<1xf32>, %n: tensor<1xi64>) {
  // CHECK: %[[C1:.+]], %[[C2:.+]] = pfc.bias_corrections %{{.+}}, %{{.+}} {beta1 = 9.000000e-01 : f64, beta2 = 8.750000e-01 : f64}
  %c1, %c2 = pfc.bias_corrections %lr, %lr {beta1 = 0.9 : f64, beta2 = 0.875 : f64}
  // CHECK: pfc.bias_corrections %[[C1]], %[[C2]] unless %{{.+}} {
  %c3, %c4 = pfc.bias_corrections %c1, %c2 unless %lr {beta1 = 0.9 : f64, beta2 = 0.875 : f64}
  // CHECK: %[[P:.+]], %[[M:.+]], %[[V:.+]] = pfc.adamw %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %[[LR:.+]] corrected %[[C1]], %[[C2]] {beta1 = 9.000000e-01 : f64, beta2 = 8.750000e-01 : f64, eps = 1.000000e-08 : f64, weight_decay = 1.000000e-01 : f64} : tensor<64xf32>
  %p1, %m1, %v1 = pfc.adamw %p, %p, %p, %p, %lr corrected %c1, %c2 {beta1 = 0.9 : f64, beta2 = 0.875 : f64, eps = 1.0e-8 : f64, weight_decay = 0.1 : f64} : tensor<64xf32>
  // CHECK: pfc.adamw %[[P]], %[[M]], %[[V]], %{{.+}}, %[[LR]] corrected %[[C1]], %[[C2]] clip %{{.+}} unless %{{.+}} {
  %p2, %m2, %v2 = pfc.adamw %p1, %m1, %v1, %p, %lr corrected %c1, %c2 clip %lr unless %lr {beta1 = 0.9 : f64, beta2 = 0.875 : f64, eps = 1.0e-8 : f64, weight_decay = 0.1 : f64} : tensor<64xf32>
  // CHECK: %[[W1:.+]], %[[M1:.+]], %[[V1:.+]] = pfc.update_rows sampled %{{.+}}, %{{.+}} adamw %{{.+}} corrected %[[C1]], %[[C2]], %[[I:.+]], %{{.+}}, %[[LR]] rounded %[[N:.+]] {beta2 = 8.750000e-01 : f64, eps = 1.000000e-08 : f64, mu = 9.000000e-01 : f64, weight_decay = 1.000000e-01 : f64} : tensor<10x4xbf16>, tensor<3xi64>, tensor<3x4xf32>
  %w1, %m3, %v3 = pfc.update_rows sampled %w, %m adamw %v corrected %c1, %c2, %i, %g, %lr rounded %n {mu = 0.9 : f64, beta2 = 0.875 : f64, eps = 1.0e-8 : f64, weight_decay = 0.1 : f64} : tensor<10x4xbf16>, tensor<3xi64>, tensor<3x4xf32>
  // CHECK: pfc.coast_rows %[[W1]], %[[M1]] adamw %[[V1]] corrected %[[C1]], %[[C2]], %[[I]], %[[LR]], %[[N]] rounded %[[N]] from %[[N]] {{.*}} : tensor<10x4xbf16>, tensor<3xi64>
  %w2, %m4, %v4 = pfc.coast_rows %w1, %m3 adamw %v3 corrected %c1, %c2, %i, %lr, %n rounded %n from %n {mu = 0.9 : f64, beta2 = 0.875 : f64, eps = 1.0e-8 : f64, weight_decay = 0.1 : f64} : tensor<10x4xbf16>, tensor<3xi64>
  // CHECK: pfc.coast_rows %{{.+}}, %[[M1]] adamw {{.*}} : tensor<10x4xf32> momentum bf16, tensor<3xi64>
  %w3, %m5, %v5 = pfc.coast_rows %v3, %m3 adamw %v3 corrected %c1, %c2, %i, %lr, %n {mu = 0.9 : f64, beta2 = 0.875 : f64, eps = 1.0e-8 : f64, weight_decay = 0.1 : f64} : tensor<10x4xf32> momentum bf16, tensor<3xi64>
  return
}

// CHECK-LABEL: func.func @adaptive_margins
func.func @adaptive_margins(%x: tensor<8x4xf32>, %c: tensor<8x12xf32>, %y: tensor<8xi64>, %s: tensor<1xf32>) {
  // CHECK: %[[N:.+]] = pfc.row_norms %{{.+}} : tensor<8x4xf32> -> tensor<8xf32>
  %n = pfc.row_norms %x : tensor<8x4xf32> -> tensor<8xf32>
  // CHECK: %[[M:.+]], %{{.+}}, %{{.+}} = pfc.adaptive_margins %[[N]], %{{.+}}, %{{.+}} {h = 3.330000e-01 : f64, m = 4.000000e-01 : f64, momentum = 1.000000e-02 : f64} : tensor<8xf32>, tensor<1xf32> -> tensor<8x2xf32>
  %m, %a, %b = pfc.adaptive_margins %n, %s, %s {m = 0.4 : f64, h = 0.333 : f64, momentum = 0.01 : f64} : tensor<8xf32>, tensor<1xf32> -> tensor<8x2xf32>
  // CHECK: pfc.margin {{.+}} margin <{{.+}}> rows %[[M]] : tensor<8x2xf32> : tensor<8x12xf32>, tensor<8xi64>
  %z = pfc.margin %c, %y margin<m1 = 1.0, m2 = 0.0, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> rows %m : tensor<8x2xf32> : tensor<8x12xf32>, tensor<8xi64>
  return
}

// CHECK-LABEL: func.func @narrow_centers
func.func @narrow_centers(%w: tensor<10x4xbf16>, %v: tensor<10x4xf32>, %i: tensor<3xi64>, %g: tensor<3x4xf32>, %lr: tensor<1xf32>, %n: tensor<1xi64>) {
  // CHECK: %[[W:.+]], %[[V:.+]] = pfc.update_rows sampled {{.*}} count %[[N:.+]] : tensor<1xi64> rounded %[[N]] from %[[N]] {mu = 9.000000e-01 : f64, seed = 7 : i64, weight_decay = 0.000000e+00 : f64} : tensor<10x4xbf16> momentum f32, tensor<3xi64>, tensor<3x4xf32>
  %w1, %v1 = pfc.update_rows sampled %w, %v, %i, %g, %lr count %n : tensor<1xi64> rounded %n from %n {mu = 0.9 : f64, weight_decay = 0.0 : f64, seed = 7 : i64} : tensor<10x4xbf16> momentum f32, tensor<3xi64>, tensor<3x4xf32>
  // CHECK: pfc.update_rows all {{.*}} rounded %[[N]] {mu
  %w2, %v2 = pfc.update_rows all %w1, %v1, %i, %g, %lr rounded %n {mu = 0.9 : f64, weight_decay = 0.0 : f64} : tensor<10x4xbf16> momentum f32, tensor<3xi64>, tensor<3x4xf32>
  // CHECK: pfc.coast_rows %{{.+}}, %{{.+}} rounded %[[N]] from %[[N]] {{.*}} : tensor<10x4xbf16> momentum f32, tensor<3xi64>
  %w3, %v3 = pfc.coast_rows %w2, %v2, %i, %lr, %n rounded %n from %n {mu = 0.9 : f64, weight_decay = 0.0 : f64} : tensor<10x4xbf16> momentum f32, tensor<3xi64>
  // CHECK: pfc.gather_rows {{.*}} : tensor<10x4xbf16>, tensor<3xi64> -> tensor<3x4xf32>
  %rows = pfc.gather_rows %w3, %i : tensor<10x4xbf16>, tensor<3xi64> -> tensor<3x4xf32>
  return
}

// CHECK-LABEL: func.func @host_centers
func.func @host_centers(%i: tensor<3xi64>, %first: tensor<1xi64>, %step: tensor<1xi64>) {
  // CHECK: %[[W:.+]] = pfc.variable "head.weight" parameter init <normal, 0.0, 0.01> {host, rows = 10 : i64, sharded} : tensor<10x4xbf16>
  %w = pfc.variable "head.weight" parameter init<normal, 0.0, 0.01> {host, rows = 10 : i64, sharded} : tensor<10x4xbf16>
  // CHECK: %[[ROWS:.+]], %{{.+}} = pfc.fetch_rows %[[W]], %[[I:.+]], %[[FIRST:.+]] init <normal, 0.0, 0.01> {key = 7 : i64} : tensor<10x4xbf16>, tensor<3xi64> -> tensor<3x4xf32>
  %rows, %slots = pfc.fetch_rows %w, %i, %first init<normal, 0.0, 0.01> {key = 7 : i64} : tensor<10x4xbf16>, tensor<3xi64> -> tensor<3x4xf32>
  // CHECK: pfc.fetch_rows %[[W]], %[[I]] : tensor<10x4xbf16>, tensor<3xi64> -> tensor<3x4xbf16>
  %v, %same = pfc.fetch_rows %w, %i : tensor<10x4xbf16>, tensor<3xi64> -> tensor<3x4xbf16>
  // CHECK: pfc.store_rows %[[W]], %[[I]], %[[ROWS]] rounded %{{.+}} from %[[FIRST]] {seed = 1 : i64} : tensor<10x4xbf16>, tensor<3xi64>, tensor<3x4xf32>
  %w1 = pfc.store_rows %w, %i, %rows rounded %step from %first {seed = 1 : i64} : tensor<10x4xbf16>, tensor<3xi64>, tensor<3x4xf32>
  // CHECK: pfc.store_rows %{{.+}}, %[[I]], %{{.+}} : tensor<10x4xbf16>, tensor<3xi64>, tensor<3x4xbf16>
  %w2 = pfc.store_rows %w1, %i, %v : tensor<10x4xbf16>, tensor<3xi64>, tensor<3x4xbf16>
  return
}

// CHECK-LABEL: func.func @small_numbers
func.func @small_numbers() {
  // CHECK: pfc.variable "w" parameter init <uniform, -2.0e-05, 1.5e+30> : tensor<4xf32>
  %w = pfc.variable "w" parameter init<uniform, -2.0e-05, 1.5e30> : tensor<4xf32>
  return
}

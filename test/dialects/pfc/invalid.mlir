// What the verifiers refuse. A function is named after its op and, where the
// op's description numbers it, the constraint.
// RUN: pfc-opt %s --split-input-file --verify-diagnostics

func.func @conv2d_c1(%x: tensor<1x4x4x3xf32>, %w: tensor<2x3x3x4xf32>) {
  // expected-error @+1 {{filter has 4 input channels but the input has 3}}
  %y = pfc.conv2d %x, %w {stride = 1 : i64, padding = 1 : i64} : tensor<1x4x4x3xf32>, tensor<2x3x3x4xf32> -> tensor<1x4x4x2xf32>
  return
}

// -----

func.func @conv2d_c1_groups(%x: tensor<1x4x4x6xf32>, %w: tensor<4x3x3x2xf32>) {
  // expected-error @+1 {{has 4 filters for 3 groups of channels}}
  %y = pfc.conv2d %x, %w {stride = 1 : i64, padding = 1 : i64} : tensor<1x4x4x6xf32>, tensor<4x3x3x2xf32> -> tensor<1x4x4x4xf32>
  return
}

// -----

func.func @conv2d_c2(%x: tensor<1x5x4x3xf32>, %w: tensor<2x3x3x3xf32>) {
  // expected-error @+1 {{output shape must be [1, 3, 2, 2]}}
  %y = pfc.conv2d %x, %w {stride = 2 : i64, padding = 1 : i64} : tensor<1x5x4x3xf32>, tensor<2x3x3x3xf32> -> tensor<1x2x2x2xf32>
  return
}

// -----

func.func @conv2d_stride(%x: tensor<1x4x4x3xf32>, %w: tensor<2x3x3x3xf32>) {
  // expected-error @+1 {{needs stride >= 1 and padding >= 0}}
  %y = pfc.conv2d %x, %w {stride = 0 : i64, padding = 1 : i64} : tensor<1x4x4x3xf32>, tensor<2x3x3x3xf32> -> tensor<1x4x4x2xf32>
  return
}

// -----

func.func @conv2d_padding(%x: tensor<1x4x4x3xf32>, %w: tensor<2x3x3x3xf32>) {
  // expected-error @+1 {{needs stride >= 1 and padding >= 0}}
  %y = pfc.conv2d %x, %w {stride = 1 : i64, padding = -1 : i64} : tensor<1x4x4x3xf32>, tensor<2x3x3x3xf32> -> tensor<1x4x4x2xf32>
  return
}

// -----

func.func @conv2d_rank(%x: tensor<4x4x3xf32>, %w: tensor<2x3x3x3xf32>) {
  // expected-error @+1 {{takes NHWC activations and OHWI filters, all of four dimensions}}
  %y = pfc.conv2d %x, %w {stride = 1 : i64, padding = 1 : i64} : tensor<4x4x3xf32>, tensor<2x3x3x3xf32> -> tensor<1x4x4x2xf32>
  return
}

// -----

func.func @conv2d_input_grad_c2(%dy: tensor<1x4x4x2xf32>, %w: tensor<2x3x3x3xf32>) {
  // expected-error @+1 {{output shape must be [1, 8, 8, 2]}}
  %dx = pfc.conv2d_input_grad %dy, %w {stride = 1 : i64, padding = 1 : i64} : tensor<1x4x4x2xf32>, tensor<2x3x3x3xf32> -> tensor<1x8x8x3xf32>
  return
}

// -----

func.func @conv2d_filter_grad_c1(%x: tensor<1x4x4x3xf32>, %dy: tensor<1x4x4x2xf32>) {
  // expected-error @+1 {{filter has 5 input channels but the input has 3}}
  %dw = pfc.conv2d_filter_grad %x, %dy {stride = 1 : i64, padding = 1 : i64} : tensor<1x4x4x3xf32>, tensor<1x4x4x2xf32> -> tensor<2x3x3x5xf32>
  return
}

// -----

func.func @batch_stats_c1(%x: tensor<8x4xf32>) {
  // expected-error @+1 {{the number of groups (3) must divide the batch (8)}}
  %mean, %var = pfc.batch_stats %x : tensor<8x4xf32> -> tensor<3x4xf32>
  return
}

// -----

func.func @batch_stats_channels(%x: tensor<8x4xf32>) {
  // expected-error @+1 {{statistics are of 5 channels but the input has 4}}
  %mean, %var = pfc.batch_stats %x : tensor<8x4xf32> -> tensor<2x5xf32>
  return
}

// -----

func.func @batch_stats_rank(%x: tensor<8xf32>) {
  // expected-error @+1 {{takes an input [B,…,C] and statistics [G,C]}}
  %mean, %var = pfc.batch_stats %x : tensor<8xf32> -> tensor<2x4xf32>
  return
}

// -----

func.func @merge_stats(%mean: tensor<2x4xf32>) {
  // expected-error @+1 {{merges statistics [G,C] to [1,C]}}
  %m, %v = pfc.merge_stats %mean, %mean : tensor<2x4xf32> -> tensor<2x4xf32>
  return
}

// -----

func.func @batch_norm_gamma(%x: tensor<8x4xf32>, %s: tensor<1x4xf32>, %g: tensor<5xf32>) {
  // expected-error @+1 {{gamma must have one element a channel (4)}}
  %y = pfc.batch_norm %x, %s, %s, %g, %g {eps = 1.0e-5 : f64} : tensor<8x4xf32>, tensor<1x4xf32>, tensor<5xf32>
  return
}

// -----

func.func @batch_norm_groups(%x: tensor<8x4xf32>, %s: tensor<3x4xf32>, %g: tensor<4xf32>) {
  // expected-error @+1 {{the number of groups (3) must divide the batch (8)}}
  %y = pfc.batch_norm %x, %s, %s, %g, %g {eps = 1.0e-5 : f64} : tensor<8x4xf32>, tensor<3x4xf32>, tensor<4xf32>
  return
}

// -----

func.func @batch_norm_grad_stats_channels(%x: tensor<8x4xf32>, %s: tensor<1x5xf32>) {
  // expected-error @+1 {{statistics are of 5 channels but the input has 4}}
  %dg, %db = pfc.batch_norm_grad_stats %x, %x, %s, %s {eps = 1.0e-5 : f64} : tensor<8x4xf32>, tensor<1x5xf32>
  return
}

// -----

func.func @batch_norm_grad_count(%x: tensor<8x4xf32>, %s: tensor<1x4xf32>, %g: tensor<4xf32>) {
  // expected-error @+1 {{count must be the number of elements of a statistic}}
  %dx = pfc.batch_norm_grad %x, %x, %s, %s, %g, %s, %s {eps = 1.0e-5 : f64, count = 0 : i64} : tensor<8x4xf32>, tensor<1x4xf32>, tensor<4xf32>
  return
}

// -----

func.func @prelu_slope(%x: tensor<8x4xf32>, %a: tensor<1xf32>) {
  // expected-error @+1 {{slope must have one element a channel (4)}}
  %y = pfc.prelu %x, %a : tensor<8x4xf32>, tensor<1xf32>
  return
}

// -----

func.func @reshape_c1(%x: tensor<8x4xf32>) {
  // expected-error @+1 {{must keep the element type and count}}
  %y = pfc.reshape %x : tensor<8x4xf32> -> tensor<8x2x3xf32>
  return
}

// -----

func.func @reshape_c1_type(%x: tensor<8x4xf32>) {
  // expected-error @+1 {{must keep the element type and count}}
  %y = pfc.reshape %x : tensor<8x4xf32> -> tensor<8x2x2xbf16>
  return
}

// -----

func.func @reshape_c2(%x: tensor<8x6xf32>) {
  // expected-error @+1 {{must merge or split rows of dimension 0, not make 12 of 8}}
  %y = pfc.reshape %x : tensor<8x6xf32> -> tensor<12x4xf32>
  return
}

// -----

func.func @matmul_c1(%x: tensor<8x4xf32>, %w: tensor<8x5xf32>) {
  // expected-error @+1 {{contracts 4 with 8 elements}}
  %y = pfc.matmul %x, %w : tensor<8x4xf32>, tensor<8x5xf32> -> tensor<8x5xf32>
  return
}

// -----

func.func @matmul_c2(%x: tensor<8x4xf32>, %w: tensor<8x5xf32>) {
  // expected-error @+1 {{result must be [4, 5]}}
  %y = pfc.matmul %x, %w {transpose_lhs} : tensor<8x4xf32>, tensor<8x5xf32> -> tensor<5x4xf32>
  return
}

// -----

func.func @matmul_rank(%x: tensor<8x4x1xf32>, %w: tensor<4x5xf32>) {
  // expected-error @+1 {{takes matrices}}
  %y = pfc.matmul %x, %w : tensor<8x4x1xf32>, tensor<4x5xf32> -> tensor<8x5xf32>
  return
}

// -----

func.func @matmul_ranks(%x: tensor<2x8x4xf32>, %w: tensor<2x4x5xf32>) {
  // expected-error @+1 {{takes matrices, or as many of each}}
  %y = pfc.matmul %x, %w : tensor<2x8x4xf32>, tensor<2x4x5xf32> -> tensor<16x5xf32>
  return
}

// -----

func.func @matmul_rank4(%x: tensor<2x3x4x4xf32>) {
  // expected-error @+1 {{takes matrices, or as many of each}}
  %y = pfc.matmul %x, %x : tensor<2x3x4x4xf32>, tensor<2x3x4x4xf32> -> tensor<2x3x4x4xf32>
  return
}

// -----

func.func @matmul_each_c1(%x: tensor<2x8x4xf32>, %w: tensor<2x8x5xf32>) {
  // expected-error @+1 {{contracts 4 with 8 elements}}
  %y = pfc.matmul %x, %w : tensor<2x8x4xf32>, tensor<2x8x5xf32> -> tensor<2x8x5xf32>
  return
}

// -----

func.func @matmul_each_c2(%x: tensor<2x8x4xf32>, %w: tensor<2x8x5xf32>) {
  // expected-error @+1 {{result must be [4, 5]}}
  %y = pfc.matmul %x, %w {transpose_lhs} : tensor<2x8x4xf32>, tensor<2x8x5xf32> -> tensor<2x5x4xf32>
  return
}

// -----

func.func @matmul_each_c4(%x: tensor<2x8x4xf32>, %w: tensor<3x4x5xf32>) {
  // expected-error @+1 {{of 2 by 3 matrices can't make 2}}
  %y = pfc.matmul %x, %w : tensor<2x8x4xf32>, tensor<3x4x5xf32> -> tensor<2x8x5xf32>
  return
}

// -----

func.func @matmul_each_c4_addend(%x: tensor<2x4x4xf32>) {
  // expected-error @+1 {{for each g has no addend}}
  %y = pfc.matmul %x, %x plus %x : tensor<2x4x4xf32> : tensor<2x4x4xf32>, tensor<2x4x4xf32> -> tensor<2x4x4xf32>
  return
}

// -----

func.func @linear_shapes(%x: tensor<8x4xf32>, %w: tensor<4x5xf32>) {
  // expected-error @+1 {{takes [M,K] and [N,K] to [M,N]}}
  %y = pfc.linear %x, %w : tensor<8x4xf32>, tensor<4x5xf32> -> tensor<8x5xf32>
  return
}

// -----

func.func @cosine_logits_shapes(%x: tensor<8x4xf32>, %w: tensor<5x4xf32>) {
  // expected-error @+1 {{takes [M,K] and [N,K] to [M,N]}}
  %y = pfc.cosine_logits %x, %w : tensor<8x4xf32>, tensor<5x4xf32> -> tensor<8x4xf32>
  return
}

// -----

func.func @sample_centers_c1(%labels: tensor<8xi64>, %step: tensor<1xi64>) {
  // expected-error @+1 {{cannot split 3 classes over 4 ranks: every rank needs at least one}}
  %i, %n, %c = pfc.sample_centers %labels, %step {classes = 3 : i64, sample_rate = 1.0 : f64, seed = 7 : i64, capacity = 1 : i64} : tensor<8xi64>, tensor<1xi64> -> tensor<4xi64>, tensor<4xi64>
  return
}

// -----

// All of the largest shard's classes.
func.func @sample_centers_c2_all(%labels: tensor<1xi64>, %step: tensor<1xi64>) {
  // expected-error @+1 {{capacity must be at least 3}}
  %i, %n, %c = pfc.sample_centers %labels, %step {classes = 10 : i64, sample_rate = 1.0 : f64, seed = 7 : i64, capacity = 2 : i64} : tensor<1xi64>, tensor<1xi64> -> tensor<8xi64>, tensor<4xi64>
  return
}

// -----

// ⌊0.5·25⌋ where the batch has fewer positives.
func.func @sample_centers_c2_rate(%labels: tensor<4xi64>, %step: tensor<1xi64>) {
  // expected-error @+1 {{capacity must be at least 12}}
  %i, %n, %c = pfc.sample_centers %labels, %step {classes = 100 : i64, sample_rate = 0.5 : f64, seed = 7 : i64, capacity = 11 : i64} : tensor<4xi64>, tensor<1xi64> -> tensor<44xi64>, tensor<4xi64>
  return
}

// -----

// All positives are kept: the whole batch may be on one rank.
func.func @sample_centers_c2_batch(%labels: tensor<16xi64>, %step: tensor<1xi64>) {
  // expected-error @+1 {{capacity must be at least 16}}
  %i, %n, %c = pfc.sample_centers %labels, %step {classes = 100 : i64, sample_rate = 0.1 : f64, seed = 7 : i64, capacity = 15 : i64} : tensor<16xi64>, tensor<1xi64> -> tensor<60xi64>, tensor<4xi64>
  return
}

// -----

func.func @sample_centers_rate(%labels: tensor<8xi64>, %step: tensor<1xi64>) {
  // expected-error @+1 {{sample rate must be in [0, 1]}}
  %i, %n, %c = pfc.sample_centers %labels, %step {classes = 10 : i64, sample_rate = 1.5 : f64, seed = 7 : i64, capacity = 3 : i64} : tensor<8xi64>, tensor<1xi64> -> tensor<12xi64>, tensor<4xi64>
  return
}

// -----

func.func @sample_centers_slots(%labels: tensor<8xi64>, %step: tensor<1xi64>) {
  // expected-error @+1 {{indices must have capacity slots for each shard}}
  %i, %n, %c = pfc.sample_centers %labels, %step {classes = 10 : i64, sample_rate = 1.0 : f64, seed = 7 : i64, capacity = 3 : i64} : tensor<8xi64>, tensor<1xi64> -> tensor<10xi64>, tensor<4xi64>
  return
}

// -----

func.func @gather_rows_shapes(%table: tensor<10x4xf32>, %indices: tensor<3xi64>) {
  // expected-error @+1 {{takes table [C,D] and indices [S] to rows [S,D]}}
  %rows = pfc.gather_rows %table, %indices : tensor<10x4xf32>, tensor<3xi64> -> tensor<4x4xf32>
  return
}

// -----

func.func @softmax_cross_entropy_shards(%z: tensor<8x10xf32>, %c: tensor<8xi64>, %n: tensor<4xi64>) {
  // expected-error @+1 {{the logits' columns must be equal shards, one a count}}
  %loss, %stats = pfc.softmax_cross_entropy %z, %c, %n {shift = 0.0 : f64} : tensor<8x10xf32>, tensor<8xi64>, tensor<4xi64> -> tensor<8x2xf32>
  return
}

// -----

func.func @softmax_cross_entropy_stats(%z: tensor<8x12xf32>, %c: tensor<8xi64>, %n: tensor<4xi64>) {
  // expected-error @+1 {{stats must be [B,2]}}
  %loss, %stats = pfc.softmax_cross_entropy %z, %c, %n {shift = 0.0 : f64} : tensor<8x12xf32>, tensor<8xi64>, tensor<4xi64> -> tensor<8x3xf32>
  return
}

// -----

func.func @update_rows_shapes(%t: tensor<10x4xf32>, %i: tensor<3xi64>, %g: tensor<3x5xf32>, %lr: tensor<1xf32>) {
  // expected-error @+1 {{takes table [C,D], indices [S] and row gradients [S,D]}}
  %w, %v = pfc.update_rows sampled %t, %t, %i, %g, %lr {mu = 0.9 : f64, weight_decay = 0.0 : f64} : tensor<10x4xf32>, tensor<3xi64>, tensor<3x5xf32>
  return
}

// -----

func.func @update_rows_not_rounded(%t: tensor<10x4xbf16>, %i: tensor<3xi64>, %g: tensor<3x4xf32>, %lr: tensor<1xf32>) {
  // expected-error @+1 {{does not say how a bf16 table is rounded}}
  %w, %v = pfc.update_rows sampled %t, %t, %i, %g, %lr {mu = 0.9 : f64, weight_decay = 0.0 : f64} : tensor<10x4xbf16>, tensor<3xi64>, tensor<3x4xf32>
  return
}

// -----

func.func @update_rows_squares(%t: tensor<10x4xf32>, %v: tensor<9x4xf32>, %i: tensor<3xi64>, %g: tensor<3x4xf32>, %lr: tensor<1xf32>) {
  // expected-error @+1 {{squares must be [10, 4]}}
  %w:3 = "pfc.update_rows"(%t, %t, %v, %lr, %lr, %i, %g, %lr) {row_update = #pfc<row_update sampled>, mu = 0.9 : f64, beta2 = 0.999 : f64, eps = 1.0e-8 : f64, weight_decay = 0.1 : f64, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0>} : (tensor<10x4xf32>, tensor<10x4xf32>, tensor<9x4xf32>, tensor<1xf32>, tensor<1xf32>, tensor<3xi64>, tensor<3x4xf32>, tensor<1xf32>) -> (tensor<10x4xf32>, tensor<10x4xf32>, tensor<9x4xf32>)
  return
}

// -----

func.func @update_rows_without_eps(%t: tensor<10x4xf32>, %i: tensor<3xi64>, %g: tensor<3x4xf32>, %lr: tensor<1xf32>) {
  // expected-error @+1 {{takes squares, two corrections, beta2 and eps, or none of them}}
  %w, %m, %v = pfc.update_rows sampled %t, %t adamw %t corrected %lr, %lr, %i, %g, %lr {mu = 0.9 : f64, beta2 = 0.999 : f64, weight_decay = 0.1 : f64} : tensor<10x4xf32>, tensor<3xi64>, tensor<3x4xf32>
  return
}

// -----

func.func @sgd_mu(%p: tensor<64xf32>, %lr: tensor<1xf32>) {
  // expected-error @+1 {{attribute 'mu' failed to satisfy constraint: 64-bit float attribute in [0, 1)}}
  %q:2 = pfc.sgd %p, %p, %p, %lr {mu = 1.0 : f64, weight_decay = 0.0 : f64} : tensor<64xf32>
  return
}

// -----

func.func @sgd_weight_decay(%p: tensor<64xf32>, %lr: tensor<1xf32>) {
  // expected-error @+1 {{attribute 'weight_decay' failed to satisfy constraint: 64-bit float attribute 0 or above}}
  %q:2 = pfc.sgd %p, %p, %p, %lr {mu = 0.9 : f64, weight_decay = -0.1 : f64} : tensor<64xf32>
  return
}

// -----

func.func @adamw_beta1(%p: tensor<64xf32>, %lr: tensor<1xf32>) {
  // expected-error @+1 {{attribute 'beta1' failed to satisfy constraint: 64-bit float attribute in [0, 1)}}
  %q:3 = pfc.adamw %p, %p, %p, %p, %lr corrected %lr, %lr {beta1 = -0.1 : f64, beta2 = 0.999 : f64, eps = 1.0e-8 : f64, weight_decay = 0.1 : f64} : tensor<64xf32>
  return
}

// -----

func.func @adamw_beta2(%p: tensor<64xf32>, %lr: tensor<1xf32>) {
  // expected-error @+1 {{attribute 'beta2' failed to satisfy constraint: 64-bit float attribute in [0, 1)}}
  %q:3 = pfc.adamw %p, %p, %p, %p, %lr corrected %lr, %lr {beta1 = 0.9 : f64, beta2 = 1.0 : f64, eps = 1.0e-8 : f64, weight_decay = 0.1 : f64} : tensor<64xf32>
  return
}

// -----

func.func @adamw_eps(%p: tensor<64xf32>, %lr: tensor<1xf32>) {
  // expected-error @+1 {{attribute 'eps' failed to satisfy constraint: 64-bit float attribute above 0}}
  %q:3 = pfc.adamw %p, %p, %p, %p, %lr corrected %lr, %lr {beta1 = 0.9 : f64, beta2 = 0.999 : f64, eps = 0.0 : f64, weight_decay = 0.1 : f64} : tensor<64xf32>
  return
}

// -----

func.func @adamw_weight_decay(%p: tensor<64xf32>, %lr: tensor<1xf32>) {
  // expected-error @+1 {{attribute 'weight_decay' failed to satisfy constraint: 64-bit float attribute 0 or above}}
  %q:3 = pfc.adamw %p, %p, %p, %p, %lr corrected %lr, %lr {beta1 = 0.9 : f64, beta2 = 0.999 : f64, eps = 1.0e-8 : f64, weight_decay = -0.1 : f64} : tensor<64xf32>
  return
}

// -----

func.func @bias_corrections_beta1(%c: tensor<1xf32>) {
  // expected-error @+1 {{attribute 'beta1' failed to satisfy constraint: 64-bit float attribute in [0, 1)}}
  %d:2 = pfc.bias_corrections %c, %c {beta1 = 1.0 : f64, beta2 = 0.999 : f64}
  return
}

// -----

func.func @bias_corrections_beta2(%c: tensor<1xf32>) {
  // expected-error @+1 {{attribute 'beta2' failed to satisfy constraint: 64-bit float attribute in [0, 1)}}
  %d:2 = pfc.bias_corrections %c, %c {beta1 = 0.9 : f64, beta2 = 0x7FF8000000000000 : f64}
  return
}

// -----

func.func @update_rows_mu(%t: tensor<10x4xf32>, %i: tensor<3xi64>, %g: tensor<3x4xf32>, %lr: tensor<1xf32>) {
  // expected-error @+1 {{attribute 'mu' failed to satisfy constraint: 64-bit float attribute in [0, 1)}}
  %w:3 = pfc.update_rows sampled %t, %t adamw %t corrected %lr, %lr, %i, %g, %lr {mu = 1.0 : f64, beta2 = 0.999 : f64, eps = 1.0e-8 : f64, weight_decay = 0.1 : f64} : tensor<10x4xf32>, tensor<3xi64>, tensor<3x4xf32>
  return
}

// -----

func.func @update_rows_beta2(%t: tensor<10x4xf32>, %i: tensor<3xi64>, %g: tensor<3x4xf32>, %lr: tensor<1xf32>) {
  // expected-error @+1 {{attribute 'beta2' failed to satisfy constraint: 64-bit float attribute in [0, 1)}}
  %w:3 = pfc.update_rows sampled %t, %t adamw %t corrected %lr, %lr, %i, %g, %lr {mu = 0.9 : f64, beta2 = 1.0 : f64, eps = 1.0e-8 : f64, weight_decay = 0.1 : f64} : tensor<10x4xf32>, tensor<3xi64>, tensor<3x4xf32>
  return
}

// -----

func.func @update_rows_eps(%t: tensor<10x4xf32>, %i: tensor<3xi64>, %g: tensor<3x4xf32>, %lr: tensor<1xf32>) {
  // expected-error @+1 {{attribute 'eps' failed to satisfy constraint: 64-bit float attribute above 0}}
  %w:3 = pfc.update_rows sampled %t, %t adamw %t corrected %lr, %lr, %i, %g, %lr {mu = 0.9 : f64, beta2 = 0.999 : f64, eps = -1.0e-8 : f64, weight_decay = 0.1 : f64} : tensor<10x4xf32>, tensor<3xi64>, tensor<3x4xf32>
  return
}

// -----

func.func @update_rows_weight_decay(%t: tensor<10x4xf32>, %i: tensor<3xi64>, %g: tensor<3x4xf32>, %lr: tensor<1xf32>) {
  // expected-error @+1 {{attribute 'weight_decay' failed to satisfy constraint: 64-bit float attribute 0 or above}}
  %w:3 = pfc.update_rows sampled %t, %t adamw %t corrected %lr, %lr, %i, %g, %lr {mu = 0.9 : f64, beta2 = 0.999 : f64, eps = 1.0e-8 : f64, weight_decay = -0.1 : f64} : tensor<10x4xf32>, tensor<3xi64>, tensor<3x4xf32>
  return
}

// -----

func.func @coast_rows_mu(%t: tensor<10x4xf32>, %i: tensor<3xi64>, %lr: tensor<1xf32>, %n: tensor<1xi64>) {
  // expected-error @+1 {{attribute 'mu' failed to satisfy constraint: 64-bit float attribute in [0, 1)}}
  %w:3 = pfc.coast_rows %t, %t adamw %t corrected %lr, %lr, %i, %lr, %n {mu = 1.0 : f64, beta2 = 0.999 : f64, eps = 1.0e-8 : f64, weight_decay = 0.1 : f64} : tensor<10x4xf32>, tensor<3xi64>
  return
}

// -----

func.func @coast_rows_beta2(%t: tensor<10x4xf32>, %i: tensor<3xi64>, %lr: tensor<1xf32>, %n: tensor<1xi64>) {
  // expected-error @+1 {{attribute 'beta2' failed to satisfy constraint: 64-bit float attribute in [0, 1)}}
  %w:3 = pfc.coast_rows %t, %t adamw %t corrected %lr, %lr, %i, %lr, %n {mu = 0.9 : f64, beta2 = -0.5 : f64, eps = 1.0e-8 : f64, weight_decay = 0.1 : f64} : tensor<10x4xf32>, tensor<3xi64>
  return
}

// -----

func.func @coast_rows_eps(%t: tensor<10x4xf32>, %i: tensor<3xi64>, %lr: tensor<1xf32>, %n: tensor<1xi64>) {
  // expected-error @+1 {{attribute 'eps' failed to satisfy constraint: 64-bit float attribute above 0}}
  %w:3 = pfc.coast_rows %t, %t adamw %t corrected %lr, %lr, %i, %lr, %n {mu = 0.9 : f64, beta2 = 0.999 : f64, eps = 0.0 : f64, weight_decay = 0.1 : f64} : tensor<10x4xf32>, tensor<3xi64>
  return
}

// -----

func.func @coast_rows_weight_decay(%t: tensor<10x4xf32>, %i: tensor<3xi64>, %lr: tensor<1xf32>, %n: tensor<1xi64>) {
  // expected-error @+1 {{attribute 'weight_decay' failed to satisfy constraint: 64-bit float attribute 0 or above}}
  %w:3 = pfc.coast_rows %t, %t adamw %t corrected %lr, %lr, %i, %lr, %n {mu = 0.9 : f64, beta2 = 0.999 : f64, eps = 1.0e-8 : f64, weight_decay = -0.1 : f64} : tensor<10x4xf32>, tensor<3xi64>
  return
}

// -----

func.func @coast_rows_without_squares(%t: tensor<10x4xf32>, %i: tensor<3xi64>, %lr: tensor<1xf32>, %n: tensor<1xi64>) {
  // expected-error @+1 {{takes squares, two corrections, beta2 and eps, or none of them}}
  %w, %v = pfc.coast_rows %t, %t, %i, %lr, %n {mu = 0.9 : f64, beta2 = 0.999 : f64, eps = 1.0e-8 : f64, weight_decay = 0.0 : f64} : tensor<10x4xf32>, tensor<3xi64>
  return
}

// -----

func.func @coast_rows_rounded(%t: tensor<10x4xf32>, %i: tensor<3xi64>, %lr: tensor<1xf32>, %n: tensor<1xi64>) {
  // expected-error @+1 {{rounds a table that is not bf16}}
  %w, %v = pfc.coast_rows %t, %t, %i, %lr, %n rounded %n {mu = 0.9 : f64, weight_decay = 0.0 : f64} : tensor<10x4xf32>, tensor<3xi64>
  return
}

// -----

func.func @fetch_rows_shapes(%t: tensor<10x4xf32>, %i: tensor<3xi64>) {
  // expected-error @+1 {{takes table [C,D], indices [S] and rows [S,D]}}
  %r, %s = pfc.fetch_rows %t, %i : tensor<10x4xf32>, tensor<3xi64> -> tensor<4x4xf32>
  return
}

// -----

func.func @fetch_rows_first(%t: tensor<10x4xf32>, %i: tensor<3xi64>) {
  // expected-error @+1 {{needs both `init` and its first row, or neither}}
  %r, %s = pfc.fetch_rows %t, %i init<normal, 0.0, 0.01> : tensor<10x4xf32>, tensor<3xi64> -> tensor<3x4xf32>
  return
}

// -----

func.func @store_rows_rounded(%t: tensor<10x4xf32>, %i: tensor<3xi64>, %r: tensor<3x4xf32>, %n: tensor<1xi64>) {
  // expected-error @+1 {{rounds a table that is not bf16}}
  %w = pfc.store_rows %t, %i, %r rounded %n : tensor<10x4xf32>, tensor<3xi64>, tensor<3x4xf32>
  return
}

// -----

func.func @store_rows_shapes(%t: tensor<10x4xf32>, %i: tensor<3xi64>, %r: tensor<3x5xf32>) {
  // expected-error @+1 {{takes table [C,D], indices [S] and rows [S,D]}}
  %w = pfc.store_rows %t, %i, %r : tensor<10x4xf32>, tensor<3xi64>, tensor<3x5xf32>
  return
}

// -----

func.func @found_inf_of_nothing() {
  // expected-error @+1 {{needs a sum to look at}}
  %found = pfc.found_inf
  return
}

// -----

func.func @loss_scale_growth(%s: tensor<1xf32>) {
  // expected-error @+1 {{needs growth above 1 and backoff in (0, 1)}}
  %0:4 = pfc.update_loss_scale %s, %s, %s {growth = 2.0 : f64, backoff = 1.0 : f64, interval = 2000 : i64}
  return
}

// -----

func.func @loss_scale_interval(%s: tensor<1xf32>) {
  // expected-error @+1 {{interval must be at least 1}}
  %0:4 = pfc.update_loss_scale %s, %s, %s {growth = 2.0 : f64, backoff = 0.5 : f64, interval = 0 : i64}
  return
}

// -----

func.func @margin_cosines_grad_columns(%e: tensor<8x3xbf16>, %stats: tensor<8x2xf32>, %t: tensor<8xf32>, %columns: tensor<7xi64>, %n: tensor<1xi64>) {
  // expected-error @+1 {{columns must be [8]}}
  %g = pfc.margin_cosines_grad %e, %stats, %t, %columns, %n margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {shift = 0.0 : f64, batch = 8 : i64} : tensor<8x3xbf16>, tensor<8x2xf32>, tensor<8xf32>, tensor<7xi64> -> tensor<8x3xf16>
  return
}

// -----

func.func @margin_cosines_grad_shape(%e: tensor<8x3xbf16>, %stats: tensor<8x2xf32>, %t: tensor<8xf32>, %columns: tensor<8xi64>, %n: tensor<1xi64>) {
  // expected-error @+1 {{cosines_grad must be [8, 3]}}
  %g = pfc.margin_cosines_grad %e, %stats, %t, %columns, %n margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {shift = 0.0 : f64, batch = 8 : i64} : tensor<8x3xbf16>, tensor<8x2xf32>, tensor<8xf32>, tensor<8xi64> -> tensor<8x4xf16>
  return
}

// -----

func.func @margin_cosines_grad_batch(%e: tensor<8x3xbf16>, %stats: tensor<8x2xf32>, %t: tensor<8xf32>, %columns: tensor<8xi64>, %n: tensor<1xi64>) {
  // expected-error @+1 {{batch must be the rows the loss is a mean over}}
  %g = pfc.margin_cosines_grad %e, %stats, %t, %columns, %n margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {shift = 0.0 : f64, batch = 0 : i64} : tensor<8x3xbf16>, tensor<8x2xf32>, tensor<8xf32>, tensor<8xi64> -> tensor<8x3xf16>
  return
}

// -----

func.func @margin_softmax_f16(%x: tensor<8x16xf16>, %w: tensor<3x16xf16>, %columns: tensor<8xi64>, %n: tensor<1xi64>) {
  // expected-error @+1 {{(C1) fp16 has no room for exponentials}}
  %e, %stats, %t = pfc.margin_softmax %x, %w, %columns, %n margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {shift = 0.0 : f64} : tensor<8x16xf16>, tensor<3x16xf16>, tensor<8xi64>, tensor<1xi64> -> tensor<8x3xf16>, tensor<8x2xf32>, tensor<8xf32>
  return
}

// -----

// Logical shapes are known.
func.func @dynamic(%x: tensor<?x4xf32>) {
  // expected-error @+1 {{must be statically shaped tensor}}
  %y = pfc.normalize %x : tensor<?x4xf32>
  return
}

// -----

// Statistics, parameters and losses stay in fp32.
func.func @stats_type(%x: tensor<8x4xbf16>) {
  // expected-error @+1 {{must be statically shaped tensor of 32-bit float values}}
  %mean, %var = pfc.batch_stats %x : tensor<8x4xbf16> -> tensor<1x4xbf16>
  return
}

// -----

// Three positives of a shard do not fit into two slots.
func.func @sample_local_centers_slots(%labels: tensor<3xi64>, %n: tensor<1xi64>) {
  // expected-error @below {{indices must have at least 3 slots}}
  %i, %u, %c = pfc.sample_local_centers %labels, %n, %n, %n, %n {shard_size = 3 : i64, sample_rate = 0.0 : f64, seed = 7 : i64} : tensor<3xi64>, tensor<1xi64> -> tensor<2xi64>
  return
}

// -----

func.func @sample_local_centers_no_bits(%labels: tensor<3xi64>, %n: tensor<1xi64>) {
  // expected-error @below {{(C1) a permutation has bits of what is drawn, 'tensor<2xi64>'}}
  %i, %u, %c = pfc.sample_local_centers %labels, %n, %n, %n, %n {draw = #pfc<draw permutation>, shard_size = 65 : i64, sample_rate = 0.0 : f64, seed = 7 : i64} : tensor<3xi64>, tensor<1xi64> -> tensor<3xi64>
  return
}

// -----

func.func @sample_local_centers_bits_of_keys(%labels: tensor<3xi64>, %n: tensor<1xi64>) {
  // expected-error @below {{(C1) only a permutation has bits of what is drawn}}
  %i, %u, %c, %d = pfc.sample_local_centers %labels, %n, %n, %n, %n {shard_size = 65 : i64, sample_rate = 0.0 : f64, seed = 7 : i64} : tensor<3xi64>, tensor<1xi64> -> tensor<3xi64>, tensor<2xi64>
  return
}

// -----

func.func @margin_rows(%c: tensor<4x8xf32>, %y: tensor<4xi64>, %own: tensor<4x3xf32>) {
  // expected-error @below {{row_margins must be [4, 2]}}
  %z = pfc.margin %c, %y margin<m1 = 1.0, m2 = 0.0, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> rows %own : tensor<4x3xf32> : tensor<4x8xf32>, tensor<4xi64>
  return
}

// -----

func.func @row_norms_shape(%x: tensor<4x8xf32>) {
  // expected-error @below {{output must be [4]}}
  %n = pfc.row_norms %x : tensor<4x8xf32> -> tensor<8xf32>
  return
}

// -----

func.func @adaptive_margins_shape(%n: tensor<4xf32>, %s: tensor<1xf32>) {
  // expected-error @below {{margins must be [4, 2]}}
  %m, %a, %b = pfc.adaptive_margins %n, %s, %s {m = 0.4 : f64, h = 0.3 : f64, momentum = 0.1 : f64} : tensor<4xf32>, tensor<1xf32> -> tensor<4xf32>
  return
}

// -----

func.func @margin_columns(%c: tensor<4x8xf32>, %y: tensor<3xi64>) {
  // expected-error @below {{columns must be [4]}}
  %z = pfc.margin %c, %y margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> : tensor<4x8xf32>, tensor<3xi64>
  return
}

// -----

func.func @margin_exp_sums(%c: tensor<4x8xf32>, %y: tensor<4xi64>, %n: tensor<1xi64>) {
  // expected-error @below {{new_sums must be [4]}}
  %e, %s = pfc.margin_exp %c, %y, %n, %n margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {shift = 0.0 : f64} : tensor<4x8xf32>, tensor<4xi64> -> tensor<4x8xf32>, tensor<8xf32>
  return
}

// -----

func.func @margin_target_stats(%z: tensor<4xf32>, %y: tensor<4xi64>) {
  // expected-error @below {{stats must be [4, 2]}}
  %s = pfc.margin_target %z, %z, %y margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> {shift = 0.0 : f64} : tensor<4xf32>, tensor<4xi64> -> tensor<4x3xf32>
  return
}

// -----

func.func @gather_unit_rows_size(%t: tensor<10x4xf32>, %i: tensor<3xi64>) {
  // expected-error @below {{takes table [C,D] and indices [T] to rows [T,D]}}
  %r = pfc.gather_unit_rows %t, %i : tensor<10x4xf32>, tensor<3xi64> -> tensor<4x4xf32>
  return
}

// -----

func.func @target_cosines_size(%x: tensor<8x5xf32>, %t: tensor<10x4xf32>, %i: tensor<3xi64>, %c: tensor<8xi64>) {
  // expected-error @below {{table must be [10, 5]}}
  %r = pfc.target_cosines %x, %t, %i, %c : tensor<8x5xf32>, tensor<10x4xf32>, tensor<3xi64>, tensor<8xi64> -> tensor<8xf32>
  return
}

// -----

func.func @matmul_addend(%x: tensor<4x8xf32>, %w: tensor<8x3xf32>, %a: tensor<3x4xf32>) {
  // expected-error @below {{adds to 'tensor<3x4xf32>', which 'tensor<4x3xf32>' is not}}
  %y = pfc.matmul %x, %w plus %a : tensor<3x4xf32> : tensor<4x8xf32>, tensor<8x3xf32> -> tensor<4x3xf32>
  return
}

// -----

func.func @slice_type(%x: tensor<40x8xf32>) {
  // expected-error @below {{takes rows of 'tensor<40x8xf32>', not 'tensor<8x4xf32>'}}
  %y = pfc.slice %x from 8 : tensor<40x8xf32> -> tensor<8x4xf32>
  return
}

// -----

func.func @slice_beyond(%x: tensor<40x8xf32>) {
  // expected-error @below {{has no rows [36, 44) in 'tensor<40x8xf32>'}}
  %y = pfc.slice %x from 36 : tensor<40x8xf32> -> tensor<8x8xf32>
  return
}

// -----

func.func @slice_unaligned(%x: tensor<40x8xf32>) {
  // expected-error @below {{must begin at a multiple of 64 bytes}}
  %y = pfc.slice %x from 3 : tensor<40x8xf32> -> tensor<8x8xf32>
  return
}

// -----

func.func @dropout_rate(%x: tensor<4x8xf32>, %n: tensor<1xi64>) {
  // expected-error @below {{rate must be in [0, 1)}}
  %y = pfc.dropout %x, %n {rate = 1.0 : f64, seed = 7 : i64, layer = 0 : i64} : tensor<4x8xf32>, tensor<1xi64>
  return
}

// -----

func.func @layer_stats_shape(%x: tensor<2x6x1x8xf32>) {
  // expected-error @below {{a statistic must be [2, 6, 1]}}
  %a, %b = pfc.layer_stats %x : tensor<2x6x1x8xf32> -> tensor<2x6xf32>
  return
}

// -----

func.func @layer_stats_vector(%x: tensor<8xf32>) {
  // expected-error @below {{takes an input [B,…,C]}}
  %a, %b = pfc.layer_stats %x : tensor<8xf32> -> tensor<1xf32>
  return
}

// -----

func.func @layer_norm_gamma(%x: tensor<2x6x1x8xf32>, %m: tensor<2x6x1xf32>, %c: tensor<7xf32>) {
  // expected-error @below {{gamma must have one element a channel (8)}}
  %y = pfc.layer_norm %x, %m, %m, %c, %c {eps = 1.0e-5 : f64} : tensor<2x6x1x8xf32>, tensor<2x6x1xf32>, tensor<7xf32> -> tensor<2x6x1x8xf32>
  return
}

// -----

// Element types may differ, shapes may not.
func.func @layer_norm_output(%x: tensor<2x6x1x8xf32>, %m: tensor<2x6x1xf32>, %c: tensor<8xf32>) {
  // expected-error @below {{all of {input, output} have same shape}}
  %y = pfc.layer_norm %x, %m, %m, %c, %c {eps = 1.0e-5 : f64} : tensor<2x6x1x8xf32>, tensor<2x6x1xf32>, tensor<8xf32> -> tensor<2x6x8xbf16>
  return
}

// -----

func.func @layer_norm_grad_stats_output_grad(%dy: tensor<2x5x1x8xbf16>, %x: tensor<2x6x1x8xf32>, %m: tensor<2x6x1xf32>, %c: tensor<8xf32>) {
  // expected-error @below {{all of {input, output_grad} have same shape}}
  %a, %b = pfc.layer_norm_grad_stats %dy, %x, %m, %m, %c {eps = 1.0e-5 : f64} : tensor<2x5x1x8xbf16>, tensor<2x6x1x8xf32>, tensor<2x6x1xf32>, tensor<8xf32>
  return
}

// -----

func.func @layer_norm_grad_output_grad(%dy: tensor<2x5x1x8xbf16>, %x: tensor<2x6x1x8xf32>, %m: tensor<2x6x1xf32>, %c: tensor<8xf32>) {
  // expected-error @below {{all of {input, output_grad} have same shape}}
  %y = pfc.layer_norm_grad %dy, %x, %m, %m, %c, %m, %m {eps = 1.0e-5 : f64} : tensor<2x5x1x8xbf16>, tensor<2x6x1x8xf32>, tensor<2x6x1xf32>, tensor<8xf32>
  return
}

// -----

// What adds to a stream's gradient has its type.
func.func @layer_norm_grad_type(%dy: tensor<2x6x1x8xbf16>, %x: tensor<2x6x1x8xf32>, %m: tensor<2x6x1xf32>, %c: tensor<8xf32>) {
  // expected-error @below {{all of {input, input_grad} have same type}}
  %y = "pfc.layer_norm_grad"(%dy, %x, %m, %m, %c, %m, %m) {eps = 1.0e-5 : f64} : (tensor<2x6x1x8xbf16>, tensor<2x6x1x8xf32>, tensor<2x6x1xf32>, tensor<2x6x1xf32>, tensor<8xf32>, tensor<2x6x1xf32>, tensor<2x6x1xf32>) -> tensor<2x6x1x8xbf16>
  return
}

// -----

func.func @layer_norm_gain_grad_output_grad(%dy: tensor<2x5x1x8xbf16>, %x: tensor<2x6x1x8xf32>, %m: tensor<2x6x1xf32>) {
  // expected-error @below {{all of {input, output_grad} have same shape}}
  %y = pfc.layer_norm_gain_grad %dy, %x, %m, %m {eps = 1.0e-5 : f64} : tensor<2x5x1x8xbf16>, tensor<2x6x1x8xf32>, tensor<2x6x1xf32> -> tensor<8xf32>
  return
}

// -----

func.func @layer_norm_grad_stats_shape(%x: tensor<2x6x1x8xf32>, %m: tensor<2x6xf32>, %c: tensor<8xf32>) {
  // expected-error @below {{a statistic must be [2, 6, 1]}}
  %a, %b = pfc.layer_norm_grad_stats %x, %x, %m, %m, %c {eps = 1.0e-5 : f64} : tensor<2x6x1x8xf32>, tensor<2x6x1x8xf32>, tensor<2x6xf32>, tensor<8xf32>
  return
}

// -----

func.func @layer_norm_grad_shape(%x: tensor<2x6x1x8xf32>, %m: tensor<2x6xf32>, %c: tensor<8xf32>) {
  // expected-error @below {{a statistic must be [2, 6, 1]}}
  %y = pfc.layer_norm_grad %x, %x, %m, %m, %c, %m, %m {eps = 1.0e-5 : f64} : tensor<2x6x1x8xf32>, tensor<2x6x1x8xf32>, tensor<2x6xf32>, tensor<8xf32>
  return
}

// -----

func.func @layer_norm_gain_grad_shape(%x: tensor<2x6x1x8xf32>, %m: tensor<2x6x1xf32>) {
  // expected-error @below {{gamma_grad must have one element a channel (8)}}
  %y = pfc.layer_norm_gain_grad %x, %x, %m, %m {eps = 1.0e-5 : f64} : tensor<2x6x1x8xf32>, tensor<2x6x1x8xf32>, tensor<2x6x1xf32> -> tensor<6xf32>
  return
}

// -----

func.func @drop_path_rate(%x: tensor<2x6x1x8xf32>, %n: tensor<1xi64>) {
  // expected-error @below {{rate must be in [0, 1)}}
  %y = pfc.drop_path %x, %n {rate = 1.0 : f64, seed = 7 : i64, layer = 0 : i64} : tensor<2x6x1x8xf32>
  return
}

// -----

func.func @split_heads_channels(%x: tensor<2x6x1x8xf32>) {
  // expected-error @below {{takes tokens [B,…,C] whose channels 3 heads of 1 parts divide}}
  %y = pfc.split_heads %x {heads = 3 : i64} : tensor<2x6x1x8xf32> -> tensor<6x6x2xf32>
  return
}

// -----

func.func @split_heads_part(%x: tensor<2x6x1x8xf32>) {
  // expected-error @below {{a part must be [4, 6, 4]}}
  %y = pfc.split_heads %x {heads = 2 : i64} : tensor<2x6x1x8xf32> -> tensor<2x6x4xf32>
  return
}

// -----

func.func @merge_heads_matrix(%x: tensor<4x6x4xf32>) {
  // expected-error @below {{takes tokens [B,…,C] whose channels 2 heads of 1 parts divide}}
  %y = pfc.merge_heads %x {heads = 2 : i64} : tensor<4x6x4xf32> -> tensor<12x8xf32>
  return
}

// -----

func.func @softmax_scale(%x: tensor<4x6x4xf32>) {
  // expected-error @below {{needs scale > 0}}
  %y = pfc.softmax %x {scale = 0.0 : f64} : tensor<4x6x4xf32> -> tensor<4x6x4xf32>
  return
}

// -----

func.func @softmax_shape(%x: tensor<4x6x4xf32>) {
  // expected-error @below {{output must be [4, 6, 4]}}
  %y = pfc.softmax %x {scale = 1.0 : f64} : tensor<4x6x4xf32> -> tensor<4x4x6xf32>
  return
}

// -----

func.func @sample_tokens_more(%n: tensor<1xi64>) {
  // expected-error @below {{keeps 7 of 6 tokens}}
  %a, %b, %c = pfc.sample_tokens %n {seed = 7 : i64} : tensor<2x7xi64>, tensor<2x6xi64>
  return
}

// -----

func.func @sample_tokens_batch(%n: tensor<1xi64>) {
  // expected-error @below {{makes kept [B,K] and slots [B,T]}}
  %a, %b, %c = pfc.sample_tokens %n {seed = 7 : i64} : tensor<3x4xi64>, tensor<2x6xi64>
  return
}

// -----

func.func @gather_tokens_map(%x: tensor<2x3x2x8xf32>, %k: tensor<2x4xi64>, %s: tensor<2x6xi64>) {
  // expected-error @below {{takes tokens [B,T,1,C] and [B,K,1,C]}}
  %y = pfc.gather_tokens %x, %k, %s : tensor<2x3x2x8xf32>, tensor<2x4xi64>, tensor<2x6xi64> -> tensor<2x4x1x8xf32>
  return
}

// -----

func.func @gather_tokens_kept(%x: tensor<2x6x1x8xf32>, %k: tensor<2x5xi64>, %s: tensor<2x6xi64>) {
  // expected-error @below {{kept must be [2, 4]}}
  %y = pfc.gather_tokens %x, %k, %s : tensor<2x6x1x8xf32>, tensor<2x5xi64>, tensor<2x6xi64> -> tensor<2x4x1x8xf32>
  return
}

// -----

func.func @restore_tokens_slots(%x: tensor<2x4x1x8xf32>, %k: tensor<2x4xi64>, %s: tensor<2x5xi64>) {
  // expected-error @below {{slots must be [2, 6]}}
  %y = pfc.restore_tokens %x, %k, %s : tensor<2x4x1x8xf32>, tensor<2x4xi64>, tensor<2x5xi64> -> tensor<2x6x1x8xf32>
  return
}

// -----

func.func @restore_tokens_mask(%x: tensor<2x4x1x8xf32>, %k: tensor<2x4xi64>, %s: tensor<2x6xi64>, %c: tensor<6xf32>) {
  // expected-error @below {{mask must have one element a channel (8)}}
  %y = pfc.restore_tokens %x, %k, %s mask %c : tensor<6xf32> : tensor<2x4x1x8xf32>, tensor<2x4xi64>, tensor<2x6xi64> -> tensor<2x6x1x8xf32>
  return
}

// -----

func.func @mask_token_grad_slots(%x: tensor<2x6x1x8xf32>, %s: tensor<2x5xi64>) {
  // expected-error @below {{slots must be [2, 6]}}
  %y = pfc.mask_token_grad %x, %s : tensor<2x6x1x8xf32>, tensor<2x5xi64> -> tensor<8xf32>
  return
}

// -----

func.func @mask_token_grad_map(%x: tensor<2x3x2x8xf32>, %s: tensor<2x3xi64>) {
  // expected-error @below {{takes tokens [B,T,1,C]}}
  %y = pfc.mask_token_grad %x, %s : tensor<2x3x2x8xf32>, tensor<2x3xi64> -> tensor<8xf32>
  return
}

// -----

func.func @add_bias_channels(%x: tensor<4x8xf32>, %b: tensor<4xf32>) {
  // expected-error @below {{bias must have one element a channel (8)}}
  %y = pfc.add_bias %x, %b : tensor<4x8xf32>, tensor<4xf32>
  return
}

// -----

func.func @sweep_c1(%x: tensor<8x7x7x64xf32>) {
  // expected-error @below {{body must yield the outputs' types}}
  %y = pfc.sweep(%x) {
  ^bb0(%0: tensor<8x7x7x64xf32>):
    %1 = pfc.add %0, %0 : tensor<8x7x7x64xf32>
    pfc.yield %1 : tensor<8x7x7x64xf32>
  } : (tensor<8x7x7x64xf32>) -> tensor<64xf32>
  return
}

// -----

func.func @sweep_c1_inputs(%x: tensor<8x7x7x64xf32>) {
  // expected-error @below {{body must take the inputs' types}}
  %y = pfc.sweep(%x) {
  ^bb0(%0: tensor<7x7x7x64xf32>):
    %1 = pfc.add %0, %0 : tensor<7x7x7x64xf32>
    pfc.yield %1 : tensor<7x7x7x64xf32>
  } : (tensor<8x7x7x64xf32>) -> tensor<7x7x7x64xf32>
  return
}

// -----

func.func @sweep_c1_argument(%x: tensor<8x7x7x64xf32>) {
  // expected-error @below {{body must yield what its ops compute}}
  %y = pfc.sweep(%x) {
  ^bb0(%0: tensor<8x7x7x64xf32>):
    %1 = pfc.add %0, %0 : tensor<8x7x7x64xf32>
    pfc.yield %0 : tensor<8x7x7x64xf32>
  } : (tensor<8x7x7x64xf32>) -> tensor<8x7x7x64xf32>
  return
}

// -----

func.func @sweep_c2(%x: tensor<8x7x7x64xf32>, %z: tensor<4x7x7x64xf32>) {
  %y:2 = pfc.sweep(%x, %z) {
  ^bb0(%0: tensor<8x7x7x64xf32>, %1: tensor<4x7x7x64xf32>):
    %2 = pfc.add %0, %0 : tensor<8x7x7x64xf32>
    // expected-error @below {{is not over the activations of its sweep}}
    %3 = pfc.add %1, %1 : tensor<4x7x7x64xf32>
    pfc.yield %2, %3 : tensor<8x7x7x64xf32>, tensor<4x7x7x64xf32>
  } : (tensor<8x7x7x64xf32>, tensor<4x7x7x64xf32>) -> (tensor<8x7x7x64xf32>, tensor<4x7x7x64xf32>)
  return
}

// -----

// A convolution reads neighbours, a matrix has no area.
func.func @sweep_c2_op(%x: tensor<8x7x7x64xf32>, %w: tensor<64x1x1x64xf32>) {
  %y = pfc.sweep(%x, %w) {
  ^bb0(%0: tensor<8x7x7x64xf32>, %1: tensor<64x1x1x64xf32>):
    // expected-error @below {{is not over the activations of its sweep}}
    %2 = pfc.conv2d %0, %1 {padding = 0 : i64, stride = 1 : i64} : tensor<8x7x7x64xf32>, tensor<64x1x1x64xf32> -> tensor<8x7x7x64xf32>
    pfc.yield %2 : tensor<8x7x7x64xf32>
  } : (tensor<8x7x7x64xf32>, tensor<64x1x1x64xf32>) -> tensor<8x7x7x64xf32>
  return
}

// -----

func.func @sweep_c3(%x: tensor<8x7x7x64xf32>, %c: tensor<64xf32>) {
  %y = pfc.sweep(%x, %c) {
  ^bb0(%0: tensor<8x7x7x64xf32>, %1: tensor<64xf32>):
    %2, %3 = pfc.batch_stats %0 : tensor<8x7x7x64xf32> -> tensor<1x64xf32>
    // expected-error @below {{reads a sum of its own sweep}}
    %4 = pfc.batch_norm %0, %2, %3, %1, %1 {eps = 1.0e-5 : f64} : tensor<8x7x7x64xf32>, tensor<1x64xf32>, tensor<64xf32>
    pfc.yield %4 : tensor<8x7x7x64xf32>
  } : (tensor<8x7x7x64xf32>, tensor<64xf32>) -> tensor<8x7x7x64xf32>
  return
}

// -----

func.func @bucket_rows(%x: tensor<16xf32>, %y: tensor<20xf32>) {
  // expected-error @below {{can't hold 'tensor<20xf32>': 64-byte rows of 'f32' are wanted}}
  %b = pfc.bucket %x, %y : tensor<16xf32>, tensor<20xf32> to tensor<36xf32>
  return
}

// -----

func.func @bucket_type(%x: tensor<16xf32>, %y: tensor<32xbf16>) {
  // expected-error @below {{can't hold 'tensor<32xbf16>'}}
  %b = pfc.bucket %x, %y : tensor<16xf32>, tensor<32xbf16> to tensor<48xf32>
  return
}

// -----

func.func @unbucket_size(%b: tensor<64xf32>) {
  // expected-error @below {{has tensors of 48 elements for 'tensor<64xf32>'}}
  %x, %y = pfc.unbucket %b : tensor<64xf32> to tensor<16xf32>, tensor<32xf32>
  return
}

// -----

func.func @chunks(%x: tensor<64xf32>) {
  // expected-error @below {{output must be [3]}}
  %y = pfc.chunk_sum_squares %x chunk 30 : tensor<64xf32> -> tensor<2xf32>
  return
}

// -----

func.func @no_elements(%x: tensor<0x4xf32>) {
  // expected-error @+1 {{values with elements, but got 'tensor<0x4xf32>'}}
  %y = pfc.slice %x from 0 : tensor<0x4xf32> -> tensor<0x4xf32>
  return
}

// -----

func.func @no_dimensions(%x: tensor<f32>, %a: tensor<4xf32>) {
  // expected-error @+1 {{with elements, but got 'tensor<f32>'}}
  %y = pfc.prelu %x, %a : tensor<f32>, tensor<4xf32>
  return
}

// -----

func.func @conv2d_large_filter(%x: tensor<1x1x1x3xf32>, %w: tensor<2x2x2x3xf32>) {
  // expected-error @+1 {{has a filter larger than the padded input}}
  %y = pfc.conv2d %x, %w {stride = 2 : i64, padding = 0 : i64} : tensor<1x1x1x3xf32>, tensor<2x2x2x3xf32> -> tensor<1x1x1x2xf32>
  return
}

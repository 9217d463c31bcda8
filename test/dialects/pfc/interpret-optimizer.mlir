// Optimizer ops on values worked out by hand; state from step to step.
// RUN: pfc-interpret %s --print | FileCheck %s
// RUN: pfc-interpret %s --print --function state --steps 3 \
// RUN:   | FileCheck %s --check-prefix=STATE
// RUN: pfc-interpret %s --print --function corrections --steps 3 \
// RUN:   | FileCheck %s --check-prefix=CORRECTIONS
// RUN: pfc-interpret %s --print --function narrow \
// RUN:   | FileCheck %s --check-prefix=EXACT
// RUN: pfc-interpret %s --print --function narrow --round \
// RUN:   | FileCheck %s --check-prefix=ROUND

func.func @train_step(%lr: tensor<1xf32> {pfc.input = "lr"}) {
  // v' = 0.9·2 + (3 + 0.5·1) = 5.3, p' = 1 − 0.53.
  %one = arith.constant dense<1.0> : tensor<1xf32>
  %two = arith.constant dense<2.0> : tensor<1xf32>
  %three = arith.constant dense<3.0> : tensor<1xf32>
  // CHECK-DAG: sgd_p [1]: 0.47
  // CHECK-DAG: sgd_v [1]: 5.3
  %p1, %v1 = pfc.sgd %one, %two, %three, %lr {mu = 0.9 : f64, weight_decay = 0.5 : f64} : tensor<1xf32>
  pfc.output "sgd_p", %p1 : tensor<1xf32>
  pfc.output "sgd_v", %v1 : tensor<1xf32>
  // Half the gradient, all of the decay: v' = 1.8 + 1.5 + 0.5.
  // CHECK-DAG: clipped_p [1]: 0.62
  // CHECK-DAG: clipped_v [1]: 3.8
  %half = arith.constant dense<0.5> : tensor<1xf32>
  %p2, %v2 = pfc.sgd %one, %two, %three, %lr clip %half {mu = 0.9 : f64, weight_decay = 0.5 : f64} : tensor<1xf32>
  pfc.output "clipped_p", %p2 : tensor<1xf32>
  pfc.output "clipped_v", %v2 : tensor<1xf32>

  // Rows 1 and 3 have gradients 10 and 20; mu 0.5, decay 0.1.
  %table = arith.constant dense<[[1.0], [2.0], [3.0], [4.0]]> : tensor<4x1xf32>
  %momentum = arith.constant dense<[[0.0], [1.0], [0.0], [1.0]]> : tensor<4x1xf32>
  %indices = arith.constant dense<[1, 3, -1]> : tensor<3xi64>
  %gradients = arith.constant dense<[[10.0], [20.0], [1000.0]]> : tensor<3x1xf32>
  // CHECK-DAG: sampled_w [4x1]: 1 0.93 3 1.91
  // CHECK-DAG: sampled_v [4x1]: 0 10.7 0 20.9
  %w1, %m1 = pfc.update_rows sampled %table, %momentum, %indices, %gradients, %lr {mu = 0.5 : f64, weight_decay = 0.1 : f64} : tensor<4x1xf32>, tensor<3xi64>, tensor<3x1xf32>
  pfc.output "sampled_w", %w1 : tensor<4x1xf32>
  pfc.output "sampled_v", %m1 : tensor<4x1xf32>
  // The others decay: v' = 0.1·w.
  // CHECK-DAG: all_w [4x1]: 0.99 0.93 2.97 1.91
  // CHECK-DAG: all_v [4x1]: 0.1 10.7 0.3 20.9
  %w2, %m2 = pfc.update_rows all %table, %momentum, %indices, %gradients, %lr {mu = 0.5 : f64, weight_decay = 0.1 : f64} : tensor<4x1xf32>, tensor<3xi64>, tensor<3x1xf32>
  pfc.output "all_w", %w2 : tensor<4x1xf32>
  pfc.output "all_v", %m2 : tensor<4x1xf32>
  // `all` is `sampled` and coast_rows.
  // CHECK-DAG: coasted_w [4x1]: 0.99 0.93 2.97 1.91
  // CHECK-DAG: coasted_v [4x1]: 0.1 10.7 0.3 20.9
  %four = arith.constant dense<4> : tensor<1xi64>
  %w1c, %m1c = pfc.coast_rows %w1, %m1, %indices, %lr, %four {mu = 0.5 : f64, weight_decay = 0.1 : f64} : tensor<4x1xf32>, tensor<3xi64>
  pfc.output "coasted_w", %w1c : tensor<4x1xf32>
  pfc.output "coasted_v", %m1c : tensor<4x1xf32>
  // The gradient (5, 0) of w/‖w‖ is (16, −12)/25 that of w = (3, 4); no decay.
  // CHECK-DAG: unit_v [1x2]: 0.64 -0.48
  %long = arith.constant dense<[[3.0, 4.0]]> : tensor<1x2xf32>
  %still = arith.constant dense<0.0> : tensor<1x2xf32>
  %zeroth = arith.constant dense<0> : tensor<1xi64>
  %of_unit = arith.constant dense<[[5.0, 0.0]]> : tensor<1x2xf32>
  %wu, %mu = pfc.update_rows sampled %long, %still, %zeroth, %of_unit, %lr {of_unit_rows, mu = 0.5 : f64, weight_decay = 0.0 : f64} : tensor<1x2xf32>, tensor<1xi64>, tensor<1x2xf32>
  pfc.output "unit_v", %mu : tensor<1x2xf32>
  // Of two used rows, row 1 has a gradient; row 3 is beyond the count.
  // CHECK-DAG: counted_w [4x1]: 0.99 0.93 3 4
  // CHECK-DAG: counted_v [4x1]: 0.1 10.7 0 1
  %count = arith.constant dense<2> : tensor<1xi64>
  %first = arith.constant dense<[1, -1, -1]> : tensor<3xi64>
  %w3, %m3 = pfc.update_rows all %table, %momentum, %first, %gradients, %lr count %count : tensor<1xi64> {mu = 0.5 : f64, weight_decay = 0.1 : f64} : tensor<4x1xf32>, tensor<3xi64>, tensor<3x1xf32>
  pfc.output "counted_w", %w3 : tensor<4x1xf32>
  pfc.output "counted_v", %m3 : tensor<4x1xf32>

  // m' = 0.75·2 + 0.25·3 = 2.25, v' = (7 + 9)/2 = 8; 2.25/0.5 over √(8/0.5) + 0.5
  // is 1, and decay 0.5.
  // CHECK-DAG: adamw_p [1]: 0.85
  // CHECK-DAG: adamw_m [1]: 2.25
  // CHECK-DAG: adamw_v [1]: 8
  %seven = arith.constant dense<7.0> : tensor<1xf32>
  %pa, %ma, %va = pfc.adamw %one, %two, %seven, %three, %lr corrected %half, %half {beta1 = 0.75 : f64, beta2 = 0.5 : f64, eps = 0.5 : f64, weight_decay = 0.5 : f64} : tensor<1xf32>
  pfc.output "adamw_p", %pa : tensor<1xf32>
  pfc.output "adamw_m", %ma : tensor<1xf32>
  pfc.output "adamw_v", %va : tensor<1xf32>
  // Of a clipped gradient the square is, too: m' = 1.5 + 0.375, v' = 4.625.
  // CHECK-DAG: adamw_clipped_m [1]: 1.875
  // CHECK-DAG: adamw_clipped_v [1]: 4.625
  %pb, %mb, %vb = pfc.adamw %one, %two, %seven, %three, %lr corrected %half, %half clip %half {beta1 = 0.75 : f64, beta2 = 0.5 : f64, eps = 0.5 : f64, weight_decay = 0.5 : f64} : tensor<1xf32>
  pfc.output "adamw_clipped_m", %mb : tensor<1xf32>
  pfc.output "adamw_clipped_v", %vb : tensor<1xf32>
  // Rows 1 and 3: 5.5/0.5 over 5 + 0.5, and 10.5/0.5 over 10 + 0.5.
  // CHECK-DAG: adamw_sampled_w [4x1]: 1 1.78 3 3.76
  // CHECK-DAG: adamw_sampled_m [4x1]: 1 5.5 0 10.5
  // CHECK-DAG: adamw_sampled_v [4x1]: 3 25 0 100
  %means = arith.constant dense<[[1.0], [1.0], [0.0], [1.0]]> : tensor<4x1xf32>
  %squared = arith.constant dense<[[3.0], [0.0], [0.0], [0.0]]> : tensor<4x1xf32>
  %wa, %mwa, %vwa = pfc.update_rows sampled %table, %means adamw %squared corrected %half, %one, %indices, %gradients, %lr {mu = 0.5 : f64, beta2 = 0.75 : f64, eps = 0.5 : f64, weight_decay = 0.1 : f64} : tensor<4x1xf32>, tensor<3xi64>, tensor<3x1xf32>
  pfc.output "adamw_sampled_w", %wa : tensor<4x1xf32>
  pfc.output "adamw_sampled_m", %mwa : tensor<4x1xf32>
  pfc.output "adamw_sampled_v", %vwa : tensor<4x1xf32>
  // Row 0 coasts: 0.5/0.5 over √2.25 + 0.5; row 2 decays.
  // CHECK-DAG: adamw_all_w [4x1]: 0.94 1.78 2.97 3.76
  // CHECK-DAG: adamw_all_m [4x1]: 0.5 5.5 0 10.5
  // CHECK-DAG: adamw_all_v [4x1]: 2.25 25 0 100
  %wb, %mwb, %vwb = pfc.update_rows all %table, %means adamw %squared corrected %half, %one, %indices, %gradients, %lr {mu = 0.5 : f64, beta2 = 0.75 : f64, eps = 0.5 : f64, weight_decay = 0.1 : f64} : tensor<4x1xf32>, tensor<3xi64>, tensor<3x1xf32>
  pfc.output "adamw_all_w", %wb : tensor<4x1xf32>
  pfc.output "adamw_all_m", %mwb : tensor<4x1xf32>
  pfc.output "adamw_all_v", %vwb : tensor<4x1xf32>
  // CHECK-DAG: adamw_coasted_w [4x1]: 0.94 1.78 2.97 3.76
  // CHECK-DAG: adamw_coasted_v [4x1]: 2.25 25 0 100
  %wc, %mwc, %vwc = pfc.coast_rows %wa, %mwa adamw %vwa corrected %half, %one, %indices, %lr, %four {mu = 0.5 : f64, beta2 = 0.75 : f64, eps = 0.5 : f64, weight_decay = 0.1 : f64} : tensor<4x1xf32>, tensor<3xi64>
  pfc.output "adamw_coasted_w", %wc : tensor<4x1xf32>
  pfc.output "adamw_coasted_v", %vwc : tensor<4x1xf32>

  // 0.9·1 + 0.1·2·3.
  // CHECK-DAG: average [1]: 1.5
  %average = pfc.moving_average %one, %three {momentum = 0.1 : f64, scale = 2.0 : f64} : tensor<1xf32>
  pfc.output "average", %average : tensor<1xf32>

  // CHECK-DAG: squares [1]: 100
  %vector = arith.constant dense<[6.0, 8.0]> : tensor<2xf32>
  %squares = pfc.sum_squares %vector : tensor<2xf32> -> tensor<1xf32>
  pfc.output "squares", %squares : tensor<1xf32>
  // Chunks of two elements and a rest.
  // CHECK-DAG: chunks [2]: 100 49
  %three_elements = arith.constant dense<[6.0, 8.0, 7.0]> : tensor<3xf32>
  %chunks = pfc.chunk_sum_squares %three_elements chunk 2 : tensor<3xf32> -> tensor<2xf32>
  pfc.output "chunks", %chunks : tensor<2xf32>
  // Tensors one behind the other, and apart again.
  // CHECK-DAG: bucket [16]: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
  // CHECK-DAG: matrix [2x4]: 1 2 3 4 5 6 7 8
  // CHECK-DAG: vector [8]: 9 10 11 12 13 14 15 16
  %matrix = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]> : tensor<2x4xf64>
  %row = arith.constant dense<[9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0]> : tensor<8xf64>
  %bucket = pfc.bucket %matrix, %row : tensor<2x4xf64>, tensor<8xf64> to tensor<16xf64>
  %first_part, %second_part = pfc.unbucket %bucket : tensor<16xf64> to tensor<2x4xf64>, tensor<8xf64>
  pfc.output "bucket", %bucket : tensor<16xf64>
  pfc.output "matrix", %first_part : tensor<2x4xf64>
  pfc.output "vector", %second_part : tensor<8xf64>
  // 5/(10 + 1e-6).
  // CHECK-DAG: tight [1]: 0.49999995
  // CHECK-DAG: norm [1]: 10
  %tight, %norm = pfc.clip_factor %squares {limit = 5.0 : f64} : tensor<1xf32>
  pfc.output "tight", %tight : tensor<1xf32>
  pfc.output "norm", %norm : tensor<1xf32>
  // CHECK-DAG: loose [1]: 1
  %loose, %same_norm = pfc.clip_factor %squares {limit = 20.0 : f64} : tensor<1xf32>
  pfc.output "loose", %loose : tensor<1xf32>
  // With a loss scale of 4 in the gradients: norm 2.5, 2/(2.5 + 1e-6)/4.
  // CHECK-DAG: scaled [1]: 0.19999992
  // CHECK-DAG: scaled_norm [1]: 2.5
  %quarter = arith.constant dense<0.25> : tensor<1xf32>
  %scaled, %scaled_norm = pfc.clip_factor %squares unscale %quarter {limit = 2.0 : f64} : tensor<1xf32>
  pfc.output "scaled", %scaled : tensor<1xf32>
  pfc.output "scaled_norm", %scaled_norm : tensor<1xf32>

  // Inf and NaN are found wherever they are; what is finite is not.
  // CHECK-DAG: none [1]: 0
  // CHECK-DAG: inf [1]: 1
  // CHECK-DAG: nan [1]: 1
  %inf = arith.constant dense<0x7F800000> : tensor<1xf32>
  %nan = arith.constant dense<0x7FC00000> : tensor<1xf32>
  %found_none = pfc.found_inf %one, %squares
  %found_inf = pfc.found_inf %inf, %squares
  %found_nan = pfc.found_inf %one, %nan
  pfc.output "none", %found_none : tensor<1xf32>
  pfc.output "inf", %found_inf : tensor<1xf32>
  pfc.output "nan", %found_nan : tensor<1xf32>

  // Interval 3: two good steps before, a third now; or an overflow.
  // CHECK-DAG: unscale [1]: 0.5
  // CHECK-DAG: grown [1]: 4
  // CHECK-DAG: grown_steps [1]: 0
  // CHECK-DAG: grown_skipped [1]: 0
  %unscale, %grown, %grown_steps, %grown_skipped = pfc.update_loss_scale %two, %two, %found_none {growth = 2.0 : f64, backoff = 0.25 : f64, interval = 3 : i64}
  pfc.output "unscale", %unscale : tensor<1xf32>
  pfc.output "grown", %grown : tensor<1xf32>
  pfc.output "grown_steps", %grown_steps : tensor<1xf32>
  pfc.output "grown_skipped", %grown_skipped : tensor<1xf32>
  // CHECK-DAG: same [1]: 2
  // CHECK-DAG: same_steps [1]: 2
  %1, %same, %same_steps, %2 = pfc.update_loss_scale %two, %one, %found_none {growth = 2.0 : f64, backoff = 0.25 : f64, interval = 3 : i64}
  pfc.output "same", %same : tensor<1xf32>
  pfc.output "same_steps", %same_steps : tensor<1xf32>
  // CHECK-DAG: backed_off [1]: 0.5
  // CHECK-DAG: backed_off_steps [1]: 0
  // CHECK-DAG: backed_off_skipped [1]: 1
  %3, %off, %off_steps, %off_skipped = pfc.update_loss_scale %two, %two, %found_inf {growth = 2.0 : f64, backoff = 0.25 : f64, interval = 3 : i64}
  pfc.output "backed_off", %off : tensor<1xf32>
  pfc.output "backed_off_steps", %off_steps : tensor<1xf32>
  pfc.output "backed_off_skipped", %off_skipped : tensor<1xf32>

  // A skipped update reads no gradient: one is NaN here.
  // CHECK-DAG: skipped_p [1]: 1
  // CHECK-DAG: skipped_v [1]: 2
  %p5, %v5 = pfc.sgd %one, %two, %nan, %lr unless %found_nan {mu = 0.9 : f64, weight_decay = 0.5 : f64} : tensor<1xf32>
  pfc.output "skipped_p", %p5 : tensor<1xf32>
  pfc.output "skipped_v", %v5 : tensor<1xf32>
  // CHECK-DAG: skipped_w [4x1]: 1 2 3 4
  %w6, %m6 = pfc.update_rows all %table, %momentum, %indices, %gradients, %lr unscale %nan unless %found_nan {mu = 0.5 : f64, weight_decay = 0.1 : f64} : tensor<4x1xf32>, tensor<3xi64>, tensor<3x1xf32>
  pfc.output "skipped_w", %w6 : tensor<4x1xf32>
  // CHECK-DAG: still_p [1]: 1
  // CHECK-DAG: still_v [1]: 7
  // CHECK-DAG: still_w [4x1]: 1 2 3 4
  // CHECK-DAG: still_c1 [1]: 0.5
  // CHECK-DAG: still_c2 [1]: 2
  %pd, %md, %vd = pfc.adamw %one, %two, %seven, %nan, %lr corrected %half, %half unless %found_nan {beta1 = 0.75 : f64, beta2 = 0.5 : f64, eps = 0.5 : f64, weight_decay = 0.5 : f64} : tensor<1xf32>
  pfc.output "still_p", %pd : tensor<1xf32>
  pfc.output "still_v", %vd : tensor<1xf32>
  %wd, %mwd, %vwd = pfc.update_rows all %table, %means adamw %squared corrected %half, %one, %indices, %gradients, %lr unscale %nan unless %found_nan {mu = 0.5 : f64, beta2 = 0.75 : f64, eps = 0.5 : f64, weight_decay = 0.1 : f64} : tensor<4x1xf32>, tensor<3xi64>, tensor<3x1xf32>
  pfc.output "still_w", %wd : tensor<4x1xf32>
  %skipped_c1, %skipped_c2 = pfc.bias_corrections %half, %two unless %found_nan {beta1 = 0.75 : f64, beta2 = 0.5 : f64}
  pfc.output "still_c1", %skipped_c1 : tensor<1xf32>
  pfc.output "still_c2", %skipped_c2 : tensor<1xf32>
  // Gradients of an eighth: row 1 and row 3 move less.
  // CHECK-DAG: unscaled_v [4x1]: 0 1.95 0 3.4
  %eighth = arith.constant dense<0.125> : tensor<1xf32>
  %w7, %m7 = pfc.update_rows sampled %table, %momentum, %indices, %gradients, %lr unscale %eighth unless %found_none {mu = 0.5 : f64, weight_decay = 0.1 : f64} : tensor<4x1xf32>, tensor<3xi64>, tensor<3x1xf32>
  pfc.output "unscaled_v", %m7 : tensor<4x1xf32>
  return
}

// A variable reads as it was when the step began, wherever the op stands.
// STATE:      value [1]: 1
// STATE-NEXT: value [1]: 2
// STATE-NEXT: value [1]: 4
func.func @state() {
  %before = pfc.variable "x" parameter init<constant, 1.0, 0.0> : tensor<1xf32>
  %twice = pfc.add %before, %before : tensor<1xf32>
  pfc.assign "x", %twice : tensor<1xf32>
  %after = pfc.variable "x" parameter init<constant, 1.0, 0.0> : tensor<1xf32>
  pfc.output "value", %after : tensor<1xf32>
  return
}

// 1 − 0.9ᵗ and 1 − 0.5ᵗ.
// CORRECTIONS:      c1 [1]: 0.1
// CORRECTIONS-NEXT: c2 [1]: 0.5
// CORRECTIONS-NEXT: c1 [1]: 0.19
// CORRECTIONS-NEXT: c2 [1]: 0.75
// CORRECTIONS-NEXT: c1 [1]: 0.271
// CORRECTIONS-NEXT: c2 [1]: 0.875
func.func @corrections() {
  %c1 = pfc.variable "c1" optimizer_state init<constant, 0.0, 0.0> : tensor<1xf32>
  %c2 = pfc.variable "c2" optimizer_state init<constant, 0.0, 0.0> : tensor<1xf32>
  %new1, %new2 = pfc.bias_corrections %c1, %c2 {beta1 = 0.9 : f64, beta2 = 0.5 : f64}
  pfc.assign "c1", %new1 : tensor<1xf32>
  pfc.assign "c2", %new2 : tensor<1xf32>
  pfc.output "c1", %new1 : tensor<1xf32>
  pfc.output "c2", %new2 : tensor<1xf32>
  return
}

// bf16 keeps 7 bits of the fraction. 1 + 2⁻⁸ and 1 + 3·2⁻⁸ lie half way
// between two numbers and go to the even one.
// EXACT: bf16 [3]: 1.00390625 1.01171875 3.14159265
// ROUND: bf16 [3]: 1 1.015625 3.140625
func.func @narrow() {
  %x = arith.constant dense<[1.00390625, 1.01171875, 3.14159265358]> : tensor<3xf64>
  %y = pfc.cast %x : tensor<3xf64> -> tensor<3xbf16>
  pfc.output "bf16", %y : tensor<3xbf16>
  return
}

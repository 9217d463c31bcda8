// Gradients that are NaN on some of four ranks, where a variance is negative:
// all of them skip the step, as one rank with all rows does.
// RUN: pfc-opt %s --pfc-partition --pfc-verify-partitioned -o %t.mlir
// RUN: pfc-interpret %s --against %t.mlir --steps 2
// RUN: pfc-interpret %t.mlir --print | FileCheck %s
// CHECK: skipped [1]: 1
// With each rank's own flag, the others go on.
// RUN: sed 's/shard.all_reduce \(%[0-9]*\) on .* : \(.*\) -> .*/pfc.add \1, \1 : \2/' %t.mlir > %t.own.mlir
// RUN: not pfc-interpret %s --against %t.own.mlir --steps 2 2>&1 | FileCheck %s --check-prefix=OWN
// OWN: 'loss_scale' differs between ranks
module {
  shard.grid @ranks(shape = 4)
  func.func @train_step(%labels: tensor<4xi64> {pfc.input = "labels"}, %lr: tensor<1xf32> {pfc.input = "lr"}, %step: tensor<1xi64> {pfc.input = "step"}) {
    %indices, %counts, %columns = pfc.sample_centers %labels, %step {classes = 4 : i64, sample_rate = 1.0 : f64, seed = 7 : i64, capacity = 1 : i64} : tensor<4xi64>, tensor<1xi64> -> tensor<4xi64>, tensor<4xi64>
    %table = pfc.variable "w" parameter init<normal, 0.0, 1.0> {sharded, rows = 4 : i64} : tensor<4x3xf32>
    %momentum = pfc.variable "w.momentum" optimizer_state init<normal, 0.0, 1.0> {sharded, rows = 4 : i64} : tensor<4x3xf32>
    %mean = pfc.variable "mean" buffer init<uniform, -1.0, 1.0> {sharded, rows = 4 : i64} : tensor<4x3xf32>
    %var = pfc.variable "var" buffer init<uniform, -0.3, 1.0> {sharded, rows = 4 : i64} : tensor<4x3xf32>
    %gamma = pfc.variable "gamma" buffer init<constant, 1.0, 0.0> : tensor<3xf32>
    %rows = pfc.gather_rows %table, %indices : tensor<4x3xf32>, tensor<4xi64> -> tensor<4x3xf32>
    %g = pfc.batch_norm %rows, %mean, %var, %gamma, %gamma {eps = 0.0 : f64} : tensor<4x3xf32>, tensor<4x3xf32>, tensor<3xf32>
    %square = pfc.sum_squares %g : tensor<4x3xf32> -> tensor<1xf32>
    %found = pfc.found_inf %square
    %scale = pfc.variable "loss_scale" optimizer_state init<constant, 8.0, 0.0> : tensor<1xf32>
    %unscale, %next, %good, %skipped = pfc.update_loss_scale %scale, %scale, %found {growth = 2.0 : f64, backoff = 0.5 : f64, interval = 2000 : i64}
    %w, %v = pfc.update_rows sampled %table, %momentum, %indices, %g, %lr unscale %unscale unless %found {mu = 0.9 : f64, weight_decay = 0.1 : f64} : tensor<4x3xf32>, tensor<4xi64>, tensor<4x3xf32>
    pfc.assign "w", %w : tensor<4x3xf32>
    pfc.assign "w.momentum", %v : tensor<4x3xf32>
    pfc.assign "loss_scale", %next : tensor<1xf32>
    pfc.output "skipped", %skipped : tensor<1xf32>
    return
  }
}

// Three ways to write one head mean the same: the job's, that of one of 3
// ranks, and the fused one. 10 classes on 3 ranks, 6 images, half sampled;
// tighter than the default, since float64 differs by the order of sums alone.
// RUN: split-file %s %t
// RUN: pfc-interpret %t/logical.mlir --against %t/local.mlir --steps 3 \
// RUN:   --tolerance 1e-12 | FileCheck %s
// RUN: pfc-interpret %t/local.mlir --against %t/fused.mlir --steps 3 \
// RUN:   --tolerance 1e-12 | FileCheck %s
// RUN: pfc-interpret %t/fused.mlir --against %t/tiled.mlir --steps 3 \
// RUN:   --tolerance 1e-12 | FileCheck %s
// RUN: pfc-interpret - --against %t/fused.mlir < %t/logical.mlir | FileCheck %s
// CHECK: equal: embeddings_grad, loss, 2 variables (max rel. diff {{[0-9.e-]+}})
//
// What differs is named.
// RUN: sed 's/m2 = 0.5/m2 = 0.51/' %t/fused.mlir > %t/margin.mlir
// RUN: not pfc-interpret %t/logical.mlir --against %t/margin.mlir 2>&1 \
// RUN:   | FileCheck %s --check-prefix=LOSS
// LOSS: pfc-interpret: step 0: embeddings_grad differs: [{{[0-9]+, [0-9]+}}] is
// RUN: sed 's/mu = 0.9/mu = 0.8/' %t/local.mlir > %t/momentum.mlir
// RUN: not pfc-interpret %t/logical.mlir --against %t/momentum.mlir 2>&1 \
// RUN:   | FileCheck %s --check-prefix=STATE
// STATE: pfc-interpret: step 0: head.weight differs: [{{[0-9]+, [0-9]+}}] is
// RUN: grep -v pfc.assign %t/local.mlir > %t/frozen.mlir
// RUN: not pfc-interpret %t/logical.mlir --against %t/frozen.mlir 2>&1 \
// RUN:   | FileCheck %s --check-prefix=FROZEN
// FROZEN: frozen.mlir does not assign head.weight
// RUN: sed 's/pfc.output "loss"/pfc.output "lost"/' %t/local.mlir > %t/lost.mlir
// RUN: not pfc-interpret %t/logical.mlir --against %t/lost.mlir 2>&1 \
// RUN:   | FileCheck %s --check-prefix=LOST
// LOST: lost.mlir has no output loss
//
// Replicated state that ranks disagree on is an error of its own.
// RUN: not pfc-interpret %t/diverged.mlir 2>&1 | FileCheck %s --check-prefix=DIVERGED
// DIVERGED: error: replicated variable 'bias' differs between ranks 0 and 1

//--- logical.mlir
shard.grid @ranks(shape = 3)
func.func @train_step(%x: tensor<6x4xf32> {pfc.input = "embeddings"}, %y: tensor<6xi64> {pfc.input = "labels"},
                     %lr: tensor<1xf32> {pfc.input = "lr"}, %step: tensor<1xi64> {pfc.input = "step"}) {
  %w = pfc.variable "head.weight" parameter init<normal, 0.0, 0.01> {sharded, rows = 10 : i64} : tensor<10x4xf32>
  %v = pfc.variable "head.weight.momentum" optimizer_state init<constant, 0.0, 0.0> {sharded, rows = 10 : i64} : tensor<10x4xf32>
  %indices, %counts, %columns = pfc.sample_centers %y, %step {classes = 10 : i64, sample_rate = 0.5 : f64, seed = 7 : i64, capacity = 4 : i64} : tensor<6xi64>, tensor<1xi64> -> tensor<12xi64>, tensor<3xi64>
  %rows = pfc.gather_rows %w, %indices : tensor<10x4xf32>, tensor<12xi64> -> tensor<12x4xf32>
  %xn = pfc.normalize %x : tensor<6x4xf32>
  %wn = pfc.normalize %rows : tensor<12x4xf32>
  %cos = pfc.cosine_logits %xn, %wn : tensor<6x4xf32>, tensor<12x4xf32> -> tensor<6x12xf32>
  %z = pfc.margin %cos, %columns margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 8.0, gradient = exact, filter = 0.3> : tensor<6x12xf32>, tensor<6xi64>
  %loss, %stats = pfc.softmax_cross_entropy %z, %columns, %counts {shift = 0.0 : f64} : tensor<6x12xf32>, tensor<6xi64>, tensor<3xi64> -> tensor<6x2xf32>
  %dz = pfc.softmax_cross_entropy_grad %z, %columns, %counts, %stats {shift = 0.0 : f64, batch = 6 : i64} : tensor<6x12xf32>, tensor<6xi64>, tensor<3xi64>, tensor<6x2xf32>
  %dcos = pfc.margin_grad %dz, %cos, %columns margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 8.0, gradient = exact, filter = 0.3> : tensor<6x12xf32>, tensor<6xi64>
  %dxn = pfc.matmul %dcos, %wn : tensor<6x12xf32>, tensor<12x4xf32> -> tensor<6x4xf32>
  %dwn = pfc.matmul %dcos, %xn {transpose_lhs} : tensor<6x12xf32>, tensor<6x4xf32> -> tensor<12x4xf32>
  %dx = pfc.normalize_grad %dxn, %x : tensor<6x4xf32>
  %dw = pfc.normalize_grad %dwn, %rows : tensor<12x4xf32>
  %w1, %v1 = pfc.update_rows sampled %w, %v, %indices, %dw, %lr {mu = 0.9 : f64, weight_decay = 5.0e-4 : f64} : tensor<10x4xf32>, tensor<12xi64>, tensor<12x4xf32>
  pfc.output "embeddings_grad", %dx : tensor<6x4xf32>
  pfc.assign "head.weight", %w1 : tensor<10x4xf32>
  pfc.assign "head.weight.momentum", %v1 : tensor<10x4xf32>
  pfc.output "loss", %loss : tensor<1xf32>
  return
}

//--- local.mlir
shard.grid @ranks(shape = 3)
func.func @train_step(%x: tensor<2x4xf32> {pfc.input = "embeddings"}, %y: tensor<2xi64> {pfc.input = "labels"},
                     %lr: tensor<1xf32> {pfc.input = "lr"}, %step: tensor<1xi64> {pfc.input = "step"}) {
  %w = pfc.variable "head.weight" parameter init<normal, 0.0, 0.01> {sharded, rows = 10 : i64} : tensor<4x4xf32>
  %v = pfc.variable "head.weight.momentum" optimizer_state init<constant, 0.0, 0.0> {sharded, rows = 10 : i64} : tensor<4x4xf32>
  %first = pfc.rank_constant base 0 per_rank 3 threshold 1 below 0 per_capped_rank 1 : tensor<1xi64>
  %count = pfc.rank_constant base 3 per_rank 0 threshold 1 below 1 per_capped_rank 0 : tensor<1xi64>
  %rank = pfc.rank_constant base 0 per_rank 1 threshold 0 below 0 per_capped_rank 0 : tensor<1xi64>
  %labels = shard.all_gather %y on @ranks grid_axes = [0] gather_axis = 0 : tensor<2xi64> -> tensor<6xi64>
  %indices, %used, %columns = pfc.sample_local_centers %labels, %step, %first, %count, %rank {shard_size = 4 : i64, sample_rate = 0.5 : f64, seed = 7 : i64} : tensor<6xi64>, tensor<1xi64> -> tensor<4xi64>
  %rows = pfc.gather_rows %w, %indices : tensor<4x4xf32>, tensor<4xi64> -> tensor<4x4xf32>
  %xl = pfc.normalize %x : tensor<2x4xf32>
  %xn = shard.all_gather %xl on @ranks grid_axes = [0] gather_axis = 0 : tensor<2x4xf32> -> tensor<6x4xf32>
  %wn = pfc.normalize %rows : tensor<4x4xf32>
  %cos = pfc.cosine_logits %xn, %wn : tensor<6x4xf32>, tensor<4x4xf32> -> tensor<6x4xf32>
  %z = pfc.margin %cos, %columns margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 8.0, gradient = exact, filter = 0.3> : tensor<6x4xf32>, tensor<6xi64>
  %sums = pfc.softmax_stats %z, %columns, %used {shift = 0.0 : f64} : tensor<6x4xf32>, tensor<6xi64>, tensor<1xi64> -> tensor<6x2xf32>
  %stats = shard.all_reduce %sums on @ranks grid_axes = [0] : tensor<6x2xf32> -> tensor<6x2xf32>
  %loss = pfc.softmax_loss %stats {shift = 0.0 : f64} : tensor<6x2xf32> -> tensor<1xf32>
  %dz = pfc.softmax_cross_entropy_grad %z, %columns, %used, %stats {shift = 0.0 : f64, batch = 6 : i64} : tensor<6x4xf32>, tensor<6xi64>, tensor<1xi64>, tensor<6x2xf32>
  %dcos = pfc.margin_grad %dz, %cos, %columns margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 8.0, gradient = exact, filter = 0.3> : tensor<6x4xf32>, tensor<6xi64>
  %dxn = pfc.matmul %dcos, %wn : tensor<6x4xf32>, tensor<4x4xf32> -> tensor<6x4xf32>
  %dwn = pfc.matmul %dcos, %xn {transpose_lhs} : tensor<6x4xf32>, tensor<6x4xf32> -> tensor<4x4xf32>
  %dxl = shard.reduce_scatter %dxn on @ranks grid_axes = [0] scatter_axis = 0 : tensor<6x4xf32> -> tensor<2x4xf32>
  %dx = pfc.normalize_grad %dxl, %x : tensor<2x4xf32>
  %dw = pfc.normalize_grad %dwn, %rows : tensor<4x4xf32>
  %w1, %v1 = pfc.update_rows sampled %w, %v, %indices, %dw, %lr count %count : tensor<1xi64> {mu = 0.9 : f64, weight_decay = 5.0e-4 : f64} : tensor<4x4xf32>, tensor<4xi64>, tensor<4x4xf32>
  pfc.output "embeddings_grad", %dx : tensor<2x4xf32>
  pfc.assign "head.weight", %w1 : tensor<4x4xf32>
  pfc.assign "head.weight.momentum", %v1 : tensor<4x4xf32>
  pfc.output "loss", %loss : tensor<1xf32>
  return
}

//--- fused.mlir
shard.grid @ranks(shape = 3)
func.func @train_step(%x: tensor<2x4xf32> {pfc.input = "embeddings"}, %y: tensor<2xi64> {pfc.input = "labels"},
                     %lr: tensor<1xf32> {pfc.input = "lr"}, %step: tensor<1xi64> {pfc.input = "step"}) {
  %w = pfc.variable "head.weight" parameter init<normal, 0.0, 0.01> {sharded, rows = 10 : i64} : tensor<4x4xf32>
  %v = pfc.variable "head.weight.momentum" optimizer_state init<constant, 0.0, 0.0> {sharded, rows = 10 : i64} : tensor<4x4xf32>
  %first = pfc.rank_constant base 0 per_rank 3 threshold 1 below 0 per_capped_rank 1 : tensor<1xi64>
  %count = pfc.rank_constant base 3 per_rank 0 threshold 1 below 1 per_capped_rank 0 : tensor<1xi64>
  %rank = pfc.rank_constant base 0 per_rank 1 threshold 0 below 0 per_capped_rank 0 : tensor<1xi64>
  %labels = shard.all_gather %y on @ranks grid_axes = [0] gather_axis = 0 : tensor<2xi64> -> tensor<6xi64>
  %indices, %used, %columns = pfc.sample_local_centers %labels, %step, %first, %count, %rank {shard_size = 4 : i64, sample_rate = 0.5 : f64, seed = 7 : i64} : tensor<6xi64>, tensor<1xi64> -> tensor<4xi64>
  %rows = pfc.gather_rows %w, %indices : tensor<4x4xf32>, tensor<4xi64> -> tensor<4x4xf32>
  %xl = pfc.normalize %x : tensor<2x4xf32>
  %xn = shard.all_gather %xl on @ranks grid_axes = [0] gather_axis = 0 : tensor<2x4xf32> -> tensor<6x4xf32>
  %wn = pfc.normalize %rows : tensor<4x4xf32>
  %exps, %sums, %targets = pfc.margin_softmax %xn, %wn, %columns, %used margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 8.0, gradient = exact, filter = 0.3> {shift = 0.0 : f64} : tensor<6x4xf32>, tensor<4x4xf32>, tensor<6xi64>, tensor<1xi64> -> tensor<6x4xf32>, tensor<6x2xf32>, tensor<6xf32>
  %stats = shard.all_reduce %sums on @ranks grid_axes = [0] : tensor<6x2xf32> -> tensor<6x2xf32>
  %loss = pfc.softmax_loss %stats {shift = 0.0 : f64} : tensor<6x2xf32> -> tensor<1xf32>
  %dxn, %dwn = pfc.margin_softmax_grad %xn, %wn, %exps, %stats, %targets, %columns margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 8.0, gradient = exact, filter = 0.3> {shift = 0.0 : f64, batch = 6 : i64} : tensor<6x4xf32>, tensor<4x4xf32>, tensor<6x4xf32>, tensor<6x2xf32>, tensor<6xf32>, tensor<6xi64> -> tensor<6x4xf32>, tensor<4x4xf32>
  %dxl = shard.reduce_scatter %dxn on @ranks grid_axes = [0] scatter_axis = 0 : tensor<6x4xf32> -> tensor<2x4xf32>
  %dx = pfc.normalize_grad %dxl, %x : tensor<2x4xf32>
  %dw = pfc.normalize_grad %dwn, %rows : tensor<4x4xf32>
  %w1, %v1 = pfc.update_rows sampled %w, %v, %indices, %dw, %lr count %count : tensor<1xi64> {mu = 0.9 : f64, weight_decay = 5.0e-4 : f64} : tensor<4x4xf32>, tensor<4xi64>, tensor<4x4xf32>
  pfc.output "embeddings_grad", %dx : tensor<2x4xf32>
  pfc.assign "head.weight", %w1 : tensor<4x4xf32>
  pfc.assign "head.weight.momentum", %v1 : tensor<4x4xf32>
  pfc.output "loss", %loss : tensor<1xf32>
  return
}

//--- tiled.mlir
shard.grid @ranks(shape = 3)
func.func @train_step(%x: tensor<2x4xf32> {pfc.input = "embeddings"}, %y: tensor<2xi64> {pfc.input = "labels"},
                     %lr: tensor<1xf32> {pfc.input = "lr"}, %step: tensor<1xi64> {pfc.input = "step"}) {
  %w = pfc.variable "head.weight" parameter init<normal, 0.0, 0.01> {sharded, rows = 10 : i64} : tensor<4x4xf32>
  %v = pfc.variable "head.weight.momentum" optimizer_state init<constant, 0.0, 0.0> {sharded, rows = 10 : i64} : tensor<4x4xf32>
  %first = pfc.rank_constant base 0 per_rank 3 threshold 1 below 0 per_capped_rank 1 : tensor<1xi64>
  %count = pfc.rank_constant base 3 per_rank 0 threshold 1 below 1 per_capped_rank 0 : tensor<1xi64>
  %rank = pfc.rank_constant base 0 per_rank 1 threshold 0 below 0 per_capped_rank 0 : tensor<1xi64>
  %labels = shard.all_gather %y on @ranks grid_axes = [0] gather_axis = 0 : tensor<2xi64> -> tensor<6xi64>
  %indices, %used, %columns = pfc.sample_local_centers %labels, %step, %first, %count, %rank {shard_size = 4 : i64, sample_rate = 0.5 : f64, seed = 7 : i64} : tensor<6xi64>, tensor<1xi64> -> tensor<4xi64>
  %xl = pfc.normalize %x : tensor<2x4xf32>
  %xn = shard.all_gather %xl on @ranks grid_axes = [0] gather_axis = 0 : tensor<2x4xf32> -> tensor<6x4xf32>
  %targets = pfc.target_cosines %xn, %w, %indices, %columns : tensor<6x4xf32>, tensor<4x4xf32>, tensor<4xi64>, tensor<6xi64> -> tensor<6xf32>
  %zero = pfc.rank_constant base 0 per_rank 0 threshold 0 below 0 per_capped_rank 0 : tensor<1xi64>
  %wn = pfc.gather_unit_rows %w, %indices : tensor<4x4xf32>, tensor<4xi64> -> tensor<4x4xf32>
  %cos = pfc.matmul %xn, %wn {transpose_rhs} : tensor<6x4xf32>, tensor<4x4xf32> -> tensor<6x4xf32>
  %exps, %z = pfc.margin_exp %cos, %columns, %used, %zero margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 8.0, gradient = exact, filter = 0.3> {shift = 0.0 : f64} : tensor<6x4xf32>, tensor<6xi64> -> tensor<6x4xf32>, tensor<6xf32>
  %ew = pfc.matmul %exps, %wn : tensor<6x4xf32>, tensor<4x4xf32> -> tensor<6x4xf32>
  %sums = pfc.margin_target %z, %targets, %columns margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 8.0, gradient = exact, filter = 0.3> {shift = 0.0 : f64} : tensor<6xf32>, tensor<6xi64> -> tensor<6x2xf32>
  %stats = shard.all_reduce %sums on @ranks grid_axes = [0] : tensor<6x2xf32> -> tensor<6x2xf32>
  %loss = pfc.softmax_loss %stats {shift = 0.0 : f64} : tensor<6x2xf32> -> tensor<1xf32>
  %dxn, %factors = pfc.margin_embeddings_grad %ew, %stats, %targets, %columns, %w, %indices margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 8.0, gradient = exact, filter = 0.3> {shift = 0.0 : f64, batch = 6 : i64} : tensor<6x4xf32>, tensor<6x2xf32>, tensor<6xf32>, tensor<6xi64>, tensor<4x4xf32>, tensor<4xi64> -> tensor<6x4xf32>, tensor<6xf32>
  %patched = pfc.margin_patch %exps, %stats, %targets, %columns, %zero margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 8.0, gradient = exact, filter = 0.3> {shift = 0.0 : f64} : tensor<6x4xf32>, tensor<6x2xf32>, tensor<6xf32>, tensor<6xi64>
  %xs = pfc.scale_rows %xn, %factors : tensor<6x4xf32>, tensor<6xf32> -> tensor<6x4xf32>
  %dwn = pfc.matmul %patched, %xs {transpose_lhs} : tensor<6x4xf32>, tensor<6x4xf32> -> tensor<4x4xf32>
  %dxl = shard.reduce_scatter %dxn on @ranks grid_axes = [0] scatter_axis = 0 : tensor<6x4xf32> -> tensor<2x4xf32>
  %dx = pfc.normalize_grad %dxl, %x : tensor<2x4xf32>
  %w1, %v1 = pfc.update_rows sampled %w, %v, %indices, %dwn, %lr count %count : tensor<1xi64> {of_unit_rows, mu = 0.9 : f64, weight_decay = 5.0e-4 : f64} : tensor<4x4xf32>, tensor<4xi64>, tensor<4x4xf32>
  pfc.output "embeddings_grad", %dx : tensor<2x4xf32>
  pfc.assign "head.weight", %w1 : tensor<4x4xf32>
  pfc.assign "head.weight.momentum", %v1 : tensor<4x4xf32>
  pfc.output "loss", %loss : tensor<1xf32>
  return
}

//--- diverged.mlir
shard.grid @ranks(shape = 2)
func.func @train_step(%x: tensor<3x2xf32> {pfc.input = "x"}) {
  %bias = pfc.variable "bias" parameter init<constant, 0.0, 0.0> : tensor<2xf32>
  %everyone = shard.all_gather %x on @ranks grid_axes = [0] gather_axis = 0 : tensor<3x2xf32> -> tensor<6x2xf32>
  %sum = pfc.channel_sum %x : tensor<3x2xf32> -> tensor<2xf32>
  pfc.assign "bias", %sum : tensor<2xf32>
  return
}

// RUN: pfc-opt %s --pfc-partition --split-input-file --verify-diagnostics

// expected-error @below {{pfc-partition needs one shard.grid, not 0}}
module {
}

// -----

// expected-error @below {{must have one axis, the ranks}}
shard.grid @ranks(shape = 2x2)

// -----

shard.grid @ranks(shape = 4)
// expected-error @below {{dimension 0 of size 6 cannot be split over 4 ranks}}
func.func @train_step(%images: tensor<6x4x4x1xui8> {pfc.input = "images"}) {
  return
}

// -----

shard.grid @ranks(shape = 4)
// expected-error @below {{argument 0 has no pfc.input}}
func.func @train_step(%images: tensor<8x4x4x1xui8>) {
  return
}

// -----

// A rank's rows are no whole row of the result.
shard.grid @ranks(shape = 4)
func.func @train_step(%images: tensor<8x4x4x1xui8> {pfc.input = "images"}) {
  %x = pfc.scale_pixels %images : tensor<8x4x4x1xui8> -> tensor<8x4x4x1xf32>
  // expected-error @below {{dimension 0 of size 2 cannot be split over 4 ranks}}
  %y = pfc.reshape %x : tensor<8x4x4x1xf32> -> tensor<2x64xf32>
  return
}

// -----

// Columns of a rank are none of the result.
shard.grid @ranks(shape = 4)
func.func @train_step(%images: tensor<8x4x4x1xui8> {pfc.input = "images"}) {
  %x = pfc.scale_pixels %images : tensor<8x4x4x1xui8> -> tensor<8x4x4x1xf32>
  %rows = pfc.reshape %x : tensor<8x4x4x1xf32> -> tensor<8x16xf32>
  %table = pfc.variable "head.weight" parameter init <normal, 0.0, 0.01> {rows = 8 : i64, sharded} : tensor<8x16xf32>
  // expected-error @below {{a value that is split along dimension 1 is wanted replicated}}
  %cosines = pfc.cosine_logits %rows, %table : tensor<8x16xf32>, tensor<8x16xf32> -> tensor<8x8xf32>
  %y = pfc.reshape %cosines : tensor<8x8xf32> -> tensor<16x4xf32>
  return
}

// -----

shard.grid @ranks(shape = 4)
func.func @train_step(%images: tensor<8x4x4x1xui8> {pfc.input = "images"}) {
  %x = pfc.scale_pixels %images : tensor<8x4x4x1xui8> -> tensor<8x4x4x1xf32>
  // expected-error @below {{has 2 groups, but a batch split over 4 ranks needs one group for each}}
  %mean, %var = pfc.batch_stats %x : tensor<8x4x4x1xf32> -> tensor<2x1xf32>
  return
}

// -----

shard.grid @ranks(shape = 4)
func.func @train_step(%lr: tensor<1xf32> {pfc.input = "lr"}) {
  %x = pfc.variable "x" parameter init <constant, 0.0, 0.0> : tensor<8x4xf32>
  // expected-error @below {{cannot be partitioned}}
  %y = pfc.cast %x : tensor<8x4xf32> -> tensor<8x4xbf16>
  return
}

// -----

// A table that every rank has cannot be gathered from by shards.
shard.grid @ranks(shape = 4)
func.func @train_step(%labels: tensor<8xi64> {pfc.input = "labels"}) {
  // expected-error @below {{a value that is replicated is wanted split along dimension 0}}
  %w = pfc.variable "w" parameter init <constant, 0.0, 0.0> : tensor<10x4xf32>
  %rows = pfc.gather_rows %w, %labels : tensor<10x4xf32>, tensor<8xi64> -> tensor<8x4xf32>
  return
}

// -----

// Sums of a tile of class centers are one rank's.
shard.grid @ranks(shape = 2)
func.func @train_step(%images: tensor<4x8x8x1xui8> {pfc.input = "images"}) {
  %x = pfc.scale_pixels %images : tensor<4x8x8x1xui8> -> tensor<4x8x8x1xf32>
  %rows = pfc.reshape %x : tensor<4x8x8x1xf32> -> tensor<4x64xf32>
  %w = pfc.variable "w" parameter init <normal, 0.0, 1.0> : tensor<64x64xf32>
  // expected-error @below {{adds to a sum, which one rank alone does}}
  %y = pfc.matmul %rows, %w plus %rows : tensor<4x64xf32> : tensor<4x64xf32>, tensor<64x64xf32> -> tensor<4x64xf32>
  return
}

// -----

// A sum that is there split along dimension 0 is not one along dimension 1.
shard.grid @ranks(shape = 2)
func.func @train_step(%images: tensor<8x4x2x1xui8> {pfc.input = "images"}, %labels: tensor<8xi64> {pfc.input = "labels"}, %step: tensor<1xi64> {pfc.input = "step"}) {
  %x = pfc.scale_pixels %images : tensor<8x4x2x1xui8> -> tensor<8x4x2x1xf32>
  %rows = pfc.reshape %x : tensor<8x4x2x1xf32> -> tensor<8x8xf32>
  // expected-error @below {{a value that is partial sums is wanted split along dimension 1}}
  %sum = pfc.matmul %rows, %rows {transpose_lhs} : tensor<8x8xf32>, tensor<8x8xf32> -> tensor<8x8xf32>
  %0 = pfc.normalize_grad %sum, %rows : tensor<8x8xf32>
  %indices, %counts, %columns = pfc.sample_centers %labels, %step {capacity = 4 : i64, classes = 8 : i64, sample_rate = 1.0 : f64, seed = 7 : i64} : tensor<8xi64>, tensor<1xi64> -> tensor<8xi64>, tensor<2xi64>
  %1 = pfc.margin %sum, %columns margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0> : tensor<8x8xf32>, tensor<8xi64>
  return
}

// RUN: pfc-opt %s --pfc-verify-partitioned --split-input-file --verify-diagnostics

// expected-error @below {{a partitioned module has one shard.grid of one axis, the ranks}}
module {
}

// -----

shard.grid @ranks(shape = 4)
func.func @train_step(%x: tensor<2x4xf32>, %rows: tensor<2x4xf32>, %indices: tensor<2xi64>) {
  // expected-error @below {{is sharded but does not say how many rows the whole job has}}
  %w = pfc.variable "w" parameter init <constant, 0.0, 0.0> {sharded} : tensor<3x4xf32>
  // expected-error @below {{is an op of the whole job}}
  %0 = pfc.linear %x, %w : tensor<2x4xf32>, tensor<3x4xf32> -> tensor<2x3xf32>
  // expected-error @below {{is an op of the whole job}}
  %1 = pfc.scatter_rows %rows, %indices : tensor<2x4xf32>, tensor<2xi64> -> tensor<3x4xf32>
  // expected-error @below {{is an op of the whole job}}
  pfc.gradient "w", %1 : tensor<3x4xf32>
  // expected-error @below {{writes 'tensor<2x4xf32>' to a variable of type 'tensor<3x4xf32>'}}
  pfc.assign "w", %x : tensor<2x4xf32>
  // expected-error @below {{writes a variable that is not read before}}
  pfc.assign "v", %x : tensor<2x4xf32>
  return
}

// -----

shard.grid @ranks(shape = 4)
func.func @train_step(%x: tensor<2x4xf32>, %lr: tensor<1xf32>, %indices: tensor<2xi64>) {
  // expected-error @below {{must multiply dimension 0 by the number of ranks, 4}}
  %0 = shard.all_gather %x on @ranks gather_axis = 0 : tensor<2x4xf32> -> tensor<2x4xf32>
  // expected-error @below {{must multiply dimension 0 by the number of ranks, 4}}
  %1 = shard.reduce_scatter %x on @ranks scatter_axis = 0 : tensor<2x4xf32> -> tensor<2x4xf32>
  // expected-error @below {{does not know how many rows are in use}}
  %2, %3 = pfc.update_rows sampled %x, %x, %indices, %x, %lr {mu = 0.9 : f64, weight_decay = 0.0 : f64} : tensor<2x4xf32>, tensor<2xi64>, tensor<2x4xf32>
  return
}

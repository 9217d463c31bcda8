// Ops that see the grid: 10 rows on 4 ranks are 3, 3, 2 and 2.
// RUN: pfc-interpret %s --print --classes 10 | FileCheck %s

shard.grid @ranks(shape = 4)

func.func @train_step(%lr: tensor<1xf32> {pfc.input = "lr"}) {
  // Values that depend on the rank are concatenated.
  // CHECK-DAG: {{^}}first [4]: 0 3 6 8
  // CHECK-DAG: {{^}}count [4]: 3 3 2 2
  // CHECK-DAG: {{^}}rank [4]: 0 1 2 3
  %first = pfc.rank_constant base 0 per_rank 2 threshold 2 below 0 per_capped_rank 1 : tensor<1xi64>
  %count = pfc.rank_constant base 2 per_rank 0 threshold 2 below 1 per_capped_rank 0 : tensor<1xi64>
  %rank = pfc.rank_constant base 0 per_rank 1 threshold 0 below 0 per_capped_rank 0 : tensor<1xi64>
  pfc.output "first", %first : tensor<1xi64>
  pfc.output "count", %count : tensor<1xi64>
  pfc.output "rank", %rank : tensor<1xi64>

  // CHECK-DAG: gathered [4]: 0 1 2 3
  %gathered = shard.all_gather %rank on @ranks grid_axes = [0] gather_axis = 0 : tensor<1xi64> -> tensor<4xi64>
  pfc.output "gathered", %gathered : tensor<4xi64>
  // CHECK-DAG: total [1]: 10
  %total = shard.all_reduce %count on @ranks grid_axes = [0] : tensor<1xi64> -> tensor<1xi64>
  pfc.output "total", %total : tensor<1xi64>
  // Every rank has 0 1 2 3; rank r gets 4·r.
  // CHECK-DAG: scattered [4]: 0 4 8 12
  %scattered = shard.reduce_scatter %gathered on @ranks grid_axes = [0] scatter_axis = 0 : tensor<4xi64> -> tensor<1xi64>
  pfc.output "scattered", %scattered : tensor<1xi64>

  // The local half of sample_centers (interpret-head.mlir): labels 7 2 2 9.
  %labels = arith.constant dense<[7, 2, 2, 9]> : tensor<4xi64>
  %step = arith.constant dense<0> : tensor<1xi64>
  // CHECK-DAG: all [12]: 0 1 2 0 1 2 0 1 -1 0 1 -1
  // CHECK-DAG: used [4]: 3 3 2 2
  // CHECK-DAG: columns [16]: -1 2 2 -1 -1 -1 -1 -1 1 -1 -1 -1 -1 -1 -1 1
  %all, %used, %columns = pfc.sample_local_centers %labels, %step, %first, %count, %rank {shard_size = 3 : i64, sample_rate = 1.0 : f64, seed = 7 : i64} : tensor<4xi64>, tensor<1xi64> -> tensor<3xi64>
  pfc.output "all", %all : tensor<3xi64>
  pfc.output "used", %used : tensor<1xi64>
  pfc.output "columns", %columns : tensor<4xi64>
  // CHECK-DAG: positives [12]: 2 -1 -1 -1 -1 -1 1 -1 -1 1 -1 -1
  %positives, %few, %places = pfc.sample_local_centers %labels, %step, %first, %count, %rank {shard_size = 3 : i64, sample_rate = 0.0 : f64, seed = 7 : i64} : tensor<4xi64>, tensor<1xi64> -> tensor<3xi64>
  pfc.output "positives", %positives : tensor<3xi64>

  // A shard of state: unused rows, the third of ranks 2 and 3, are zero.
  // CHECK-DAG: table [12x1]: 7 7 7 7 7 7 7 7 0 7 7 0
  %table = pfc.variable "table" parameter init<constant, 7.0, 0.0> {sharded, rows = 10 : i64} : tensor<3x1xf32>
  pfc.output "table", %table : tensor<3x1xf32>
  return
}

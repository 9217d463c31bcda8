// Running statistics of layers of one size are gathered, merged and moved as one.
// RUN: pfc-opt %s --pfc-bucket-statistics -o %t.mlir
// RUN: FileCheck %s --input-file=%t.mlir
// RUN: pfc-interpret %s --against %t.mlir --steps 3 --tolerance 0
//
// Of a real network on four ranks and on one, and with statistics of all ranks.
// RUN: pfcc compile %root/specs/quickstart.spec --emit=graph -o %t.4.mlir --set model.input_size=16 --set model.embedding_size=16 --set head.classes=11 --set head.sample_rate=0.4 --set train.batch_per_rank=2 --set cluster.world_size=4
// RUN: pfc-opt %t.4.mlir --pfc-differentiate --pfc-insert-optimizer --pfc-partition -o %t.alone.mlir
// RUN: pfc-opt %t.alone.mlir --pfc-bucket-statistics --pfc-verify-partitioned -o %t.buckets.mlir
// RUN: pfc-interpret %t.alone.mlir --against %t.buckets.mlir --steps 2 --tolerance 0
// RUN: grep -c pfc.moving_average %t.buckets.mlir | FileCheck %s --check-prefix=NETWORK
// RUN: grep -c shard.all_gather %t.buckets.mlir | FileCheck %s --check-prefix=NETWORK
// RUN: pfcc compile %root/specs/quickstart.spec --emit=graph -o %t.1.mlir --set model.input_size=16 --set model.embedding_size=16 --set head.classes=11 --set train.batch_per_rank=2 --set cluster.world_size=1
// RUN: pfc-opt %t.1.mlir --pfc-differentiate --pfc-insert-optimizer --pfc-partition -o %t.alone1.mlir
// RUN: pfc-opt %t.alone1.mlir --pfc-bucket-statistics -o %t.buckets1.mlir
// RUN: pfc-interpret %t.alone1.mlir --against %t.buckets1.mlir --steps 2 --tolerance 0
// RUN: grep -c pfc.moving_average %t.buckets1.mlir | FileCheck %s --check-prefix=NETWORK
// RUN: pfcc compile %root/specs/quickstart.spec --emit=graph -o %t.s.mlir --set model.input_size=16 --set model.embedding_size=16 --set head.classes=11 --set train.batch_per_rank=2 --set cluster.world_size=4 --set train.sync_batch_norm=true
// RUN: pfc-opt %t.s.mlir --pfc-differentiate --pfc-insert-optimizer --pfc-partition -o %t.alones.mlir
// RUN: pfc-opt %t.alones.mlir --pfc-bucket-statistics -o %t.bucketss.mlir
// RUN: pfc-interpret %t.alones.mlir --against %t.bucketss.mlir --steps 2 --tolerance 0
// RUN: grep -c pfc.moving_average %t.bucketss.mlir | FileCheck %s --check-prefix=NETWORK
// NETWORK: {{^1?[0-9]$}}

module {
  shard.grid @ranks(shape = 2)

  // Right behind the last statistics, which others may read, too. Of another
  // size, and no multiple of 64 bytes: alone.
  // CHECK-LABEL: func.func @train_step
  // CHECK:       %[[AM:.*]], %[[AV:.*]] = pfc.batch_stats {{.*}} -> tensor<1x16xf32>
  // CHECK-NEXT:  pfc.output "mean", %[[AM]]
  // CHECK:       pfc.batch_stats {{.*}} -> tensor<1x5xf32>
  // CHECK:       %[[BM:.*]], %[[BV:.*]] = pfc.batch_stats {{.*}} -> tensor<1x32xf32>
  // CHECK-NEXT:  %[[MEANS:.*]] = pfc.bucket %[[AM]], %[[BM]] : tensor<1x16xf32>, tensor<1x32xf32> to tensor<1x48xf32>
  // CHECK-NEXT:  %[[VARS:.*]] = pfc.bucket %[[AV]], %[[BV]]
  // CHECK-NEXT:  %[[GM:.*]] = shard.all_gather %[[MEANS]] on @ranks grid_axes = [0] gather_axis = 0 : tensor<1x48xf32> -> tensor<2x48xf32>
  // CHECK-NEXT:  %[[GV:.*]] = shard.all_gather %[[VARS]]
  // CHECK-NEXT:  %[[M:.*]], %[[V:.*]] = pfc.merge_stats %[[GM]], %[[GV]] : tensor<2x48xf32> -> tensor<1x48xf32>
  // CHECK-NEXT:  %[[OLD:.*]] = pfc.bucket
  // CHECK-NEXT:  %[[NEW:.*]] = pfc.moving_average %[[OLD]], %[[M]] {momentum = 1.000000e-01 : f64, scale = 1.000000e+00 : f64} : tensor<1x48xf32>
  // CHECK-NEXT:  %[[EACH:.*]]:2 = pfc.unbucket %[[NEW]] : tensor<1x48xf32> to tensor<1x16xf32>, tensor<1x32xf32>
  // CHECK-DAG:   pfc.assign "a.running_mean", %[[EACH]]#0
  // CHECK-DAG:   pfc.assign "b.running_mean", %[[EACH]]#1
  // CHECK:       %[[NEWV:.*]] = pfc.moving_average {{.*}}, %[[V]] {momentum = 1.000000e-01 : f64, scale = 1.250000e+00 : f64} : tensor<1x48xf32>
  // CHECK-NEXT:  pfc.unbucket %[[NEWV]]
  // CHECK:       pfc.moving_average {{.*}} tensor<1x16xf32>
  // CHECK-NOT:   pfc.bucket
  func.func @train_step(%x: tensor<5x16xf32> {pfc.input = "x"},
                        %y: tensor<5x5xf32> {pfc.input = "y"},
                        %z: tensor<5x32xf32> {pfc.input = "z"},
                        %u: tensor<9x16xf32> {pfc.input = "u"}) {
    %a0 = pfc.variable "a.running_mean" buffer init<constant, 0.0, 0.0> : tensor<1x16xf32>
    %a1 = pfc.variable "a.running_var" buffer init<constant, 1.0, 0.0> : tensor<1x16xf32>
    %a2, %a3 = pfc.batch_stats %x : tensor<5x16xf32> -> tensor<1x16xf32>
    pfc.output "mean", %a2 : tensor<1x16xf32>
    %a4 = shard.all_gather %a2 on @ranks grid_axes = [0] gather_axis = 0 : tensor<1x16xf32> -> tensor<2x16xf32>
    %a5 = shard.all_gather %a3 on @ranks grid_axes = [0] gather_axis = 0 : tensor<1x16xf32> -> tensor<2x16xf32>
    %a6, %a7 = pfc.merge_stats %a4, %a5 : tensor<2x16xf32> -> tensor<1x16xf32>
    %a8 = pfc.moving_average %a0, %a6 {momentum = 0.1 : f64, scale = 1.0 : f64} : tensor<1x16xf32>
    pfc.assign "a.running_mean", %a8 : tensor<1x16xf32>
    %a9 = pfc.moving_average %a1, %a7 {momentum = 0.1 : f64, scale = 1.25 : f64} : tensor<1x16xf32>
    pfc.assign "a.running_var", %a9 : tensor<1x16xf32>
    %d0 = pfc.variable "d.running_mean" buffer init<constant, 0.0, 0.0> : tensor<1x5xf32>
    %d1 = pfc.variable "d.running_var" buffer init<constant, 1.0, 0.0> : tensor<1x5xf32>
    %d2, %d3 = pfc.batch_stats %y : tensor<5x5xf32> -> tensor<1x5xf32>
    %d4 = shard.all_gather %d2 on @ranks grid_axes = [0] gather_axis = 0 : tensor<1x5xf32> -> tensor<2x5xf32>
    %d5 = shard.all_gather %d3 on @ranks grid_axes = [0] gather_axis = 0 : tensor<1x5xf32> -> tensor<2x5xf32>
    %d6, %d7 = pfc.merge_stats %d4, %d5 : tensor<2x5xf32> -> tensor<1x5xf32>
    %d8 = pfc.moving_average %d0, %d6 {momentum = 0.1 : f64, scale = 1.0 : f64} : tensor<1x5xf32>
    pfc.assign "d.running_mean", %d8 : tensor<1x5xf32>
    %d9 = pfc.moving_average %d1, %d7 {momentum = 0.1 : f64, scale = 1.25 : f64} : tensor<1x5xf32>
    pfc.assign "d.running_var", %d9 : tensor<1x5xf32>
    %b0 = pfc.variable "b.running_mean" buffer init<constant, 0.0, 0.0> : tensor<1x32xf32>
    %b1 = pfc.variable "b.running_var" buffer init<constant, 1.0, 0.0> : tensor<1x32xf32>
    %b2, %b3 = pfc.batch_stats %z : tensor<5x32xf32> -> tensor<1x32xf32>
    %b4 = shard.all_gather %b2 on @ranks grid_axes = [0] gather_axis = 0 : tensor<1x32xf32> -> tensor<2x32xf32>
    %b5 = shard.all_gather %b3 on @ranks grid_axes = [0] gather_axis = 0 : tensor<1x32xf32> -> tensor<2x32xf32>
    %b6, %b7 = pfc.merge_stats %b4, %b5 : tensor<2x32xf32> -> tensor<1x32xf32>
    %b8 = pfc.moving_average %b0, %b6 {momentum = 0.1 : f64, scale = 1.0 : f64} : tensor<1x32xf32>
    pfc.assign "b.running_mean", %b8 : tensor<1x32xf32>
    %b9 = pfc.moving_average %b1, %b7 {momentum = 0.1 : f64, scale = 1.25 : f64} : tensor<1x32xf32>
    pfc.assign "b.running_var", %b9 : tensor<1x32xf32>
    %c0 = pfc.variable "c.running_mean" buffer init<constant, 0.0, 0.0> : tensor<1x16xf32>
    %c1 = pfc.variable "c.running_var" buffer init<constant, 1.0, 0.0> : tensor<1x16xf32>
    %c2, %c3 = pfc.batch_stats %u : tensor<9x16xf32> -> tensor<1x16xf32>
    %c4 = shard.all_gather %c2 on @ranks grid_axes = [0] gather_axis = 0 : tensor<1x16xf32> -> tensor<2x16xf32>
    %c5 = shard.all_gather %c3 on @ranks grid_axes = [0] gather_axis = 0 : tensor<1x16xf32> -> tensor<2x16xf32>
    %c6, %c7 = pfc.merge_stats %c4, %c5 : tensor<2x16xf32> -> tensor<1x16xf32>
    %c8 = pfc.moving_average %c0, %c6 {momentum = 0.1 : f64, scale = 1.0 : f64} : tensor<1x16xf32>
    pfc.assign "c.running_mean", %c8 : tensor<1x16xf32>
    %c9 = pfc.moving_average %c1, %c7 {momentum = 0.1 : f64, scale = 1.125 : f64} : tensor<1x16xf32>
    pfc.assign "c.running_var", %c9 : tensor<1x16xf32>
    return
  }
}

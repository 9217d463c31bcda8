// Every op of the plan dialect is printed as it was read.
// RUN: pfc-opt %s | pfc-opt | FileCheck %s
// RUN: pfc-opt %s --mlir-print-op-generic | pfc-opt | FileCheck %s

// CHECK-LABEL: plan.variable @conv.weight parameter init <normal, 0.0, 0.1>
// CHECK-SAME:    {exported, state_dict = #pfc.export<view = [4, 3, 3, 2] perm = [0, 3, 1, 2] shape = [4, 2, 3, 3]>} : memref<4x3x3x2xf32>
plan.variable @conv.weight parameter init <normal, 0.0, 0.1>
    {exported, state_dict = #pfc.export<view = [4, 3, 3, 2] perm = [0, 3, 1, 2] shape = [4, 2, 3, 3]>}
    : memref<4x3x3x2xf32>
// Five rows on two ranks: three of memory on each.
// CHECK: plan.variable @head.weight parameter init <normal, 0.0, 0.01> rows 5 at 320 {exported} : memref<3x8xf32>
plan.variable @head.weight parameter init <normal, 0.0, 0.01> rows 5 at 320
    {exported} : memref<3x8xf32>

// CHECK: plan.variable @host.weight parameter init <normal, 0.0, 0.01> rows 5 {exported, host} : memref<3x8xf32>
plan.variable @host.weight parameter init <normal, 0.0, 0.01> rows 5
    {exported, host} : memref<3x8xf32>

shard.grid @ranks(shape = 2)

module @kernels {
  func.func @relu(%x: memref<2x6x6x4xf32>, %y: memref<2x6x6x4xf32>,
                  %begin: index, %end: index)
      attributes {plan.description = "relu"} {
    return
  }
}

// CHECK: plan.kernel @scale arguments 1 description "scale"
plan.kernel @scale arguments 1 description "scale"
// CHECK: plan.kernel @cuda arguments 1 numbers [i32, f32] threads 256 description "scale"
plan.kernel @cuda arguments 1 numbers [i32, f32] threads 256 description "scale"
// CHECK: plan.kernel @boxes arguments 1 maps [#plan.tensor_map<argument = 0, rows = 128, columns = 64>] threads 256 description "scale"
plan.kernel @boxes arguments 1 maps [#plan.tensor_map<argument = 0, rows = 128, columns = 64>] threads 256 description "scale"
// CHECK: plan.kernel @large arguments 1 threads 256 shared 98304 description "scale"
plan.kernel @large arguments 1 threads 256 shared 98304 description "scale"

// CHECK-LABEL: plan.program @train_step batch 2 {
plan.program @train_step batch 2 {
  // CHECK-NEXT: %[[IMAGES:.*]] = plan.input "images" at 64 : memref<2x6x6x2xf32>
  // CHECK-NEXT: %[[W:.*]] = plan.state @conv.weight : memref<4x3x3x2xf32>
  %images = plan.input "images" at 64 : memref<2x6x6x2xf32>
  %w = plan.state @conv.weight : memref<4x3x3x2xf32>
  // CHECK-NEXT: plan.rank_constant base 0 per_rank 2 threshold 1 below 0 per_capped_rank 1 : memref<1xi64>
  %first = plan.rank_constant base 0 per_rank 2 threshold 1 below 0 per_capped_rank 1 : memref<1xi64>
  // CHECK-NEXT: %[[X:.*]] = plan.alloc : memref<2x6x6x4xf32>
  // CHECK-NEXT: %[[Y:.*]] = plan.alloc at 128 : memref<2x6x6x4xf32>
  %x = plan.alloc : memref<2x6x6x4xf32>
  %y = plan.alloc at 128 : memref<2x6x6x4xf32>
  // CHECK-NEXT: plan.conv forward %[[IMAGES]], %[[W]], %[[X]] stride 1 padding 1 {cost = #plan.cost<flops = 10368, read = 864, written = 1152, sent = 0>} : memref<2x6x6x2xf32>, memref<4x3x3x2xf32>, memref<2x6x6x4xf32>
  plan.conv forward %images, %w, %x stride 1 padding 1
      {cost = #plan.cost<flops = 10368, read = 864, written = 1152, sent = 0>}
      : memref<2x6x6x2xf32>, memref<4x3x3x2xf32>, memref<2x6x6x4xf32>
  // CHECK-NEXT: plan.launch @kernels::@relu(%[[X]], %[[Y]]) extent 2 writes [1] : memref<2x6x6x4xf32>, memref<2x6x6x4xf32>
  plan.launch @kernels::@relu(%x, %y) extent 2 writes [1]
      : memref<2x6x6x4xf32>, memref<2x6x6x4xf32>
  // CHECK-NEXT: plan.launch @scale(%[[Y]]) extent 2 writes [0] : memref<2x6x6x4xf32>
  plan.launch @scale(%y) extent 2 writes [0] : memref<2x6x6x4xf32>
  // CHECK-NEXT: %[[V:.*]] = plan.view %[[Y]] : memref<2x6x6x4xf32> to memref<2x144xf32>
  %v = plan.view %y : memref<2x6x6x4xf32> to memref<2x144xf32>
  %all = plan.alloc : memref<4x144xf32>
  %product = plan.alloc : memref<2x4xf32>
  // CHECK: plan.collective all_gather %[[V]], %[[ALL:.*]] : memref<2x144xf32>, memref<4x144xf32>
  plan.collective all_gather %v, %all : memref<2x144xf32>, memref<4x144xf32>
  // CHECK-NEXT: plan.matmul %[[V]], %[[ALL]], %[[P:.*]] {transpose_rhs} : memref<2x144xf32>, memref<4x144xf32>, memref<2x4xf32>
  plan.matmul %v, %all, %product {transpose_rhs}
      : memref<2x144xf32>, memref<4x144xf32>, memref<2x4xf32>
  // CHECK-NEXT: plan.matmul %[[V]], %[[ALL]], %[[P]] {accumulate, transpose_rhs}
  plan.matmul %v, %all, %product {accumulate, transpose_rhs}
      : memref<2x144xf32>, memref<4x144xf32>, memref<2x4xf32>
  // CHECK: plan.matmul %{{.*}}, %{{.*}}, %{{.*}} {transpose_lhs} : memref<2x6x24xf32>, memref<2x6x24xf32>, memref<2x24x24xf32>
  %each = plan.view %v : memref<2x144xf32> to memref<2x6x24xf32>
  %squares = plan.alloc : memref<2x24x24xf32>
  plan.matmul %each, %each, %squares {transpose_lhs}
      : memref<2x6x24xf32>, memref<2x6x24xf32>, memref<2x24x24xf32>
  // CHECK-NEXT: %[[PART:.*]] = plan.view %[[V]] from 64 : memref<2x144xf32> to memref<16x4xf32>
  %part = plan.view %v from 64 : memref<2x144xf32> to memref<16x4xf32>
  // CHECK-NEXT: %[[SUM:.*]] = plan.collective all_reduce_sum %[[P]], %[[P]]
  %sum = plan.collective all_reduce_sum %product, %product : memref<2x4xf32>, memref<2x4xf32>
  // CHECK-NEXT: plan.collective reduce_scatter_sum %[[ALL]], %[[V]]
  plan.collective reduce_scatter_sum %all, %v : memref<4x144xf32>, memref<2x144xf32>
  // CHECK-NEXT: plan.copy %[[X]], %[[Y]]
  plan.copy %x, %y : memref<2x6x6x4xf32>, memref<2x6x6x4xf32>
  // CHECK-NEXT: plan.wait %[[SUM]]
  plan.wait %sum
  // CHECK: %[[S:.*]] = plan.span %[[X]], %[[Y]] : memref<2x6x6x4xf32>, memref<2x6x6x4xf32> to memref<576xf32>
  %s = plan.span %x, %y : memref<2x6x6x4xf32>, memref<2x6x6x4xf32> to memref<576xf32>
  // CHECK-NEXT: plan.collective all_reduce_sum %[[S]], %[[S]]
  plan.collective all_reduce_sum %s, %s : memref<576xf32>, memref<576xf32>
  %host = plan.state @host.weight : memref<3x8xf32>
  // CHECK: %[[T:.*]] = plan.launch @scale(%{{.*}}) extent 3 writes [0] : memref<3x8xf32> -> !plan.transfer
  %fetched = plan.launch @scale(%host) extent 3 writes [0] : memref<3x8xf32> -> !plan.transfer
  // CHECK-NEXT: plan.wait %[[T]]
  plan.wait %fetched
  // CHECK-NEXT: plan.either(%[[X]], %[[Y]]) writes [1] requires ["", "sm_80"] : memref<2x6x6x4xf32>, memref<2x6x6x4xf32> {
  // CHECK-NEXT:   plan.copy %[[X]], %[[Y]]
  // CHECK-NEXT: }, {
  // CHECK-NEXT:   plan.launch @kernels::@relu(%[[X]], %[[Y]]) extent 2 writes [1]
  // CHECK-NEXT: }
  plan.either(%x, %y) writes [1] requires ["", "sm_80"]
      : memref<2x6x6x4xf32>, memref<2x6x6x4xf32> {
    plan.copy %x, %y : memref<2x6x6x4xf32>, memref<2x6x6x4xf32>
  }, {
    plan.launch @kernels::@relu(%x, %y) extent 2 writes [1]
        : memref<2x6x6x4xf32>, memref<2x6x6x4xf32>
  }
  // CHECK-NEXT: %[[BRANCH:.*]] = plan.beside(%[[X]], %[[Y]]) writes [1] : memref<2x6x6x4xf32>, memref<2x6x6x4xf32> {
  // CHECK-NEXT:   plan.copy %[[X]], %[[Y]]
  // CHECK-NEXT:   plan.launch @kernels::@relu(%[[X]], %[[Y]]) extent 2 writes [1]
  // CHECK-NEXT: }
  // CHECK-NEXT: plan.wait %[[BRANCH]]
  %branch = plan.beside(%x, %y) writes [1]
      : memref<2x6x6x4xf32>, memref<2x6x6x4xf32> {
    plan.copy %x, %y : memref<2x6x6x4xf32>, memref<2x6x6x4xf32>
    plan.launch @kernels::@relu(%x, %y) extent 2 writes [1]
        : memref<2x6x6x4xf32>, memref<2x6x6x4xf32>
  }
  plan.wait %branch
  // CHECK-NEXT: plan.output "product", %[[P]] : memref<2x4xf32>
  plan.output "product", %product : memref<2x4xf32>
}

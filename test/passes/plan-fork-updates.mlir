// Updates that nothing else of a step needs go on beside what comes behind them.
// RUN: pfc-opt %s --plan-fork-updates=least-bytes=0 | FileCheck %s
// RUN: pfc-opt %s --plan-fork-updates=least-bytes=0 --plan-assign-memory --plan-verify-memory | FileCheck %s --check-prefix=PLACED
// Too small to be worth it, by what is predicted.
// RUN: pfc-opt %s --plan-fork-updates=least-bytes=2000 | FileCheck %s --check-prefix=LITTLE
// LITTLE-NOT: plan.beside
// Where a later wait takes more memory, it is earlier, or there is no branch.
// RUN: pfc-opt %s --plan-fork-updates="least-bytes=0 more-bytes=0" | FileCheck %s --check-prefix=TIGHT

shard.grid @ranks(shape = 2)
plan.variable @w parameter init <constant, 0.0, 0.0> : memref<8x16xf32>
plan.variable @v parameter init <constant, 0.0, 0.0> : memref<16x16xf32>
plan.variable @u parameter init <constant, 0.0, 0.0> : memref<4x16xf32>

// The head: gradients of two tiles, which share bytes, and their updates, beside
// the network's backward half and the sum of its gradient.
// CHECK-LABEL: plan.program @step
// CHECK-DAG: %[[E:.*]] = plan.input "e"
// CHECK-DAG: %[[X:.*]] = plan.input "x"
// CHECK-DAG: %[[W:.*]] = plan.state @w
// CHECK-DAG: %[[V:.*]] = plan.state @v
// CHECK-DAG: %[[LARGE:.*]] = plan.alloc : memref<8x16xf32>
// CHECK-DAG: %[[SMALL:.*]] = plan.view %[[LARGE]] : memref<8x16xf32> to memref<4x16xf32>
// CHECK: plan.launch @loss
// CHECK-NEXT: %[[T:.*]] = plan.beside(%[[E]], %[[X]], %[[LARGE]], %[[W]]) writes [2, 3] {{.*}} {
// CHECK-NEXT:   plan.matmul %[[E]], %[[X]], %[[LARGE]]
// CHECK-NEXT:   plan.launch @update(%[[LARGE]], %[[W]])
// CHECK-NEXT:   plan.launch @rows(%[[E]], %[[SMALL]])
// CHECK-NEXT:   plan.launch @update(%[[SMALL]], %[[W]])
// CHECK-NEXT: }
// CHECK-NEXT: plan.launch @backward
// CHECK-NEXT: plan.launch @weights
// CHECK-NEXT: plan.collective
// CHECK-NEXT: plan.wait
// CHECK-NEXT: plan.launch @update
// CHECK-NEXT: plan.wait %[[T]]
// CHECK-NEXT: plan.output "loss"
// PLACED-LABEL: plan.program @step
// PLACED: plan.beside
// TIGHT-LABEL: plan.program @step
// TIGHT: %[[T:.*]] = plan.beside
// TIGHT: plan.launch @backward
// TIGHT-NEXT: plan.wait %[[T]]
plan.program @step batch 4 {
  %e = plan.input "e" : memref<4x8xf32>
  %x = plan.input "x" : memref<4x16xf32>
  %w = plan.state @w : memref<8x16xf32>
  %v = plan.state @v : memref<16x16xf32>
  %loss = plan.alloc : memref<1xf32>
  %dw = plan.alloc : memref<8x16xf32>
  %dw2 = plan.alloc : memref<4x16xf32>
  %dy = plan.alloc : memref<4x16xf32>
  %dv = plan.alloc : memref<16x16xf32>
  plan.launch @loss(%e, %loss) extent 1 writes [1] : memref<4x8xf32>, memref<1xf32>
  plan.matmul %e, %x, %dw {transpose_lhs, cost = #plan.cost<flops = 1024, read = 384, written = 512, sent = 0>}
      : memref<4x8xf32>, memref<4x16xf32>, memref<8x16xf32>
  plan.launch @update(%dw, %w) extent 8 writes [1] : memref<8x16xf32>, memref<8x16xf32>
  plan.launch @rows(%e, %dw2) extent 4 writes [1] : memref<4x8xf32>, memref<4x16xf32>
  plan.launch @update(%dw2, %w) extent 4 writes [1] : memref<4x16xf32>, memref<8x16xf32>
  plan.launch @backward(%x, %dy) extent 4 writes [1] : memref<4x16xf32>, memref<4x16xf32>
  plan.launch @weights(%dy, %dv) extent 4 writes [1] : memref<4x16xf32>, memref<16x16xf32>
  %t = plan.collective all_reduce_sum %dv, %dv : memref<16x16xf32>, memref<16x16xf32>
  plan.wait %t
  plan.launch @update(%dv, %v) extent 16 writes [1] : memref<16x16xf32>, memref<16x16xf32>
  plan.output "loss", %loss : memref<1xf32>
}

// Behind the last update nothing is needed: there is nothing to go on beside.
// Nor does a branch have what the host reads.
// CHECK-LABEL: plan.program @last
// CHECK-NOT: plan.beside
plan.program @last batch 4 {
  %x = plan.input "x" : memref<8x16xf32>
  %w = plan.state @w : memref<8x16xf32>
  %y = plan.alloc : memref<8x16xf32>
  %z = plan.alloc : memref<8x16xf32>
  plan.launch @loss(%x, %y) extent 8 writes [1] : memref<8x16xf32>, memref<8x16xf32>
  plan.launch @loss(%x, %z) extent 8 writes [1] : memref<8x16xf32>, memref<8x16xf32>
  plan.launch @update(%z, %w) extent 8 writes [1] : memref<8x16xf32>, memref<8x16xf32>
  plan.output "y", %y : memref<8x16xf32>
}

// A gradient that is read behind the others is no branch's, though its update
// may be one.
// CHECK-LABEL: plan.program @read
// CHECK: plan.matmul
// CHECK-NEXT: plan.beside
// CHECK-NEXT:   plan.launch @update
// CHECK-NEXT: }
// CHECK-NEXT: plan.launch @loss
// CHECK-NEXT: plan.launch @loss
// CHECK-NEXT: plan.wait
plan.program @read batch 4 {
  %e = plan.input "e" : memref<4x8xf32>
  %x = plan.input "x" : memref<4x16xf32>
  %w = plan.state @w : memref<8x16xf32>
  %dw = plan.alloc : memref<8x16xf32>
  %n = plan.alloc : memref<1xf32>
  %m = plan.alloc : memref<1xf32>
  plan.matmul %e, %x, %dw {transpose_lhs} : memref<4x8xf32>, memref<4x16xf32>, memref<8x16xf32>
  plan.launch @update(%dw, %w) extent 8 writes [1] : memref<8x16xf32>, memref<8x16xf32>
  plan.launch @loss(%dw, %n) extent 1 writes [1] : memref<8x16xf32>, memref<1xf32>
  plan.launch @loss(%n, %m) extent 1 writes [1] : memref<1xf32>, memref<1xf32>
  plan.output "m", %m : memref<1xf32>
}

// Of two runs the one that moves more.
// CHECK-LABEL: plan.program @several
// CHECK-NEXT: plan.input
// CHECK: plan.launch @rows
// CHECK-NEXT: plan.launch @update
// CHECK-NEXT: plan.launch @backward
// CHECK-NEXT: plan.beside
// CHECK-NEXT:   plan.matmul
// CHECK-NEXT:   plan.launch @update
// CHECK-NEXT: }
// CHECK-NEXT: plan.launch @weights
plan.program @several batch 4 {
  %e = plan.input "e" : memref<4x8xf32>
  %x = plan.input "x" : memref<4x16xf32>
  %w = plan.state @w : memref<8x16xf32>
  %v = plan.state @v : memref<16x16xf32>
  %u = plan.state @u : memref<4x16xf32>
  %dw = plan.alloc : memref<8x16xf32>
  %dw2 = plan.alloc : memref<4x16xf32>
  %dy = plan.alloc : memref<4x16xf32>
  %dv = plan.alloc : memref<16x16xf32>
  plan.launch @rows(%e, %dw2) extent 4 writes [1] : memref<4x8xf32>, memref<4x16xf32>
  plan.launch @update(%dw2, %u) extent 4 writes [1] : memref<4x16xf32>, memref<4x16xf32>
  plan.launch @backward(%x, %dy) extent 4 writes [1] : memref<4x16xf32>, memref<4x16xf32>
  plan.matmul %e, %x, %dw {transpose_lhs, cost = #plan.cost<flops = 1024, read = 384, written = 512, sent = 0>}
      : memref<4x8xf32>, memref<4x16xf32>, memref<8x16xf32>
  plan.launch @update(%dw, %w) extent 8 writes [1] : memref<8x16xf32>, memref<8x16xf32>
  plan.launch @weights(%dy, %dv) extent 4 writes [1] : memref<4x16xf32>, memref<16x16xf32>
  %t = plan.collective all_reduce_sum %dv, %dv : memref<16x16xf32>, memref<16x16xf32>
  plan.wait %t
  plan.launch @update(%dv, %v) extent 16 writes [1] : memref<16x16xf32>, memref<16x16xf32>
}

plan.kernel @loss arguments 2 description ""
plan.kernel @rows arguments 2 description ""
plan.kernel @update arguments 2 description ""
plan.kernel @backward arguments 2 description ""
plan.kernel @weights arguments 2 description ""

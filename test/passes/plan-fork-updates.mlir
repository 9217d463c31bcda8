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
plan.variable @h parameter init <constant, 0.0, 0.0> : memref<4x16xbf16>

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
// With no byte more the branch would have to end where it begins.
// TIGHT-LABEL: plan.program @several
// TIGHT: plan.launch @backward
// TIGHT-NEXT: plan.matmul
// TIGHT-NEXT: plan.launch @update
// TIGHT-NEXT: plan.launch @weights
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

// What a branch has for itself takes the bytes of something larger, or as large,
// while that is not in use: %first and %c those of %large, %g those of %b. %d is
// made of %large, and %g of %d; %n has other elements, %y comes from outside, and
// state is no scratch.
// CHECK-LABEL: plan.program @scratch
// CHECK-DAG: %[[E:.*]] = plan.input "e"
// CHECK-DAG: %[[V:.*]] = plan.state @v
// CHECK-DAG: %[[U:.*]] = plan.state @u
// CHECK-DAG: %[[H:.*]] = plan.state @h
// CHECK: %[[Y:.*]] = plan.alloc : memref<4x16xf32>
// CHECK-NEXT: %[[LARGE:.*]] = plan.alloc : memref<8x16xf32>
// CHECK-NEXT: %[[C:.*]] = plan.view %[[LARGE]] : memref<8x16xf32> to memref<4x16xf32>
// CHECK-NEXT: %[[FIRST:.*]] = plan.view %[[LARGE]] : memref<8x16xf32> to memref<4x16xf32>
// CHECK-NEXT: %[[B:.*]] = plan.alloc : memref<4x16xf32>
// CHECK-NEXT: %[[D:.*]] = plan.alloc : memref<4x16xf32>
// CHECK-NEXT: %[[N:.*]] = plan.alloc : memref<4x16xbf16>
// CHECK: plan.wait
// CHECK-NEXT: plan.beside
// CHECK-NEXT:   plan.launch @rows(%[[E]], %[[FIRST]])
// CHECK-NEXT:   plan.launch @update(%[[FIRST]], %[[U]])
// CHECK-NEXT:   plan.matmul %[[E]], %{{.*}}, %[[LARGE]]
// CHECK-NEXT:   plan.launch @rows(%[[E]], %[[B]])
// CHECK-NEXT:   plan.launch @rows(%[[LARGE]], %[[D]])
// CHECK-NEXT:   plan.launch @update(%[[B]], %[[U]])
// CHECK-NEXT:   plan.launch @rows(%[[E]], %[[C]])
// CHECK-NEXT:   plan.launch @rows(%[[D]], %[[B]])
// CHECK-NEXT:   plan.launch @update(%[[C]], %[[U]])
// CHECK-NEXT:   plan.launch @update(%[[B]], %[[U]])
// CHECK-NEXT:   plan.launch @narrow(%[[E]], %[[N]])
// CHECK-NEXT:   plan.launch @update(%[[N]], %[[H]])
// CHECK-NEXT:   plan.launch @update(%[[Y]], %[[V]])
// CHECK-NEXT: }
plan.program @scratch batch 4 {
  %e = plan.input "e" : memref<4x8xf32>
  %x = plan.input "x" : memref<4x16xf32>
  %p = plan.input "p" : memref<2x16xf32>
  %v = plan.state @v : memref<16x16xf32>
  %u = plan.state @u : memref<4x16xf32>
  %h = plan.state @h : memref<4x16xbf16>
  %y = plan.alloc : memref<4x16xf32>
  %first = plan.alloc : memref<4x16xf32>
  %large = plan.alloc : memref<8x16xf32>
  %b = plan.alloc : memref<4x16xf32>
  %c = plan.alloc : memref<4x16xf32>
  %d = plan.alloc : memref<4x16xf32>
  %g = plan.alloc : memref<4x16xf32>
  %n = plan.alloc : memref<4x16xbf16>
  %k = plan.alloc : memref<1xf32>
  %m = plan.alloc : memref<1xf32>
  %t = plan.collective all_gather %p, %y : memref<2x16xf32>, memref<4x16xf32>
  plan.wait %t
  plan.launch @rows(%e, %first) extent 4 writes [1] : memref<4x8xf32>, memref<4x16xf32>
  plan.launch @update(%first, %u) extent 4 writes [1] : memref<4x16xf32>, memref<4x16xf32>
  plan.matmul %e, %x, %large {transpose_lhs} : memref<4x8xf32>, memref<4x16xf32>, memref<8x16xf32>
  plan.launch @rows(%e, %b) extent 4 writes [1] : memref<4x8xf32>, memref<4x16xf32>
  plan.launch @rows(%large, %d) extent 4 writes [1] : memref<8x16xf32>, memref<4x16xf32>
  plan.launch @update(%b, %u) extent 4 writes [1] : memref<4x16xf32>, memref<4x16xf32>
  plan.launch @rows(%e, %c) extent 4 writes [1] : memref<4x8xf32>, memref<4x16xf32>
  plan.launch @rows(%d, %g) extent 4 writes [1] : memref<4x16xf32>, memref<4x16xf32>
  plan.launch @update(%c, %u) extent 4 writes [1] : memref<4x16xf32>, memref<4x16xf32>
  plan.launch @update(%g, %u) extent 4 writes [1] : memref<4x16xf32>, memref<4x16xf32>
  plan.launch @narrow(%e, %n) extent 4 writes [1] : memref<4x8xf32>, memref<4x16xbf16>
  plan.launch @update(%n, %h) extent 4 writes [1] : memref<4x16xbf16>, memref<4x16xbf16>
  plan.launch @update(%y, %v) extent 4 writes [1] : memref<4x16xf32>, memref<16x16xf32>
  plan.launch @loss(%e, %k) extent 1 writes [1] : memref<4x8xf32>, memref<1xf32>
  plan.launch @loss(%k, %m) extent 1 writes [1] : memref<1xf32>, memref<1xf32>
  plan.output "m", %m : memref<1xf32>
}

// No branch goes past a wait, behind which its instructions may read what was
// sent, nor has one what is no kernel, product or copy, or goes on by itself.
// What the host reads it may read, too.
// CHECK-LABEL: plan.program @between
// CHECK: plan.collective
// CHECK-NEXT: plan.conv
// CHECK-NEXT: plan.launch @update
// CHECK-NEXT: plan.wait
// CHECK-NEXT: plan.beside
// CHECK-NEXT:   plan.launch @update
// CHECK-NEXT:   plan.launch @update({{.*}} : memref<4x16xf32>, memref<16x16xf32>
// CHECK-NEXT: }
// CHECK-NEXT: plan.launch @rows({{.*}} -> !plan.transfer
plan.program @between batch 4 {
  %e = plan.input "e" : memref<4x8xf32>
  %p = plan.input "p" : memref<2x16xf32>
  %w = plan.state @w : memref<8x16xf32>
  %u = plan.state @u : memref<4x16xf32>
  %v = plan.state @v : memref<16x16xf32>
  %images = plan.input "images" : memref<2x6x6x2xf32>
  %filters = plan.input "filters" : memref<4x3x3x2xf32>
  %pixels = plan.alloc : memref<2x6x6x4xf32>
  %y = plan.alloc : memref<4x16xf32>
  %k = plan.alloc : memref<1xf32>
  %m = plan.alloc : memref<1xf32>
  %t = plan.collective all_gather %p, %y : memref<2x16xf32>, memref<4x16xf32>
  plan.conv forward %images, %filters, %pixels stride 1 padding 1
      {cost = #plan.cost<flops = 10368, read = 864, written = 1152, sent = 0>}
      : memref<2x6x6x2xf32>, memref<4x3x3x2xf32>, memref<2x6x6x4xf32>
  plan.launch @update(%e, %w) extent 4 writes [1] : memref<4x8xf32>, memref<8x16xf32>
  plan.wait %t
  plan.launch @update(%y, %u) extent 4 writes [1] {cost = #plan.cost<flops = 0, read = 256, written = 256, sent = 0>} : memref<4x16xf32>, memref<4x16xf32>
  %sent = plan.alloc : memref<4x16xf32>
  plan.launch @update(%y, %v) extent 4 writes [1] {cost = #plan.cost<flops = 0, read = 256, written = 256, sent = 0>} : memref<4x16xf32>, memref<16x16xf32>
  %s = plan.launch @rows(%e, %sent) extent 4 writes [1] : memref<4x8xf32>, memref<4x16xf32> -> !plan.transfer
  plan.launch @loss(%e, %k) extent 1 writes [1] : memref<4x8xf32>, memref<1xf32>
  plan.launch @loss(%k, %m) extent 1 writes [1] : memref<1xf32>, memref<1xf32>
  plan.wait %s
  plan.output "m", %m : memref<1xf32>
  plan.output "y", %y : memref<4x16xf32>
}

// A branch may stand in front of a wait, but not where what comes behind is but
// other updates.
// CHECK-LABEL: plan.program @behind
// CHECK: plan.collective
// CHECK-NEXT: plan.beside
// CHECK-NEXT: plan.launch @update
// CHECK-NEXT: }
// CHECK-NEXT: plan.wait
// CHECK-NEXT: plan.launch @loss
plan.program @behind batch 4 {
  %e = plan.input "e" : memref<4x8xf32>
  %p = plan.input "p" : memref<2x16xf32>
  %w = plan.state @w : memref<8x16xf32>
  %y = plan.alloc : memref<4x16xf32>
  %k = plan.alloc : memref<1xf32>
  %m = plan.alloc : memref<1xf32>
  %t = plan.collective all_gather %p, %y : memref<2x16xf32>, memref<4x16xf32>
  plan.launch @update(%e, %w) extent 4 writes [1] : memref<4x8xf32>, memref<8x16xf32>
  plan.wait %t
  plan.launch @loss(%y, %k) extent 1 writes [1] : memref<4x16xf32>, memref<1xf32>
  plan.launch @loss(%k, %m) extent 1 writes [1] : memref<1xf32>, memref<1xf32>
  plan.output "m", %m : memref<1xf32>
}

// CHECK-LABEL: plan.program @updates
// CHECK-NOT: plan.beside
// CHECK-LABEL: plan.kernel
plan.program @updates batch 4 {
  %e = plan.input "e" : memref<4x8xf32>
  %p = plan.input "p" : memref<2x16xf32>
  %w = plan.state @w : memref<8x16xf32>
  %u = plan.state @u : memref<4x16xf32>
  %y = plan.alloc : memref<4x16xf32>
  %t = plan.collective all_gather %p, %y : memref<2x16xf32>, memref<4x16xf32>
  plan.launch @update(%e, %w) extent 4 writes [1] {cost = #plan.cost<flops = 0, read = 512, written = 512, sent = 0>} : memref<4x8xf32>, memref<8x16xf32>
  plan.wait %t
  plan.launch @update(%y, %u) extent 4 writes [1] : memref<4x16xf32>, memref<4x16xf32>
}

plan.kernel @loss arguments 2 description ""
plan.kernel @rows arguments 2 description ""
plan.kernel @update arguments 2 description ""
plan.kernel @backward arguments 2 description ""
plan.kernel @weights arguments 2 description ""
plan.kernel @narrow arguments 2 description ""

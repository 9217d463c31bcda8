// Transfers go on under what does not need them.
// RUN: pfc-opt %s --plan-schedule-collectives | FileCheck %s
// RUN: pfc-opt %s --plan-schedule-collectives --plan-schedule-collectives | FileCheck %s
// RUN: pfc-opt %s --plan-schedule-collectives --plan-assign-memory --plan-verify-memory | FileCheck %s --check-prefix=PLACED

// The head: the sum of z runs under e·w, which does not need it.
// CHECK-LABEL: plan.program @head
// CHECK: %[[Z:.*]] = plan.alloc
// CHECK: plan.launch @k(%x, %[[Z]])
// CHECK-NEXT: %[[T:.*]] = plan.collective all_reduce_sum %[[Z]], %[[Z]]
// CHECK-NEXT: plan.matmul
// CHECK-NEXT: plan.wait %[[T]]
// CHECK-NEXT: plan.launch @k(%[[Z]],
// The gather has its source from the start, but was behind it all.
// CHECK-LABEL: plan.program @early
// CHECK: %[[G:.*]] = plan.collective all_gather
// CHECK-NEXT: plan.launch @k(
// CHECK-NEXT: plan.launch @k(
// CHECK-NEXT: plan.wait %[[G]]
// CHECK-NEXT: plan.launch @k(
// What goes ahead of readers that have to wait goes where there is room.
// CHECK-LABEL: plan.program @late
// CHECK: plan.collective
// CHECK-NEXT: plan.launch @k(%x, %{{.*}}) extent 1
// CHECK-NEXT: plan.launch @k(%x, %{{.*}}) extent 2
// CHECK-NEXT: plan.launch @k(%x, %{{.*}}) extent 3
// CHECK-NEXT: plan.launch @k(%x, %{{.*}}) extent 4
// CHECK-NEXT: plan.launch @k(%{{.*}}, %{{.*}}) extent 4
// CHECK-NEXT: plan.launch @k(%x, %{{.*}}) extent 5
// CHECK-NEXT: plan.wait
// Two transfers, one behind the other on the network: the one that is done
// first is waited for first, and gradients go on to the end.
// CHECK-LABEL: plan.program @gradients
// CHECK: %[[A:.*]] = plan.collective all_reduce_sum
// CHECK-NEXT: plan.launch @k(%x, %[[BUFFER:.*]])
// CHECK-NEXT: %[[B:.*]] = plan.collective all_reduce_sum %[[BUFFER]], %[[BUFFER]]
// CHECK-NEXT: plan.wait %[[A]]
// CHECK-NEXT: plan.launch
// CHECK-NEXT: plan.wait %[[B]]
// CHECK-NEXT: plan.launch
// A result that no instruction reads is there at the end.
// CHECK-LABEL: plan.program @last
// CHECK: plan.collective
// CHECK-NEXT: plan.wait
// CHECK-NEXT: plan.output

// Of what could go ahead of the others while the gather goes on, the second is
// too large to go far.
// RUN: pfc-opt %s --plan-schedule-collectives="far=1 ahead-bytes=64" | FileCheck %s --check-prefix=FAR
// FAR-LABEL: plan.program @far
// FAR: plan.collective
// FAR-NEXT: plan.launch @k(%x, %[[SMALL:.*]]) extent 1
// FAR-NEXT: plan.wait
// FAR-NEXT: plan.launch
// FAR-NEXT: plan.launch
// FAR-NEXT: plan.launch @k(%x, %{{.*}}) extent 2
// FAR-NEXT: plan.output

// Here there is for one of them. What is read at once (4), or sent when it can
// be (5), needs none.
// RUN: pfc-opt %s --plan-schedule-collectives="ahead-bytes=64" | FileCheck %s --check-prefix=LATE
// LATE-LABEL: plan.program @late
// LATE: plan.collective
// LATE-NEXT: plan.launch @k(%x, %[[ONE:.*]]) extent 1
// LATE-NEXT: plan.launch @k(%x, %[[TWO:.*]]) extent 2
// LATE-NEXT: plan.launch @k(%x, %[[FOUR:.*]]) extent 4
// LATE-NEXT: plan.launch @k(%[[FOUR]], %{{.*}}) extent 4
// LATE-NEXT: plan.launch @k(%x, %[[FIVE:.*]]) extent 5
// LATE-NEXT: plan.wait
// LATE-NEXT: plan.launch @k(%[[ONE]], %[[ALL:.*]]) extent 1
// LATE-NEXT: plan.launch @k(%[[TWO]], %[[ALL]]) extent 2
// LATE-NEXT: plan.launch @k(%x, %[[THREE:.*]]) extent 3
// LATE-NEXT: plan.launch @k(%[[THREE]], %[[ALL]]) extent 3
// LATE-NEXT: plan.collective all_gather %[[FIVE]], %[[ALL]]

// What things take, by the machine's rates, of which 5 seconds are five of the
// launches: a collective a latency and its bytes' time; a launch its operations'
// or its bytes'; a transfer those of the memory that has more of them, or a
// block's operations, a hundredth of the chip's.
// RUN: pfc-opt %s --plan-schedule-collectives="flops=4 memory-bandwidth=2 network-bandwidth=2 latency=2 host-bandwidth=2" | FileCheck %s --check-prefix=RATES
// RATES-LABEL: plan.program @network
// RATES: plan.collective
// RATES-COUNT-5: plan.launch @k(%x,
// RATES-NEXT: plan.wait
// RATES-NEXT: plan.launch @k(%0,
// RATES-NEXT: plan.launch @k(%x,
// RATES-LABEL: plan.program @link
// RATES: plan.launch {{.*}} -> !plan.transfer
// RATES-COUNT-5: plan.launch @k(%x,
// RATES-NEXT: plan.wait
// RATES-NEXT: plan.launch @k(%0,
// RATES-NEXT: plan.launch @k(%x,
// RATES-LABEL: plan.program @block
// RATES: plan.launch {{.*}} -> !plan.transfer
// RATES-COUNT-5: plan.launch @k(%x,
// RATES-NEXT: plan.wait
// RATES-NEXT: plan.launch @k(%0,
// RATES-NEXT: plan.launch @k(%x,

// Nothing has the bytes of the gather's source before its wait.
// PLACED-LABEL: plan.program @reused
// PLACED: plan.alloc at [[SOURCE:[0-9]+]] : memref<16xf32>
// PLACED-NOT: plan.alloc at [[SOURCE]] :
// PLACED: plan.collective all_gather
// PLACED-NEXT: plan.launch
// PLACED-NEXT: plan.wait
// Rows come from host memory while images are worked on, and the rows that go
// back do so under what is left, beside the network's transfers.
// CHECK-LABEL: plan.program @host
// CHECK: %[[ROWS:.*]] = plan.launch @k(%w, %{{.*}}) {{.*}} -> !plan.transfer
// CHECK-NEXT: plan.launch @k(%x, %[[A:.*]]) extent
// CHECK-NEXT: plan.collective all_reduce_sum %[[A]], %[[A]]
// CHECK-NEXT: plan.wait %[[ROWS]]
// CHECK-NEXT: plan.launch @k(%{{.*}}, %[[B:.*]]) extent
// CHECK-NEXT: plan.launch @k(%[[B]], %w) {{.*}} -> !plan.transfer
// CHECK-NEXT: plan.launch @k(%x, %{{.*}}) extent
// CHECK: plan.wait
// CHECK-NEXT: plan.wait
// Parts of a span, and two names of a variable, are the same bytes.
// CHECK-LABEL: plan.program @part
// CHECK: plan.collective
// CHECK-NEXT: plan.launch @k(%x, %{{.*}}) extent
// CHECK-NEXT: plan.wait
// CHECK-NEXT: plan.launch @k(%{{.*}}, %{{.*}}) extent 2
// CHECK-LABEL: plan.program @names
// CHECK: plan.collective
// CHECK-NEXT: plan.launch @k(%x, %{{.*}}) extent
// CHECK-NEXT: plan.wait
// CHECK-NEXT: plan.launch @k(%{{.*}}, %{{.*}}) extent 2
module {
  shard.grid @ranks(shape = 2)
  plan.kernel @k arguments 2 description ""
  plan.variable @w parameter init <constant, 0.0, 0.0> {host} : memref<16xf32>
  plan.variable @v parameter init <constant, 0.0, 0.0> : memref<16xf32>

  plan.program @head batch 1 {
    %x = plan.input "x" : memref<8x2xf32>
    %e = plan.input "e" : memref<8x4xf32>
    %w = plan.input "w" : memref<4x2xf32>
    %z = plan.alloc : memref<8x2xf32>
    %loss = plan.alloc : memref<1xf32>
    plan.launch @k(%x, %z) extent 1 writes [1] : memref<8x2xf32>, memref<8x2xf32>
    plan.collective all_reduce_sum %z, %z : memref<8x2xf32>, memref<8x2xf32>
    plan.launch @k(%z, %loss) extent 1 writes [1] : memref<8x2xf32>, memref<1xf32>
    %dx = plan.alloc : memref<8x2xf32>
    plan.matmul %e, %w, %dx : memref<8x4xf32>, memref<4x2xf32>, memref<8x2xf32>
    plan.output "loss", %loss : memref<1xf32>
    plan.output "dx", %dx : memref<8x2xf32>
  }

  plan.program @early batch 1 {
    %x = plan.input "x" : memref<16xf32>
    %y = plan.input "y" : memref<16xf32>
    %a = plan.alloc : memref<16xf32>
    %b = plan.alloc : memref<16xf32>
    %all = plan.alloc : memref<32xf32>
    %c = plan.alloc : memref<16xf32>
    plan.launch @k(%x, %a) extent 1 writes [1] {cost = #plan.cost<flops = 1, read = 99999999999, written = 64, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%a, %b) extent 1 writes [1] : memref<16xf32>, memref<16xf32>
    plan.collective all_gather %y, %all {cost = #plan.cost<flops = 0, read = 0, written = 0, sent = 64>} : memref<16xf32>, memref<32xf32>
    plan.launch @k(%all, %c) extent 1 writes [1] : memref<32xf32>, memref<16xf32>
    plan.output "b", %b : memref<16xf32>
    plan.output "c", %c : memref<16xf32>
  }

  plan.program @far batch 1 {
    %x = plan.input "x" : memref<16xf32>
    %all = plan.alloc : memref<32xf32>
    %a = plan.alloc : memref<16xf32>
    %b = plan.alloc : memref<16xf32>
    %small = plan.alloc : memref<16xf32>
    %large = plan.alloc : memref<16xf32>
    plan.collective all_gather %x, %all {cost = #plan.cost<flops = 0, read = 0, written = 0, sent = 64>} : memref<16xf32>, memref<32xf32>
    plan.launch @k(%all, %a) extent 1 writes [1] : memref<32xf32>, memref<16xf32>
    plan.launch @k(%a, %b) extent 1 writes [1] : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %small) extent 1 writes [1] {cost = #plan.cost<flops = 1, read = 64, written = 64, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %large) extent 2 writes [1] {cost = #plan.cost<flops = 1, read = 64, written = 64, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.output "b", %b : memref<16xf32>
    plan.output "small", %small : memref<16xf32>
    plan.output "large", %large : memref<16xf32>
  }

  plan.program @late batch 1 {
    %x = plan.input "x" : memref<16xf32>
    %all = plan.alloc : memref<32xf32>
    %a = plan.alloc : memref<16xf32>
    %b = plan.alloc : memref<16xf32>
    %c = plan.alloc : memref<16xf32>
    %d = plan.alloc : memref<16xf32>
    %e = plan.alloc : memref<16xf32>
    %f = plan.alloc : memref<16xf32>
    plan.collective all_gather %x, %all {cost = #plan.cost<flops = 0, read = 0, written = 0, sent = 64>} : memref<16xf32>, memref<32xf32>
    plan.launch @k(%x, %a) extent 1 writes [1] {cost = #plan.cost<flops = 1, read = 64, written = 64, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%a, %all) extent 1 writes [1] : memref<16xf32>, memref<32xf32>
    plan.launch @k(%x, %b) extent 2 writes [1] {cost = #plan.cost<flops = 1, read = 64, written = 64, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%b, %all) extent 2 writes [1] : memref<16xf32>, memref<32xf32>
    plan.launch @k(%x, %c) extent 3 writes [1] {cost = #plan.cost<flops = 1, read = 64, written = 64, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%c, %all) extent 3 writes [1] : memref<16xf32>, memref<32xf32>
    plan.launch @k(%x, %d) extent 4 writes [1] {cost = #plan.cost<flops = 1, read = 64, written = 64, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%d, %e) extent 4 writes [1] {cost = #plan.cost<flops = 1, read = 64, written = 64, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %f) extent 5 writes [1] {cost = #plan.cost<flops = 1, read = 64, written = 64, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.collective all_gather %f, %all : memref<16xf32>, memref<32xf32>
    plan.output "e", %e : memref<16xf32>
    plan.output "all", %all : memref<32xf32>
  }

  plan.program @gradients batch 1 {
    %x = plan.input "x" : memref<16xf32>
    %a = plan.alloc : memref<16xf32>
    %b = plan.alloc : memref<16xf32>
    %c = plan.alloc : memref<16xf32>
    %d = plan.alloc : memref<16xf32>
    plan.launch @k(%x, %a) extent 1 writes [1] : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %b) extent 1 writes [1] : memref<16xf32>, memref<16xf32>
    plan.collective all_reduce_sum %b, %b {cost = #plan.cost<flops = 0, read = 0, written = 0, sent = 64>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%b, %c) extent 1 writes [1] : memref<16xf32>, memref<16xf32>
    plan.collective all_reduce_sum %a, %a {cost = #plan.cost<flops = 0, read = 0, written = 0, sent = 64>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%a, %d) extent 1 writes [1] : memref<16xf32>, memref<16xf32>
    plan.output "c", %c : memref<16xf32>
    plan.output "d", %d : memref<16xf32>
  }

  plan.program @reused batch 1 {
    %x = plan.input "x" : memref<16xf32>
    %source = plan.alloc : memref<16xf32>
    %all = plan.alloc : memref<32xf32>
    %a = plan.alloc : memref<16xf32>
    %b = plan.alloc : memref<16xf32>
    plan.launch @k(%x, %source) extent 1 writes [1] : memref<16xf32>, memref<16xf32>
    plan.collective all_gather %source, %all : memref<16xf32>, memref<32xf32>
    plan.launch @k(%x, %a) extent 1 writes [1] : memref<16xf32>, memref<16xf32>
    plan.launch @k(%all, %b) extent 1 writes [1] : memref<32xf32>, memref<16xf32>
    plan.output "a", %a : memref<16xf32>
    plan.output "b", %b : memref<16xf32>
  }

  plan.program @last batch 1 {
    %x = plan.input "x" : memref<16xf32>
    %all = plan.alloc : memref<32xf32>
    plan.output "all", %all : memref<32xf32>
    plan.collective all_gather %x, %all : memref<16xf32>, memref<32xf32>
  }

  plan.program @host batch 1 {
    %x = plan.input "x" : memref<16xf32>
    %w = plan.state @w : memref<16xf32>
    %a = plan.alloc : memref<16xf32>
    %rows = plan.alloc : memref<16xf32>
    %b = plan.alloc : memref<16xf32>
    %c = plan.alloc : memref<16xf32>
    plan.launch @k(%x, %a) extent 1 writes [1] {cost = #plan.cost<flops = 1, read = 99999999999, written = 64, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%w, %rows) extent 1 writes [1] {cost = #plan.cost<flops = 1, read = 99999999, written = 99999999, sent = 0>} : memref<16xf32>, memref<16xf32> -> !plan.transfer
    plan.launch @k(%rows, %b) extent 1 writes [1] : memref<16xf32>, memref<16xf32>
    plan.launch @k(%b, %w) extent 1 writes [1] {cost = #plan.cost<flops = 1, read = 99999999, written = 99999999, sent = 0>} : memref<16xf32>, memref<16xf32> -> !plan.transfer
    plan.collective all_reduce_sum %a, %a {cost = #plan.cost<flops = 0, read = 0, written = 0, sent = 64>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %c) extent 1 writes [1] {cost = #plan.cost<flops = 1, read = 99999999999, written = 64, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.output "a", %a : memref<16xf32>
    plan.output "c", %c : memref<16xf32>
  }

  plan.program @part batch 1 {
    %x = plan.input "x" : memref<16xf32>
    %a = plan.alloc : memref<16xf32>
    %b = plan.alloc : memref<16xf32>
    %s = plan.span %a, %b : memref<16xf32>, memref<16xf32> to memref<32xf32>
    %y = plan.alloc : memref<16xf32>
    %z = plan.alloc : memref<16xf32>
    plan.collective all_gather %x, %s : memref<16xf32>, memref<32xf32>
    plan.launch @k(%b, %y) extent 2 writes [1] : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %z) extent 1 writes [1] : memref<16xf32>, memref<16xf32>
    plan.output "y", %y : memref<16xf32>
    plan.output "z", %z : memref<16xf32>
  }

  plan.program @names batch 1 {
    %x = plan.input "x" : memref<16xf32>
    %v = plan.state @v : memref<16xf32>
    %again = plan.state @v : memref<16xf32>
    %y = plan.alloc : memref<16xf32>
    %z = plan.alloc : memref<16xf32>
    plan.collective all_reduce_sum %v, %v : memref<16xf32>, memref<16xf32>
    plan.launch @k(%again, %y) extent 2 writes [1] : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %z) extent 1 writes [1] : memref<16xf32>, memref<16xf32>
    plan.output "y", %y : memref<16xf32>
    plan.output "z", %z : memref<16xf32>
  }

  plan.program @network batch 1 {
    %x = plan.input "x" : memref<16xf32>
    %all = plan.alloc : memref<32xf32>
    %y = plan.alloc : memref<16xf32>
    %z = plan.alloc : memref<16xf32>
    plan.collective all_gather %x, %all {cost = #plan.cost<flops = 0, read = 0, written = 0, sent = 6>} : memref<16xf32>, memref<32xf32>
    plan.launch @k(%all, %y) extent 1 writes [1] : memref<32xf32>, memref<16xf32>
    plan.launch @k(%x, %z) extent 1 writes [1] {cost = #plan.cost<flops = 4, read = 1, written = 0, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %z) extent 1 writes [1] {cost = #plan.cost<flops = 1, read = 1, written = 1, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %z) extent 1 writes [1] {cost = #plan.cost<flops = 4, read = 1, written = 0, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %z) extent 1 writes [1] {cost = #plan.cost<flops = 1, read = 1, written = 1, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %z) extent 1 writes [1] {cost = #plan.cost<flops = 4, read = 1, written = 0, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %z) extent 1 writes [1] {cost = #plan.cost<flops = 1, read = 1, written = 1, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.output "y", %y : memref<16xf32>
    plan.output "z", %z : memref<16xf32>
  }

  plan.program @link batch 1 {
    %x = plan.input "x" : memref<16xf32>
    %w = plan.state @w : memref<16xf32>
    %rows = plan.alloc : memref<16xf32>
    %y = plan.alloc : memref<16xf32>
    %z = plan.alloc : memref<16xf32>
    plan.launch @k(%w, %rows) extent 1 writes [1] {cost = #plan.cost<flops = 0, read = 6, written = 10, sent = 0>} : memref<16xf32>, memref<16xf32> -> !plan.transfer
    plan.launch @k(%rows, %y) extent 1 writes [1] : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %z) extent 1 writes [1] {cost = #plan.cost<flops = 4, read = 1, written = 0, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %z) extent 1 writes [1] {cost = #plan.cost<flops = 1, read = 1, written = 1, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %z) extent 1 writes [1] {cost = #plan.cost<flops = 4, read = 1, written = 0, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %z) extent 1 writes [1] {cost = #plan.cost<flops = 1, read = 1, written = 1, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %z) extent 1 writes [1] {cost = #plan.cost<flops = 4, read = 1, written = 0, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %z) extent 1 writes [1] {cost = #plan.cost<flops = 1, read = 1, written = 1, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.output "y", %y : memref<16xf32>
    plan.output "z", %z : memref<16xf32>
  }

  plan.program @block batch 1 {
    %x = plan.input "x" : memref<16xf32>
    %w = plan.state @w : memref<16xf32>
    %rows = plan.alloc : memref<16xf32>
    %y = plan.alloc : memref<16xf32>
    %z = plan.alloc : memref<16xf32>
    plan.launch @k(%w, %rows) extent 1 writes [1] {cost = #plan.cost<flops = 1, read = 2, written = 2, sent = 0>} : memref<16xf32>, memref<16xf32> -> !plan.transfer
    plan.launch @k(%rows, %y) extent 1 writes [1] : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %z) extent 1 writes [1] {cost = #plan.cost<flops = 20, read = 1, written = 0, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %z) extent 1 writes [1] {cost = #plan.cost<flops = 20, read = 1, written = 0, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %z) extent 1 writes [1] {cost = #plan.cost<flops = 20, read = 1, written = 0, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %z) extent 1 writes [1] {cost = #plan.cost<flops = 20, read = 1, written = 0, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %z) extent 1 writes [1] {cost = #plan.cost<flops = 20, read = 1, written = 0, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.launch @k(%x, %z) extent 1 writes [1] {cost = #plan.cost<flops = 20, read = 1, written = 0, sent = 0>} : memref<16xf32>, memref<16xf32>
    plan.output "y", %y : memref<16xf32>
    plan.output "z", %z : memref<16xf32>
  }
}

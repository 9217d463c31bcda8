// A correct placement in which every reuse is legal comes out unchanged.
// RUN: pfc-opt %s --plan-verify-memory | FileCheck %s
// CHECK: plan.program @p

module attributes {plan.arena_bytes = 256 : i64} {
  plan.variable @w parameter init <constant, 0.0, 0.0> at 0 : memref<16xf32>
  plan.program @p batch 1 {
    %x = plan.input "x" at 64 : memref<16xf32>
    %w = plan.state @w : memref<16xf32>
    %a = plan.alloc at 128 : memref<16xf32>
    // %b takes the bytes of %x, whose last use is before %b's first.
    %b = plan.alloc at 64 : memref<16xf32>
    // %c takes those of both %a and %b.
    %c = plan.alloc at 64 : memref<32xf32>
    plan.launch @k(%x, %a) extent 1 writes [1] : memref<16xf32>, memref<16xf32>
    plan.launch @k(%a, %b) extent 1 writes [1] : memref<16xf32>, memref<16xf32>
    // In place: the same buffer is no overlap.
    plan.collective all_reduce_sum %b, %b : memref<16xf32>, memref<16xf32>
    plan.copy %b, %w : memref<16xf32>, memref<16xf32>
    plan.launch @k(%w, %c) extent 1 writes [1] : memref<16xf32>, memref<32xf32>
    plan.output "c", %c : memref<32xf32>
    plan.output "w", %w : memref<16xf32>
  }
  plan.kernel @k arguments 2 description ""
}

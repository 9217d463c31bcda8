// The arena of small programs, with arithmetic a reader can check: a memref of
// 16·k floats has 64·k bytes.
// RUN: pfc-opt %s --split-input-file --plan-assign-memory --plan-verify-memory | FileCheck %s
// RUN: pfc-opt %s --split-input-file --plan-assign-memory --remarks-filter=plan-assign-memory -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// State comes first: 100 bytes are rounded up to 128. Then a chain x → a → b →
// c → y: while one of them is written only its source is live, so they take
// turns on two places of 64 bytes.
// REMARK:     LiveAtOnce=128, Placed=128, Program=chain, State=192
// CHECK:      module attributes {plan.arena_bytes = 320 : i64}
// CHECK:      plan.variable @w parameter init <constant, 0.0, 0.0> at 0 : memref<25xf32>
// CHECK:      plan.variable @m optimizer_state init <constant, 0.0, 0.0> at 128 : memref<16xf32>
// CHECK:      %x = plan.input "x" at 192
// CHECK-NEXT: %[[A:.*]] = plan.alloc at 256
// CHECK-NEXT: %[[B:.*]] = plan.alloc at 192
// CHECK-NEXT: %[[C:.*]] = plan.alloc at 256
// CHECK-NEXT: %[[Y:.*]] = plan.alloc at 192
module {
  plan.variable @w parameter init <constant, 0.0, 0.0> : memref<25xf32>
  plan.variable @m optimizer_state init <constant, 0.0, 0.0> : memref<16xf32>
  plan.program @chain batch 1 {
    %x = plan.input "x" : memref<16xf32>
    %a = plan.alloc : memref<16xf32>
    %b = plan.alloc : memref<16xf32>
    %c = plan.alloc : memref<16xf32>
    %y = plan.alloc : memref<16xf32>
    plan.copy %x, %a : memref<16xf32>, memref<16xf32>
    plan.copy %a, %b : memref<16xf32>, memref<16xf32>
    plan.copy %b, %c : memref<16xf32>, memref<16xf32>
    plan.copy %c, %y : memref<16xf32>, memref<16xf32>
    plan.output "y", %y : memref<16xf32>
  }
}

// -----

// A use of a view keeps what it views live: %v reads %a after %b was written,
// so %b can't have %a's bytes. %c takes those of %x, which nobody reads then.
// REMARK:     LiveAtOnce=192, Placed=192, Program=views, State=0
// CHECK:      module attributes {plan.arena_bytes = 192 : i64}
// CHECK:      %x = plan.input "x" at 0
// CHECK-NEXT: %[[A:.*]] = plan.alloc at 64
// CHECK-NEXT: plan.view
// CHECK-NEXT: %[[B:.*]] = plan.alloc at 128
// CHECK-NEXT: %[[C:.*]] = plan.alloc at 0
module {
  plan.program @views batch 1 {
    %x = plan.input "x" : memref<16xf32>
    %a = plan.alloc : memref<16xf32>
    %v = plan.view %a : memref<16xf32> to memref<4x4xf32>
    %b = plan.alloc : memref<16xf32>
    %c = plan.alloc : memref<4x4xf32>
    plan.copy %x, %a : memref<16xf32>, memref<16xf32>
    plan.copy %x, %b : memref<16xf32>, memref<16xf32>
    plan.copy %v, %c : memref<4x4xf32>, memref<4x4xf32>
    plan.output "b", %b : memref<16xf32>
    plan.output "c", %c : memref<4x4xf32>
  }
}

// -----

// An output is live to the end wherever it stands, a rank constant throughout.
// Nothing of the four shares bytes; the constant's eight take up 64.
// REMARK:     LiveAtOnce=200, Placed=256, Program=early, State=0
// CHECK:      module attributes {plan.arena_bytes = 256 : i64}
// CHECK:      plan.input "x" at 0
// CHECK-NEXT: plan.rank_constant {{.*}} at 64
// CHECK-NEXT: plan.alloc at 128
// CHECK-NEXT: plan.output "early"
// CHECK-NEXT: plan.alloc at 192
module {
  plan.program @early batch 1 {
    %x = plan.input "x" : memref<16xf32>
    %c = plan.rank_constant base 3 per_rank 0 threshold 0 below 0 per_capped_rank 0 : memref<1xi64>
    %a = plan.alloc : memref<16xf32>
    plan.output "early", %a : memref<16xf32>
    %b = plan.alloc : memref<16xf32>
    plan.copy %x, %a : memref<16xf32>, memref<16xf32>
    plan.copy %x, %b : memref<16xf32>, memref<16xf32>
  }
}

// -----

// Largest first; each into the smallest hole that fits. %big (256 bytes) and
// %wide (192) are live together, at 0 and 256. %big is read last by the second
// launch, so %next and then %small go where it was, below %wide.
// A second program shares the same bytes. An alloc without a use is gone.
// REMARK:     LiveAtOnce=448, Placed=448, Program=best, State=0
// REMARK:     LiveAtOnce=64, Placed=64, Program=other, State=0
// CHECK:      module attributes {plan.arena_bytes = 448 : i64}
// CHECK:      %[[X:.*]] = plan.input "x" at 256
// CHECK-NEXT: %[[BIG:.*]] = plan.alloc at 0 : memref<64xf32>
// CHECK-NEXT: %[[WIDE:.*]] = plan.alloc at 256 : memref<48xf32>
// CHECK-NEXT: %[[NEXT:.*]] = plan.alloc at 0 : memref<32xf32>
// CHECK-NEXT: %[[SMALL:.*]] = plan.alloc at 128 : memref<16xf32>
// CHECK-NEXT: plan.launch
// CHECK:      plan.program @other
// CHECK-NEXT: plan.input "x" at 0
module {
  plan.kernel @k2 arguments 2 description ""
  plan.program @best batch 1 {
    %x = plan.input "x" : memref<16xf32>
    %big = plan.alloc : memref<64xf32>
    %wide = plan.alloc : memref<48xf32>
    %next = plan.alloc : memref<32xf32>
    %small = plan.alloc : memref<16xf32>
    %unused = plan.alloc : memref<1024xf32>
    plan.launch @k2(%x, %big) extent 1 writes [1] : memref<16xf32>, memref<64xf32>
    plan.launch @k2(%big, %wide) extent 1 writes [1] : memref<64xf32>, memref<48xf32>
    plan.launch @k2(%wide, %next) extent 1 writes [1] : memref<48xf32>, memref<32xf32>
    plan.launch @k2(%wide, %small) extent 1 writes [1] : memref<48xf32>, memref<16xf32>
    plan.output "next", %next : memref<32xf32>
    plan.output "small", %small : memref<16xf32>
  }
  plan.program @other batch 1 {
    %x = plan.input "x" : memref<16xf32>
    plan.output "x", %x : memref<16xf32>
  }
}

// -----

// A span's variables lie where the first of them comes, in the span's order,
// though @between is declared between them. Of the buffers, %h and %g move as
// one piece, but %h lends its bytes until its own first use: %x and %e have them
// before. %t, live with both, has bytes of its own.
// REMARK:     LiveAtOnce=256, Placed=256, Program=spans, State=256
// CHECK:      module attributes {plan.arena_bytes = 512 : i64}
// CHECK:      plan.variable @b {{.*}} at 128 : memref<16xf32>
// CHECK-NEXT: plan.variable @between {{.*}} at 192 : memref<16xf32>
// CHECK-NEXT: plan.variable @a {{.*}} at 0 : memref<32xf32>
// CHECK:      plan.input "x" at 256
// CHECK-NEXT: plan.alloc at 320 : memref<16xf32>
// CHECK-NEXT: plan.alloc at 384 : memref<16xf32>
// CHECK-NEXT: plan.alloc at 256 : memref<2x16xf32>
// CHECK-NEXT: plan.alloc at 448 : memref<16xf32>
module {
  plan.variable @b parameter init <constant, 0.0, 0.0> : memref<16xf32>
  plan.variable @between parameter init <constant, 0.0, 0.0> : memref<16xf32>
  plan.variable @a parameter init <constant, 0.0, 0.0> : memref<32xf32>
  plan.kernel @k3 arguments 3 description ""
  plan.program @spans batch 1 {
    %a = plan.state @a : memref<32xf32>
    %b = plan.state @b : memref<16xf32>
    %p = plan.span %a, %b : memref<32xf32>, memref<16xf32> to memref<48xf32>
    %x = plan.input "x" : memref<16xf32>
    %e = plan.alloc : memref<16xf32>
    %g = plan.alloc : memref<16xf32>
    %h = plan.alloc : memref<2x16xf32>
    %t = plan.alloc : memref<16xf32>
    %s = plan.span %h, %g : memref<2x16xf32>, memref<16xf32> to memref<48xf32>
    plan.copy %x, %e : memref<16xf32>, memref<16xf32>
    plan.copy %e, %g : memref<16xf32>, memref<16xf32>
    plan.launch @k3(%g, %t, %h) extent 1 writes [1, 2] : memref<16xf32>, memref<16xf32>, memref<2x16xf32>
    plan.launch @k3(%t, %p, %s) extent 1 writes [1] : memref<16xf32>, memref<48xf32>, memref<48xf32>
  }
}

// -----

// Largest first would put %a and %d at 0, %b behind %a and %c behind both, in
// 256 bytes. By size and time all weigh alike: in order of time %c and %d are
// where %a was, and what is live at once is enough.
// REMARK:     LiveAtOnce=192, Placed=192, Program=orders, State=0
// CHECK:      module attributes {plan.arena_bytes = 192 : i64}
// CHECK:      plan.program @orders
// CHECK-NEXT: plan.alloc at 0 : memref<32xf32>
// CHECK-NEXT: plan.alloc at 128 : memref<16xf32>
// CHECK-NEXT: plan.alloc at 0 : memref<16xf32>
// CHECK-NEXT: plan.alloc at 64 : memref<32xf32>
module {
  plan.kernel @k2 arguments 2 description ""
  plan.program @orders batch 1 {
    %a = plan.alloc : memref<32xf32>
    %b = plan.alloc : memref<16xf32>
    %c = plan.alloc : memref<16xf32>
    %d = plan.alloc : memref<32xf32>
    plan.launch @k2(%a, %b) extent 1 writes [0, 1] : memref<32xf32>, memref<16xf32>
    plan.launch @k2(%b, %c) extent 1 writes [1] : memref<16xf32>, memref<16xf32>
    plan.launch @k2(%c, %d) extent 1 writes [1] : memref<16xf32>, memref<32xf32>
  }
}

// -----

// A span that nobody uses is gone, and the buffer that only it named with it.
// CHECK:      module attributes {plan.arena_bytes = 64 : i64}
// CHECK:      plan.program @named
// CHECK-NEXT: plan.input "x" at 0
// CHECK-NEXT: plan.output
module {
  plan.program @named batch 1 {
    %x = plan.input "x" : memref<16xf32>
    %a = plan.alloc : memref<16xf32>
    %b = plan.alloc : memref<16xf32>
    %s = plan.span %a, %b : memref<16xf32>, memref<16xf32> to memref<32xf32>
    plan.output "x", %x : memref<16xf32>
  }
}

// -----

// Of the holes that %a, %c and %e leave, of 448, 320 and 192 bytes, the smallest
// that fits: %s is where %c was, and %t in the 64 bytes behind it.
// REMARK:     LiveAtOnce=1728, Placed=1728, Program=holes, State=0
// CHECK:      module attributes {plan.arena_bytes = 1728 : i64}
// CHECK:      plan.program @holes
// CHECK-NEXT: plan.alloc at 0 : memref<112xf32>
// CHECK-NEXT: plan.alloc at 448 : memref<96xf32>
// CHECK-NEXT: plan.alloc at 832 : memref<80xf32>
// CHECK-NEXT: plan.alloc at 1152 : memref<64xf32>
// CHECK-NEXT: plan.alloc at 1408 : memref<48xf32>
// CHECK-NEXT: plan.alloc at 1600 : memref<32xf32>
// CHECK-NEXT: plan.alloc at 832 : memref<64xf32>
// CHECK-NEXT: plan.alloc at 1088 : memref<16xf32>
module {
  plan.kernel @k6 arguments 6 description ""
  plan.kernel @k5 arguments 5 description ""
  plan.kernel @k2 arguments 2 description ""
  plan.program @holes batch 1 {
    %a = plan.alloc : memref<112xf32>
    %b = plan.alloc : memref<96xf32>
    %c = plan.alloc : memref<80xf32>
    %d = plan.alloc : memref<64xf32>
    %e = plan.alloc : memref<48xf32>
    %f = plan.alloc : memref<32xf32>
    %s = plan.alloc : memref<64xf32>
    %t = plan.alloc : memref<16xf32>
    plan.launch @k6(%f, %e, %d, %c, %b, %a) extent 1 writes [0, 1, 2, 3, 4, 5] : memref<32xf32>, memref<48xf32>, memref<64xf32>, memref<80xf32>, memref<96xf32>, memref<112xf32>
    plan.launch @k2(%s, %t) extent 1 writes [0, 1] : memref<64xf32>, memref<16xf32>
    plan.launch @k5(%b, %d, %f, %s, %t) extent 1 writes [] : memref<96xf32>, memref<64xf32>, memref<32xf32>, memref<64xf32>, memref<16xf32>
  }
}

// -----

// A span goes as low as its parts may each: %h where %t was, as far up as %g,
// which lives with %t, has to be.
// REMARK:     LiveAtOnce=384, Placed=384, Program=low, State=0
// CHECK:      plan.program @low
// CHECK-NEXT: plan.alloc at 0 : memref<80xf32>
// CHECK-NEXT: plan.alloc at 64 : memref<64xf32>
// CHECK-NEXT: plan.alloc at 320 : memref<16xf32>
module {
  plan.kernel @k2 arguments 2 description ""
  plan.kernel @k1 arguments 1 description ""
  plan.program @low batch 1 {
    %t = plan.alloc : memref<80xf32>
    %h = plan.alloc : memref<64xf32>
    %g = plan.alloc : memref<16xf32>
    %s = plan.span %h, %g : memref<64xf32>, memref<16xf32> to memref<80xf32>
    plan.launch @k2(%t, %g) extent 1 writes [0, 1] : memref<80xf32>, memref<16xf32>
    plan.launch @k2(%t, %g) extent 1 writes [] : memref<80xf32>, memref<16xf32>
    plan.launch @k1(%h) extent 1 writes [0] : memref<64xf32>
    plan.launch @k1(%s) extent 1 writes [] : memref<80xf32>
  }
}

// -----

// %h must not meet %b, which is at 448, nor %g, behind it, %c, which is at 0.
// REMARK:     LiveAtOnce=832, Placed=832, Program=between, State=0
// CHECK:      plan.program @between
// CHECK-NEXT: plan.alloc at 0 : memref<112xf32>
// CHECK-NEXT: plan.alloc at 448 : memref<96xf32>
// CHECK-NEXT: plan.alloc at 0 : memref<80xf32>
// CHECK-NEXT: plan.alloc at 256 : memref<16xf32>
// CHECK-NEXT: plan.alloc at 320 : memref<16xf32>
module {
  plan.kernel @k2 arguments 2 description ""
  plan.kernel @k1 arguments 1 description ""
  plan.program @between batch 1 {
    %a = plan.alloc : memref<112xf32>
    %b = plan.alloc : memref<96xf32>
    %c = plan.alloc : memref<80xf32>
    %h = plan.alloc : memref<16xf32>
    %g = plan.alloc : memref<16xf32>
    %s = plan.span %h, %g : memref<16xf32>, memref<16xf32> to memref<32xf32>
    plan.launch @k2(%a, %b) extent 1 writes [0, 1] : memref<112xf32>, memref<96xf32>
    plan.launch @k2(%b, %h) extent 1 writes [1] : memref<96xf32>, memref<16xf32>
    plan.launch @k1(%s) extent 1 writes [0] : memref<32xf32>
    plan.launch @k2(%g, %c) extent 1 writes [1] : memref<16xf32>, memref<80xf32>
    plan.launch @k2(%g, %c) extent 1 writes [] : memref<16xf32>, memref<80xf32>
  }
}

// Hand-written placements that are wrong, each in one way.
// RUN: pfc-opt %s --split-input-file --verify-diagnostics --plan-verify-memory

// %b is written over %a, which is read afterwards: both are live at the second
// copy. That %a's bytes 0..64 and %b's 0..64 are the same is the planner's
// error.
module attributes {plan.arena_bytes = 256 : i64} {
  plan.program @p batch 1 {
    %x = plan.input "x" at 128 : memref<16xf32>
    %a = plan.alloc at 0 : memref<16xf32>
    %b = plan.alloc at 0 : memref<16xf32>
    %c = plan.alloc at 192 : memref<16xf32>
    plan.copy %x, %a : memref<16xf32>, memref<16xf32>
    // expected-note@+1 {{and was written here, while the first was live}}
    plan.copy %x, %b : memref<16xf32>, memref<16xf32>
    // expected-error@+1 {{buffer %0 (bytes 0..64) is live here, but buffer %1 (bytes 0..64) overlaps it}}
    plan.copy %a, %c : memref<16xf32>, memref<16xf32>
  }
}

// -----

// A part is enough, and a view's use is a use; locations name the layers.
module attributes {plan.arena_bytes = 384 : i64} {
  plan.program @p batch 1 {
    %x = plan.input "x" at 192 : memref<32xf32>
    %a = plan.alloc at 0 : memref<32xf32> loc("conv1")
    %v = plan.view %a : memref<32xf32> to memref<4x8xf32>
    %b = plan.alloc at 64 : memref<32xf32> loc("bn1")
    plan.copy %x, %a : memref<32xf32>, memref<32xf32>
    // expected-note@+1 {{and was written here}}
    plan.copy %x, %b : memref<32xf32>, memref<32xf32>
    // expected-error@+1 {{buffer %0 'conv1' (bytes 0..128) is live here, but buffer %2 'bn1' (bytes 64..192) overlaps it}}
    plan.output "a", %v : memref<4x8xf32>
  }
}

// -----

// Source and target of one instruction.
module attributes {plan.arena_bytes = 128 : i64} {
  plan.program @p batch 1 {
    %x = plan.input "x" at 0 : memref<32xf32>
    %a = plan.alloc at 0 : memref<16xf32>
    %b = plan.view %x : memref<32xf32> to memref<32xf32>
    // expected-error@+1 {{buffer %x (bytes 0..128) and buffer %0 (bytes 0..64) overlap, and both are live here}}
    plan.launch @k(%b, %a) extent 1 writes [1] : memref<32xf32>, memref<16xf32>
  }
  plan.kernel @k arguments 2 description ""
}

// -----

// An input is written before anything runs, so nothing else may be there
// before its last use.
module attributes {plan.arena_bytes = 192 : i64} {
  plan.program @p batch 1 {
    %x = plan.input "x" at 0 : memref<16xf32>
    %y = plan.input "y" at 64 : memref<16xf32>
    %a = plan.alloc at 64 : memref<16xf32>
    // expected-note@+1 {{and was written here}}
    plan.copy %x, %a : memref<16xf32>, memref<16xf32>
    // expected-error@+1 {{buffer %y (bytes 64..128) is live here, but buffer %0 (bytes 64..128) overlaps it}}
    plan.copy %y, %x : memref<16xf32>, memref<16xf32>
  }
}

// -----

// State is live throughout, even where no program reads it.
module attributes {plan.arena_bytes = 128 : i64} {
  // expected-note@+1 {{which is live throughout}}
  plan.variable @w parameter init <constant, 0.0, 0.0> at 64 : memref<16xf32>
  plan.program @p batch 1 {
    %x = plan.input "x" at 0 : memref<16xf32>
    // expected-error@+1 {{buffer %0 (bytes 64..128) overlaps variable "w" (bytes 64..128)}}
    %a = plan.alloc at 64 : memref<16xf32>
    plan.copy %x, %a : memref<16xf32>, memref<16xf32>
  }
}

// -----

module attributes {plan.arena_bytes = 192 : i64} {
  plan.variable @v parameter init <constant, 0.0, 0.0> at 0 : memref<32xf32>
  // expected-error@+1 {{variable "w" (bytes 64..128) overlaps variable "v" (bytes 0..128)}}
  plan.variable @w parameter init <constant, 0.0, 0.0> at 64 : memref<16xf32>
}

// -----

module attributes {plan.arena_bytes = 192 : i64} {
  plan.program @p batch 1 {
    // expected-note@+1 {{which is live throughout}}
    %c = plan.rank_constant base 3 per_rank 0 threshold 0 below 0 per_capped_rank 0 at 64 : memref<1xi64>
    // expected-error@+1 {{buffer %x (bytes 0..128) overlaps buffer %0 (bytes 64..72)}}
    %x = plan.input "x" at 0 : memref<32xf32>
  }
}

// -----

module attributes {plan.arena_bytes = 100 : i64} {
  plan.program @p batch 1 {
    // expected-error@+1 {{of 64 bytes at byte 64 ends beyond the arena of 100 bytes}}
    %a = plan.alloc at 64 : memref<16xf32>
  }
}

// -----

module attributes {plan.arena_bytes = 128 : i64} {
  plan.program @p batch 1 {
    // expected-error@+1 {{starts at byte 8, not a multiple of 64}}
    %a = plan.alloc at 8 : memref<16xf32>
  }
}

// -----

module attributes {plan.arena_bytes = 128 : i64} {
  plan.program @p batch 1 {
    // expected-error@+1 {{has no offset: plan-assign-memory is missing}}
    %a = plan.alloc : memref<16xf32>
  }
}

// -----

// expected-error@+1 {{no plan.arena_bytes: plan-assign-memory is missing}}
module {
}

// -----

module attributes {plan.arena_bytes = 128 : i64} {
  plan.program @p batch 1 {
    %a = plan.alloc at 0 : memref<16xf32>
    %b = plan.alloc at 64 : memref<16xf32>
    // expected-error@+1 {{buffer %0 (bytes 0..64) is read before anything wrote it}}
    plan.copy %a, %b : memref<16xf32>, memref<16xf32>
  }
}

// -----

module attributes {plan.arena_bytes = 64 : i64} {
  plan.program @p batch 1 {
    %a = plan.alloc at 0 : memref<16xf32>
    // expected-error@+1 {{buffer %0 (bytes 0..64) is read before anything wrote it}}
    plan.output "a", %a : memref<16xf32>
  }
}

// -----

// Generated code assumes that nothing else is where it writes.
module attributes {plan.arena_bytes = 64 : i64} {
  plan.variable @w parameter init <constant, 0.0, 0.0> at 0 : memref<16xf32>
  plan.kernel @k arguments 2 description ""
  plan.program @p batch 1 {
    %w = plan.state @w : memref<16xf32>
    %again = plan.state @w : memref<16xf32>
    // expected-error@+1 {{a kernel gets variable "w" (bytes 0..64) twice, and writes it}}
    plan.launch @k(%w, %again) extent 1 writes [1] : memref<16xf32>, memref<16xf32>
  }
}

// -----

// While a gather goes on, its source is read and its target is written.
module attributes {plan.arena_bytes = 256 : i64} {
  shard.grid @ranks(shape = 2)
  plan.program @p batch 1 {
    %x = plan.input "x" at 0 : memref<16xf32>
    %y = plan.input "y" at 64 : memref<16xf32>
    %all = plan.alloc at 128 : memref<32xf32>
    // expected-note@+1 {{it started here}}
    %t = plan.collective all_gather %x, %all : memref<16xf32>, memref<32xf32>
    plan.copy %x, %y : memref<16xf32>, memref<16xf32>
    // expected-error@+1 {{writes buffer %x (bytes 0..64), which a transfer that is not waited for reads}}
    plan.copy %y, %x : memref<16xf32>, memref<16xf32>
    plan.wait %t
  }
}

// -----

module attributes {plan.arena_bytes = 192 : i64} {
  shard.grid @ranks(shape = 2)
  plan.program @p batch 1 {
    %x = plan.input "x" at 0 : memref<16xf32>
    %y = plan.alloc at 64 : memref<16xf32>
    // expected-note@+1 {{it started here}}
    %t = plan.collective all_reduce_sum %x, %x : memref<16xf32>, memref<16xf32>
    // expected-error@+1 {{reads buffer %x (bytes 0..64), which a transfer that is not waited for writes}}
    plan.copy %x, %y : memref<16xf32>, memref<16xf32>
    plan.wait %t
    plan.output "y", %y : memref<16xf32>
  }
}

// -----

// The same bytes under another buffer: a source is live up to the wait.
module attributes {plan.arena_bytes = 320 : i64} {
  shard.grid @ranks(shape = 2)
  plan.program @p batch 1 {
    %x = plan.input "x" at 0 : memref<16xf32>
    %source = plan.alloc at 64 : memref<16xf32>
    %all = plan.alloc at 128 : memref<32xf32>
    %late = plan.alloc at 64 : memref<16xf32>
    plan.copy %x, %source : memref<16xf32>, memref<16xf32>
    // expected-note@+1 {{it started here}}
    %t = plan.collective all_gather %source, %all : memref<16xf32>, memref<32xf32>
    // expected-error@+1 {{writes buffer %2 (bytes 64..128), which a transfer that is not waited for reads}}
    plan.copy %x, %late : memref<16xf32>, memref<16xf32>
    plan.wait %t
    plan.output "all", %all : memref<32xf32>
    plan.output "late", %late : memref<16xf32>
  }
}

// -----

// The parts of a span lie one behind the other.
module attributes {plan.arena_bytes = 192 : i64} {
  plan.program @p batch 1 {
    %a = plan.alloc at 0 : memref<16xf32>
    %b = plan.alloc at 128 : memref<16xf32>
    // expected-error@+1 {{a span has buffer %1 (bytes 128..192) behind buffer %0 (bytes 0..64)}}
    %s = plan.span %a, %b : memref<16xf32>, memref<16xf32> to memref<32xf32>
    plan.launch @k(%s) extent 1 writes [0] : memref<32xf32>
  }
  plan.kernel @k arguments 1 description ""
}

// -----

// A use of a span is a use of each part, of which %b lost its bytes.
module attributes {plan.arena_bytes = 128 : i64} {
  plan.program @p batch 1 {
    %a = plan.alloc at 0 : memref<16xf32>
    %b = plan.alloc at 64 : memref<16xf32>
    %s = plan.span %a, %b : memref<16xf32>, memref<16xf32> to memref<32xf32>
    %c = plan.alloc at 64 : memref<16xf32>
    plan.launch @k(%s) extent 1 writes [0] : memref<32xf32>
    // expected-note@+1 {{and was written here, while the first was live}}
    plan.launch @k1(%c) extent 1 writes [0] : memref<16xf32>
    // expected-error@+1 {{buffer %1 (bytes 64..128) is live here, but buffer %3 (bytes 64..128) overlaps it}}
    plan.launch @k(%s) extent 1 writes [] : memref<32xf32>
  }
  plan.kernel @k arguments 1 description ""
  plan.kernel @k1 arguments 1 description ""
}

// -----

// Of a span of which one part was written the other was not.
module attributes {plan.arena_bytes = 192 : i64} {
  plan.program @p batch 1 {
    %x = plan.input "x" at 128 : memref<16xf32>
    %a = plan.alloc at 0 : memref<16xf32>
    %b = plan.alloc at 64 : memref<16xf32>
    %s = plan.span %a, %b : memref<16xf32>, memref<16xf32> to memref<32xf32>
    plan.copy %x, %a : memref<16xf32>, memref<16xf32>
    // expected-error@+1 {{buffer %1 (bytes 64..128) is read before anything wrote it}}
    plan.launch @k(%s) extent 1 writes [] : memref<32xf32>
  }
  plan.kernel @k arguments 1 description ""
}

// -----

// A kernel that writes a span has none of its parts besides.
module attributes {plan.arena_bytes = 128 : i64} {
  plan.variable @a parameter init <constant, 0.0, 0.0> at 0 : memref<16xf32>
  plan.variable @b parameter init <constant, 0.0, 0.0> at 64 : memref<16xf32>
  plan.program @p batch 1 {
    %a = plan.state @a : memref<16xf32>
    %b = plan.state @b : memref<16xf32>
    %s = plan.span %a, %b : memref<16xf32>, memref<16xf32> to memref<32xf32>
    // expected-error@+1 {{a kernel gets variable "b" (bytes 64..128) twice, and writes it}}
    plan.launch @k(%s, %b) extent 1 writes [0] : memref<32xf32>, memref<16xf32>
  }
  plan.kernel @k arguments 2 description ""
}

// -----

// Host state lies in the last 256 bytes, the host's.
module attributes {plan.arena_bytes = 65792 : i64, plan.host_bytes = 256 : i64} {
  // expected-error@+1 {{variable "w" (bytes 64..128) is host state, and no host memory}}
  plan.variable @w parameter init <constant, 0.0, 0.0> at 64 {host} : memref<16xf32>
}

// -----

// And nothing else does.
module attributes {plan.arena_bytes = 65792 : i64, plan.host_bytes = 256 : i64} {
  // expected-error@+1 {{of 64 bytes at byte 65536 ends beyond the arena of 65536 bytes}}
  plan.variable @w parameter init <constant, 0.0, 0.0> at 65536 : memref<16xf32>
}

// -----

// expected-error@+1 {{host memory can't begin at byte 64 of the arena}}
module attributes {plan.arena_bytes = 320 : i64, plan.host_bytes = 256 : i64} {
}

// -----

// Rows on their way from host memory are not read yet.
module attributes {plan.arena_bytes = 65600 : i64, plan.host_bytes = 64 : i64} {
  plan.variable @w parameter init <constant, 0.0, 0.0> at 65536 {host} : memref<16xf32>
  plan.program @p batch 1 {
    %w = plan.state @w : memref<16xf32>
    %rows = plan.alloc at 0 : memref<16xf32>
    %y = plan.alloc at 64 : memref<16xf32>
    // expected-note@+1 {{it started here}}
    %t = plan.launch @k(%w, %rows) extent 1 writes [1] : memref<16xf32>, memref<16xf32> -> !plan.transfer
    // expected-error@+1 {{reads buffer %0 (bytes 0..64), which a transfer that is not waited for writes}}
    plan.launch @k(%rows, %y) extent 1 writes [1] : memref<16xf32>, memref<16xf32>
    plan.wait %t
  }
  plan.kernel @k arguments 2 description ""
}

// -----

// A sum is read to be added to.
module attributes {plan.arena_bytes = 4096 : i64} {
  plan.variable @w parameter init <normal, 0.0, 0.1> at 0 : memref<4x16xf32>
  plan.program @p batch 4 {
    %x = plan.input "x" at 512 : memref<4x4xf32>
    %w = plan.state @w : memref<4x16xf32>
    %y = plan.alloc at 1024 : memref<4x16xf32>
    // expected-error@+1 {{is read before anything wrote it}}
    plan.matmul %x, %w, %y {accumulate} : memref<4x4xf32>, memref<4x16xf32>, memref<4x16xf32>
    plan.output "y", %y : memref<4x16xf32>
  }
}

// -----

// What a branch writes is not there before it is waited for.
module attributes {plan.arena_bytes = 256 : i64} {
  plan.program @p batch 1 {
    %x = plan.input "x" at 0 : memref<16xf32>
    %y = plan.alloc at 64 : memref<16xf32>
    %z = plan.alloc at 128 : memref<16xf32>
    // expected-note@+1 {{it started here}}
    %t = plan.beside(%x, %y) writes [1] : memref<16xf32>, memref<16xf32> {
      plan.copy %x, %y : memref<16xf32>, memref<16xf32>
    }
    // expected-error@+1 {{reads buffer %0 (bytes 64..128), which a transfer that is not waited for writes}}
    plan.copy %y, %z : memref<16xf32>, memref<16xf32>
    plan.wait %t
  }
}

// -----

// Nothing takes the bytes of what a branch reads.
module attributes {plan.arena_bytes = 256 : i64} {
  plan.program @p batch 1 {
    %x = plan.input "x" at 0 : memref<16xf32>
    %y = plan.alloc at 64 : memref<16xf32>
    %z = plan.alloc at 0 : memref<16xf32>
    // expected-note@+1 {{it started here}}
    %t = plan.beside(%x, %y) writes [1] : memref<16xf32>, memref<16xf32> {
      plan.copy %x, %y : memref<16xf32>, memref<16xf32>
    }
    // expected-error@+1 {{writes buffer %1 (bytes 0..64), which a transfer that is not waited for reads}}
    plan.launch @k(%z) extent 1 writes [0] : memref<16xf32>
    plan.wait %t
  }
  plan.kernel @k arguments 1 description ""
}

// -----

// Its instructions are looked at one by one.
module attributes {plan.arena_bytes = 256 : i64} {
  plan.program @p batch 1 {
    %a = plan.alloc at 0 : memref<16xf32>
    %y = plan.alloc at 64 : memref<16xf32>
    %t = plan.beside(%a, %y) writes [0, 1] : memref<16xf32>, memref<16xf32> {
      // expected-error@+1 {{is read before anything wrote it}}
      plan.copy %a, %y : memref<16xf32>, memref<16xf32>
      plan.launch @k(%a) extent 1 writes [0] : memref<16xf32>
    }
    plan.wait %t
  }
  plan.kernel @k arguments 1 description ""
}

// -----

// There is one place for branches.
module attributes {plan.arena_bytes = 256 : i64} {
  plan.program @p batch 1 {
    %x = plan.input "x" at 0 : memref<16xf32>
    %y = plan.alloc at 64 : memref<16xf32>
    %z = plan.alloc at 128 : memref<16xf32>
    // expected-note@+1 {{it started here}}
    %t = plan.beside(%x, %y) writes [1] : memref<16xf32>, memref<16xf32> {
      plan.copy %x, %y : memref<16xf32>, memref<16xf32>
    }
    // expected-error@+1 {{begins while another branch goes on}}
    %u = plan.beside(%x, %z) writes [1] : memref<16xf32>, memref<16xf32> {
      plan.copy %x, %z : memref<16xf32>, memref<16xf32>
    }
    plan.wait %t
    plan.wait %u
  }
}

// -----

module attributes {plan.arena_bytes = 128 : i64} {
  plan.program @p batch 1 {
    // expected-error@+1 {{starts at byte -64, not a multiple of 64}}
    %a = plan.alloc at -64 : memref<16xf32>
  }
}

// -----

// expected-error@+1 {{host memory can't begin at byte -65536 of the arena}}
module attributes {plan.arena_bytes = 64 : i64, plan.host_bytes = 65600 : i64} {
}

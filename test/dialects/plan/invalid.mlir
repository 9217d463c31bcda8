// RUN: pfc-opt %s --split-input-file --verify-diagnostics

// Buffers

plan.program @p batch 1 {
  // expected-error@+1 {{op result #0 must be contiguous, non-empty, statically shaped memref}}
  %x = plan.alloc : memref<4x4xf32, strided<[8, 1]>>
}

// -----

plan.program @p batch 1 {
  // expected-error@+1 {{op result #0 must be contiguous, non-empty, statically shaped memref}}
  %x = plan.alloc : memref<?x4xf32>
}

// -----

plan.program @p batch 1 {
  // expected-error@+1 {{op result #0 must be contiguous, non-empty, statically shaped memref}}
  %x = plan.alloc : memref<0x4xf32>
}

// -----

plan.program @p batch 1 {
  %x = plan.alloc : memref<4x4xf32>
  // expected-error@+1 {{of 'memref<4x4xf32>' can't be 'memref<17xf32>': other elements}}
  %y = plan.view %x from 0 : memref<4x4xf32> to memref<17xf32>
}

// -----

plan.program @p batch 1 {
  %x = plan.alloc : memref<40xf32>
  // expected-error@+1 {{of 'memref<40xf32>' can't be 'memref<16xf32>': other elements}}
  %y = plan.view %x from 32 : memref<40xf32> to memref<16xf32>
}

// -----

plan.program @p batch 1 {
  %x = plan.alloc : memref<40xf32>
  // expected-error@+1 {{can't begin at element 8: buffers begin at multiples of 64 bytes}}
  %y = plan.view %x from 8 : memref<40xf32> to memref<16xf32>
}

// -----

module {
  // expected-error@+1 {{expects parent op 'plan.program'}}
  %x = plan.alloc : memref<4x4xf32>
}

// -----

// Variables: three rows a rank hold five rows of two ranks, not four.

shard.grid @ranks(shape = 2)
// expected-error@+1 {{of 5 rows on 2 ranks holds 3, not 'memref<4x8xf32>', on a rank}}
plan.variable @w parameter init <normal, 0.0, 0.1> rows 5 : memref<4x8xf32>

// -----

shard.grid @ranks(shape = 4)
// expected-error@+1 {{splits 3 rows over 4 ranks}}
plan.variable @w parameter init <normal, 0.0, 0.1> rows 3 : memref<1x8xf32>

// -----

plan.program @p batch 1 {
  // expected-error@+1 {{there is no variable @w}}
  %w = plan.state @w : memref<4xf32>
}

// -----

plan.variable @w parameter init <normal, 0.0, 0.1> : memref<8xf32>
plan.program @p batch 1 {
  // expected-error@+1 {{is 'memref<4xf32>' but variable @w is 'memref<8xf32>'}}
  %w = plan.state @w : memref<4xf32>
}

// -----

// Programs

plan.program @p batch 1 {
  // expected-error@+1 {{op is no part of a program}}
  %c = arith.constant 1 : i64
}

// -----

plan.program @p batch 1 {
  %a = plan.input "images" : memref<4xf32>
  // expected-error@+1 {{'images' is there twice}}
  %b = plan.input "images" : memref<4xf32>
}

// -----

plan.program @p batch 1 {
  %a = plan.input "images" : memref<4xf32>
  plan.output "loss", %a : memref<4xf32>
  // expected-error@+1 {{'loss' is there twice}}
  plan.output "loss", %a : memref<4xf32>
}

// -----

plan.program @p batch 1 {
  %c = plan.rank_constant base 1 per_rank 0 threshold 0 below 0 per_capped_rank 0 : memref<1xi64>
  %a = plan.input "a" : memref<1xi64>
  // expected-error@+1 {{writes a rank constant}}
  plan.copy %a, %c : memref<1xi64>, memref<1xi64>
}

// -----

plan.program @p batch 1 {
  // expected-error@+1 {{is one integer, not 'memref<2xi64>'}}
  %c = plan.rank_constant base 1 per_rank 0 threshold 0 below 0 per_capped_rank 0 : memref<2xi64>
}

// -----

// Launches

plan.program @p batch 1 {
  %a = plan.input "a" : memref<4xf32>
  // expected-error@+1 {{there is no kernel @kernels::@k}}
  plan.launch @kernels::@k(%a) extent 1 writes [0] : memref<4xf32>
}

// -----

module @kernels {
  func.func private @k(memref<4xf32>, index)
}
plan.program @p batch 1 {
  %a = plan.input "a" : memref<4xf32>
  // expected-error@+1 {{kernel @kernels::@k is '(memref<4xf32>, index) -> ()'; the arguments and begin, end : index are wanted}}
  plan.launch @kernels::@k(%a) extent 1 writes [0] : memref<4xf32>
}

// -----

plan.kernel @k arguments 2 description ""
plan.program @p batch 1 {
  %a = plan.input "a" : memref<4xf32>
  // expected-error@+1 {{gives 1 buffers, kernel @k takes 2}}
  plan.launch @k(%a) extent 1 writes [0] : memref<4xf32>
}

// -----

plan.kernel @k arguments 1 description ""
plan.program @p batch 1 {
  %a = plan.input "a" : memref<4xf32>
  // expected-error@+1 {{writes 1: the indices of its 1 arguments, ascending, are wanted}}
  plan.launch @k(%a) extent 1 writes [1] : memref<4xf32>
}

// -----

plan.kernel @k arguments 1 description ""
plan.program @p batch 1 {
  %a = plan.input "a" : memref<4xf32>
  // expected-error@+1 {{needs an argument and an extent of at least 1}}
  plan.launch @k(%a) extent 0 writes [0] : memref<4xf32>
}

// -----

// Products

plan.program @p batch 1 {
  %a = plan.alloc : memref<4x3xf32>
  %b = plan.alloc : memref<4x5xf32>
  %c = plan.alloc : memref<4x5xf32>
  // expected-error@+1 {{can't multiply 'memref<4x3xf32>' by 'memref<4x5xf32>' into 'memref<4x5xf32>'}}
  plan.matmul %a, %b, %c : memref<4x3xf32>, memref<4x5xf32>, memref<4x5xf32>
}

// -----

plan.program @p batch 1 {
  %a = plan.alloc : memref<2x4x4xf32>
  %b = plan.alloc : memref<3x4x4xf32>
  %c = plan.alloc : memref<2x4x4xf32>
  // expected-error@+1 {{can't multiply 'memref<2x4x4xf32>' by 'memref<3x4x4xf32>' into 'memref<2x4x4xf32>'}}
  plan.matmul %a, %b, %c : memref<2x4x4xf32>, memref<3x4x4xf32>, memref<2x4x4xf32>
}

// -----

plan.program @p batch 1 {
  %a = plan.alloc : memref<2x4x4xf32>
  %b = plan.alloc : memref<4x4xf32>
  %c = plan.alloc : memref<2x4x4xf32>
  // expected-error@+1 {{multiplies matrices, or as many of each}}
  plan.matmul %a, %b, %c : memref<2x4x4xf32>, memref<4x4xf32>, memref<2x4x4xf32>
}

// -----

plan.program @p batch 1 {
  %a = plan.alloc : memref<2x4x3xf32>
  %b = plan.alloc : memref<2x4x5xf32>
  %c = plan.alloc : memref<2x3x4xf32>
  // expected-error@+1 {{can't multiply 'memref<2x4x3xf32>' transposed by 'memref<2x4x5xf32>' into 'memref<2x3x4xf32>'}}
  plan.matmul %a, %b, %c {transpose_lhs} : memref<2x4x3xf32>, memref<2x4x5xf32>, memref<2x3x4xf32>
}

// -----

plan.program @p batch 1 {
  %a = plan.alloc : memref<4x4xbf16>
  %b = plan.alloc : memref<4x4xf32>
  // expected-error@+1 {{can't multiply 'bf16' by 'f32' into 'f32'}}
  plan.matmul %a, %b, %b : memref<4x4xbf16>, memref<4x4xf32>, memref<4x4xf32>
}

// -----

plan.program @p batch 1 {
  %a = plan.alloc : memref<4x4xf32>
  %b = plan.view %a : memref<4x4xf32> to memref<4x4xf32>
  // expected-error@+1 {{can't write into its operand}}
  plan.matmul %a, %a, %b : memref<4x4xf32>, memref<4x4xf32>, memref<4x4xf32>
}

// -----

plan.program @p batch 1 {
  %a = plan.alloc : memref<4x4xbf16>
  %b = plan.alloc : memref<4x4xbf16>
  // expected-error@+1 {{adds to f32 alone, not to 'bf16'}}
  plan.matmul %a, %a, %b {accumulate} : memref<4x4xbf16>, memref<4x4xbf16>, memref<4x4xbf16>
}

// -----

plan.program @p batch 1 {
  %x = plan.alloc : memref<2x6x6x2xf32>
  %w = plan.alloc : memref<4x3x3x2xf32>
  %y = plan.alloc : memref<2x6x6x4xf32>
  // expected-error@+1 {{of 'memref<2x6x6x2xf32>' with 'memref<4x3x3x2xf32>' gives 2x3x3x4, not 'memref<2x6x6x4xf32>'}}
  plan.conv forward %x, %w, %y stride 2 padding 1
      : memref<2x6x6x2xf32>, memref<4x3x3x2xf32>, memref<2x6x6x4xf32>
}

// -----

// Three groups of channels, four filters.
plan.program @p batch 1 {
  %x = plan.alloc : memref<2x6x6x6xf32>
  %w = plan.alloc : memref<4x3x3x2xf32>
  %y = plan.alloc : memref<2x6x6x4xf32>
  // expected-error@+1 {{with weights of 2 channels can't have 6 in and 4 out}}
  plan.conv forward %x, %w, %y stride 1 padding 1
      : memref<2x6x6x6xf32>, memref<4x3x3x2xf32>, memref<2x6x6x4xf32>
}

// -----

// The order of operands depends on the kind.
plan.program @p batch 1 {
  %x = plan.alloc : memref<2x6x6x2xf32>
  %w = plan.alloc : memref<4x3x3x2xf32>
  %y = plan.alloc : memref<2x6x6x4xf32>
  plan.conv backward_data %y, %w, %x stride 1 padding 1
      : memref<2x6x6x4xf32>, memref<4x3x3x2xf32>, memref<2x6x6x2xf32>
  // expected-error@+1 {{'plan.conv' op of}}
  plan.conv backward_weights %y, %x, %w stride 1 padding 1
      : memref<2x6x6x4xf32>, memref<2x6x6x2xf32>, memref<4x3x3x2xf32>
}

// -----

plan.program @p batch 1 {
  %x = plan.alloc : memref<2x6x6x2xf32>
  %w = plan.alloc : memref<4x1x1x2xf32>
  %y = plan.alloc : memref<2x6x6x4xf32>
  // expected-error@+1 {{with a kernel of 1 has stride 1, padding 1}}
  plan.conv forward %x, %w, %y stride 1 padding 1
      : memref<2x6x6x2xf32>, memref<4x1x1x2xf32>, memref<2x6x6x4xf32>
}

// -----

// Spans

plan.program @p batch 1 {
  %a = plan.input "a" : memref<16xf32>
  %b = plan.alloc : memref<16xf32>
  // expected-error@+1 {{takes allocs, or state, that are in no other span and once in this one}}
  %s = plan.span %b, %a : memref<16xf32>, memref<16xf32> to memref<32xf32>
}

// -----

plan.program @p batch 1 {
  %a = plan.alloc : memref<16xf32>
  // expected-error@+1 {{takes allocs, or state, that are in no other span and once in this one}}
  %s = plan.span %a, %a : memref<16xf32>, memref<16xf32> to memref<32xf32>
}

// -----

plan.program @p batch 1 {
  %a = plan.alloc : memref<16xf32>
  %b = plan.alloc : memref<20xf32>
  // expected-error@+1 {{can't have 'memref<20xf32>' in it: multiples of 64 bytes}}
  %s = plan.span %a, %b : memref<16xf32>, memref<20xf32> to memref<36xf32>
}

// -----

plan.program @p batch 1 {
  %a = plan.alloc : memref<16xf32>
  // expected-error@+1 {{has parts of 16 elements for 'memref<32xf32>'}}
  %s = plan.span %a : memref<16xf32> to memref<32xf32>
}

// -----

// Copies and collectives

plan.program @p batch 1 {
  %a = plan.alloc : memref<4xf32>
  %b = plan.alloc : memref<4xbf16>
  // expected-error@+1 {{other numbers of bytes}}
  plan.copy %a, %b : memref<4xf32>, memref<4xbf16>
}

// -----

shard.grid @ranks(shape = 2)
plan.program @p batch 1 {
  %a = plan.alloc : memref<4xf32>
  %b = plan.alloc : memref<4xf32>
  // expected-error@+1 {{of 'memref<4xf32>' into 'memref<4xf32>' on 2 ranks}}
  plan.collective all_gather %a, %b : memref<4xf32>, memref<4xf32>
}

// -----

plan.program @p batch 1 {
  %a = plan.alloc : memref<4xi8>
  // expected-error@+1 {{one type is wanted, of f32, bf16 or i64 for sums}}
  plan.collective all_reduce_sum %a, %a : memref<4xi8>, memref<4xi8>
}

// -----

plan.program @p batch 1 {
  %a = plan.alloc : memref<4xf32>
  // expected-error@+1 {{can't work in place}}
  plan.collective all_gather %a, %a : memref<4xf32>, memref<4xf32>
}

// -----

// Attributes

// expected-error@+1 {{unknown attribute 'plan.arena'}}
module attributes {plan.arena = 1 : i64} {}

// -----

// expected-error@+1 {{'plan.arena_bytes' is a module's i64 >= 0}}
module attributes {plan.arena_bytes = -64 : i64} {}

// -----

// expected-error @below {{wants 232449 bytes of shared memory: a block has up to 232448}}
plan.kernel @k arguments 2 threads 64 shared 232449 description "large"

// -----

// expected-error @below {{has blocks of 48 threads: a multiple of 32 up to 1024}}
plan.kernel @k arguments 2 threads 48 description "odd"

// -----

// expected-error @below {{has #plan.tensor_map<argument = 2, rows = 128, columns = 64>: one of its 2 arguments, in boxes of 1 to 256 rows and columns, is wanted}}
plan.kernel @k arguments 2 maps [#plan.tensor_map<argument = 2, rows = 128, columns = 64>] threads 64 description "third"

// -----

// expected-error @below {{in boxes of 1 to 256 rows and columns, is wanted}}
plan.kernel @k arguments 2 maps [#plan.tensor_map<argument = 0, rows = 257, columns = 64>] threads 64 description "tall"

// -----

plan.kernel @k arguments 1 maps [#plan.tensor_map<argument = 0, rows = 128, columns = 64>] threads 64 description ""
plan.program @p batch 1 {
  %x = plan.alloc : memref<40x12xbf16>
  // expected-error @below {{gives 'memref<40x12xbf16>' to #plan.tensor_map<argument = 0, rows = 128, columns = 64>: a matrix with rows of multiples of 16 bytes, of which a box has 128, is wanted}}
  plan.launch @kernels::@k(%x) extent 1 writes [] : memref<40x12xbf16>
}

// -----

plan.kernel @k arguments 1 maps [#plan.tensor_map<argument = 0, rows = 128, columns = 64>] threads 64 description ""
plan.program @p batch 1 {
  %x = plan.alloc : memref<2x40x16xbf16>
  // expected-error @below {{a matrix with rows of multiples of 16 bytes}}
  plan.launch @kernels::@k(%x) extent 1 writes [] : memref<2x40x16xbf16>
}

// -----

// expected-error @below {{takes a number of type 'bf16': i32, i64 and f32 are known}}
plan.kernel @k arguments 2 numbers [i32, bf16] threads 64 description "narrow"

// -----

plan.kernel @k arguments 1 numbers [i32] threads 64 description ""
plan.program @p batch 1 {
  %x = plan.alloc : memref<4xf32>
  // expected-error @below {{gives numbers of other types than kernel @kernels::@k takes}}
  plan.launch @kernels::@k(%x) extent 1 writes [0] numbers [1 : i64] : memref<4xf32>
}

// -----

plan.program @p batch 1 {
  %a = plan.alloc : memref<4xf32>
  // expected-error@+1 {{is waited for twice}}
  %t = plan.collective all_reduce_sum %a, %a : memref<4xf32>, memref<4xf32>
  plan.wait %t
  plan.wait %t
}

// -----

plan.kernel @k arguments 1 description ""
plan.program @p batch 1 {
  %a = plan.alloc : memref<4xf32>
  // expected-error@+1 {{is waited for twice}}
  %t = plan.launch @k(%a) extent 1 writes [0] : memref<4xf32> -> !plan.transfer
  plan.wait %t
  plan.wait %t
}

// -----

plan.kernel @k arguments 1 description ""
plan.variable @w parameter init <constant, 0.0, 0.0> {host} : memref<4xf32>
plan.program @p batch 1 {
  // expected-error@+1 {{is host state, which only a launch that is a transfer may take}}
  %w = plan.state @w : memref<4xf32>
  plan.launch @k(%w) extent 1 writes [0] : memref<4xf32>
}

// -----

plan.program @p batch 1 {
  %a = plan.alloc : memref<4xf32>
  %b = plan.alloc : memref<4xf32>
  // expected-error@+1 {{wants two forms or more, and what each requires, of which the first's is empty}}
  plan.either(%a, %b) writes [1] requires [""] : memref<4xf32>, memref<4xf32> {
    plan.copy %a, %b : memref<4xf32>, memref<4xf32>
  }
}

// -----

plan.program @p batch 1 {
  %a = plan.alloc : memref<4xf32>
  %b = plan.alloc : memref<4xf32>
  // expected-error@+1 {{wants two forms or more, and what each requires, of which the first's is empty}}
  plan.either(%a, %b) writes [1] requires ["sm_80", ""] : memref<4xf32>, memref<4xf32> {
    plan.copy %a, %b : memref<4xf32>, memref<4xf32>
  }, {
    plan.copy %a, %b : memref<4xf32>, memref<4xf32>
  }
}

// -----

plan.program @p batch 1 {
  %a = plan.alloc : memref<4xf32>
  %b = plan.alloc : memref<4xf32>
  %c = plan.alloc : memref<4xf32>
  plan.either(%a, %b) writes [1] requires ["", ""] : memref<4xf32>, memref<4xf32> {
    plan.copy %a, %b : memref<4xf32>, memref<4xf32>
  }, {
    // expected-error@+1 {{takes a buffer that the forms around it do not}}
    plan.copy %a, %c : memref<4xf32>, memref<4xf32>
  }
}

// -----

plan.program @p batch 1 {
  %a = plan.alloc : memref<4xf32>
  %b = plan.alloc : memref<4xf32>
  plan.either(%a, %b) writes [1] requires ["", ""] : memref<4xf32>, memref<4xf32> {
    plan.copy %a, %b : memref<4xf32>, memref<4xf32>
  }, {
    // expected-error@+1 {{writes a buffer that the forms around it only read}}
    plan.copy %b, %a : memref<4xf32>, memref<4xf32>
  }
}

// -----

shard.grid @ranks(shape = 1)
plan.program @p batch 1 {
  %a = plan.alloc : memref<4xf32>
  plan.either(%a) writes [0] requires ["", ""] : memref<4xf32> {
    // expected-error@+1 {{is no instruction that a form may have}}
    %t = plan.collective all_reduce_sum %a, %a : memref<4xf32>, memref<4xf32>
  }, {
    plan.copy %a, %a : memref<4xf32>, memref<4xf32>
  }
}

// -----

plan.program @p batch 1 {
  %a = plan.alloc : memref<4xf32>
  %v = plan.view %a : memref<4xf32> to memref<2x2xf32>
  // expected-error@+1 {{is given a buffer twice}}
  plan.either(%a, %v) writes [1] requires ["", ""] : memref<4xf32>, memref<2x2xf32> {
    plan.copy %a, %v : memref<4xf32>, memref<2x2xf32>
  }, {
    plan.copy %a, %v : memref<4xf32>, memref<2x2xf32>
  }
}

// -----

plan.program @p batch 1 {
  %n = plan.rank_constant base 1 per_rank 0 threshold 0 below 0 per_capped_rank 0 : memref<1xi64>
  %a = plan.alloc : memref<1xi64>
  // expected-error@+1 {{writes a rank constant}}
  plan.either(%a, %n) writes [1] requires ["", ""] : memref<1xi64>, memref<1xi64> {
    plan.copy %a, %n : memref<1xi64>, memref<1xi64>
  }, {
    plan.copy %a, %n : memref<1xi64>, memref<1xi64>
  }
}

// -----

plan.program @p batch 1 {
  %a = plan.alloc : memref<4xf32>
  %v = plan.view %a : memref<4xf32> to memref<2x2xf32>
  // expected-error@+1 {{is given a buffer twice}}
  %t = plan.beside(%a, %v) writes [1] : memref<4xf32>, memref<2x2xf32> {
    plan.copy %a, %v : memref<4xf32>, memref<2x2xf32>
  }
  plan.wait %t
}

// -----

shard.grid @ranks(shape = 1)
plan.program @p batch 1 {
  %a = plan.alloc : memref<4xf32>
  %t = plan.beside(%a) writes [0] : memref<4xf32> {
    // expected-error@+1 {{is nothing that a branch may have}}
    %u = plan.collective all_reduce_sum %a, %a : memref<4xf32>, memref<4xf32>
  }
  plan.wait %t
}

// -----

plan.program @p batch 1 {
  %a = plan.alloc : memref<4xf32>
  // expected-error@+1 {{region with 1 blocks}}
  %t = plan.beside(%a) writes [0] : memref<4xf32> {
  }
  plan.wait %t
}

// -----

plan.program @p batch 1 {
  %a = plan.alloc : memref<4xf32>
  %b = plan.alloc : memref<4xf32>
  %t = plan.beside(%a) writes [0] : memref<4xf32> {
    // expected-error@+1 {{takes a buffer that the branch around it does not}}
    plan.copy %a, %b : memref<4xf32>, memref<4xf32>
  }
  plan.wait %t
}

// -----

plan.program @p batch 1 {
  %a = plan.alloc : memref<4xf32>
  %b = plan.alloc : memref<4xf32>
  // expected-error@+1 {{says that its buffer 0 is written, and its instructions do otherwise}}
  %t = plan.beside(%a, %b) writes [0, 1] : memref<4xf32>, memref<4xf32> {
    plan.copy %a, %b : memref<4xf32>, memref<4xf32>
  }
  plan.wait %t
}

// -----

plan.program @p batch 1 {
  %a = plan.alloc : memref<4xf32>
  %b = plan.alloc : memref<4xf32>
  // expected-error@+1 {{says that its buffer 1 is read alone, and its instructions do otherwise}}
  %t = plan.beside(%a, %b) writes [] : memref<4xf32>, memref<4xf32> {
    plan.copy %a, %b : memref<4xf32>, memref<4xf32>
  }
  plan.wait %t
}

// -----

plan.program @p batch 1 {
  %a = plan.alloc : memref<4xf32>
  %b = plan.alloc : memref<4xf32>
  // expected-error@+1 {{wants one plan.wait}}
  %t = plan.beside(%a, %b) writes [1] : memref<4xf32>, memref<4xf32> {
    plan.copy %a, %b : memref<4xf32>, memref<4xf32>
  }
}

  // The positives, and the first k − P other classes in the order of a
  // permutation: each sets its bit, and the bits are in order.
  %words = arith.constant {W} : index
  %c64 = arith.constant 64 : index
  %c63 = arith.constant 63 : i64
  %one64 = arith.constant 1 : i64
  %count32 = arith.trunci %count : i64 to i32
  %quota32 = arith.trunci %quota : i64 to i32
  %key:4 = func.call @{PHILOX}(%zero, %step, %rank) : (i32, i32, i32) -> (i32, i32, i32, i32)
  scf.for %w = %t to %words step %threads {
    memref.store %zero64, %drawn[%w] : memref<{W}xi64>
  }
  gpu.barrier
  %mine = scf.for %i = %t to %rows step %threads iter_args(%n = %zero) -> (i32) {
    %label = memref.load %labels[%i] : memref<{B}xi64>
    %local = arith.subi %label, %first : i64
    %inside = arith.cmpi ult, %local, %count : i64
    %next = scf.if %inside -> i32 {
      %class = arith.index_cast %local : i64 to index
      %at = arith.divui %class, %c64 : index
      %place = arith.andi %local, %c63 : i64
      %bit = arith.shli %one64, %place : i64
      %before = memref.atomic_rmw ori %bit, %drawn[%at] : (i64, memref<{W}xi64>) -> i64
      %with = arith.ori %before, %bit : i64
      %fresh = arith.cmpi ne, %before, %with : i64
      %one_more = arith.extui %fresh : i1 to i32
      %sum = arith.addi %n, %one_more : i32
      scf.yield %sum : i32
    } else {
      scf.yield %n : i32
    }
    scf.yield %next : i32
  }
  %p = gpu.all_reduce add %mine uniform {} : (i32) -> i32

  // Of the next draws as many as classes are missing are needed at least; a draw
  // that is a positive is one too few.
  %drawing:2 = scf.while (%from = %zero, %have = %p) : (i32, i32) -> (i32, i32) {
    %missing = arith.cmpi slt, %have, %quota32 : i32
    scf.condition(%missing) %from, %have : i32, i32
  } do {
  ^bb0(%from: i32, %have: i32):
    %missing = arith.subi %quota32, %have : i32
    %to = arith.addi %from, %missing : i32
    %from_index = arith.index_cast %from : i32 to index
    %to_index = arith.index_cast %to : i32 to index
    %begin = arith.addi %from_index, %t : index
    %new = scf.for %draw = %begin to %to_index step %threads iter_args(%n = %zero) -> (i32) {
      %draw32 = arith.index_cast %draw : index to i32
      %class32 = func.call @permuted_class(%draw32, %count32, %key#0, %key#1) : (i32, i32, i32, i32) -> i32
      %class64 = arith.extui %class32 : i32 to i64
      %class = arith.index_cast %class64 : i64 to index
      %at = arith.divui %class, %c64 : index
      %place = arith.andi %class64, %c63 : i64
      %bit = arith.shli %one64, %place : i64
      %before = memref.atomic_rmw ori %bit, %drawn[%at] : (i64, memref<{W}xi64>) -> i64
      %with = arith.ori %before, %bit : i64
      %fresh = arith.cmpi ne, %before, %with : i64
      %one_more = arith.extui %fresh : i1 to i32
      %sum = arith.addi %n, %one_more : i32
      scf.yield %sum : i32
    }
    %added = gpu.all_reduce add %new uniform {} : (i32) -> i32
    %sum = arith.addi %have, %added : i32
    scf.yield %to, %sum : i32, i32
  }
  %total = arith.addi %drawing#1, %zero : i32

  // A thread has a run of neighbouring words: it counts their bits, and after a
  // scan over the threads it writes their classes.
  %rounded0 = arith.addi %words, %threads : index
  %rounded = arith.subi %rounded0, %c1 : index
  %share = arith.divui %rounded, %threads : index
  %from_word0 = arith.muli %t, %share : index
  %from_word = arith.minui %from_word0, %words : index
  %to_word0 = arith.addi %from_word, %share : index
  %to_word = arith.minui %to_word0, %words : index
  %bits = scf.for %w = %from_word to %to_word step %c1 iter_args(%n = %zero) -> (i32) {
    %word = memref.load %drawn[%w] : memref<{W}xi64>
    %in_word = emitc.call_opaque "__popcll"(%word) : (i64) -> i32
    %sum = arith.addi %n, %in_word : i32
    scf.yield %sum : i32
  }
  %start = emitc.call_opaque "pfc::blockScan"(%bits) {template_args = [1024 : i64]} : (i32) -> i32
  %written = scf.for %w = %from_word to %to_word step %c1 iter_args(%n = %start) -> (i32) {
    %word = memref.load %drawn[%w] : memref<{W}xi64>
    %base0 = arith.muli %w, %c64 : index
    %base = arith.index_cast %base0 : index to i64
    %after:2 = scf.while (%left = %word, %slot = %n) : (i64, i32) -> (i64, i32) {
      %some = arith.cmpi ne, %left, %zero64 : i64
      scf.condition(%some) %left, %slot : i64, i32
    } do {
    ^bb1(%left: i64, %slot: i32):
      // __ffsll counts from 1.
      %found = emitc.call_opaque "__ffsll"(%left) : (i64) -> i32
      %found64 = arith.extsi %found : i32 to i64
      %place = arith.subi %found64, %one64 : i64
      %class = arith.addi %base, %place : i64
      %at = arith.index_cast %slot : i32 to index
      memref.store %class, %indices[%at] : memref<{S}xi64>
      %less = arith.subi %left, %one64 : i64
      %rest = arith.andi %left, %less : i64
      %one_more = arith.addi %slot, %one : i32
      scf.yield %rest, %one_more : i64, i32
    }
    scf.yield %after#1 : i32
  }

  // The positives, and the first k − P other classes in the order of a
  // permutation: each sets its bit, and the bits are in order.
  %words = arith.constant {W} : index
  %c64 = arith.constant 64 : index
  %c63 = arith.constant 63 : i64
  %count32 = arith.trunci %count : i64 to i32
  %key:4 = func.call @{PHILOX}(%zero32, %step, %rank) : (i32, i32, i32) -> (i32, i32, i32, i32)
  scf.for %w = %c0 to %words step %c1 {
    memref.store %zero64, %drawn[%w] : memref<{W}xi64>
  }
  %p = scf.for %i = %c0 to %rows step %c1 iter_args(%n = %zero64) -> i64 {
    %local = memref.load %columns[%i] : memref<{B}xi64>
    %mine = arith.cmpi sge, %local, %zero64 : i64
    %next = scf.if %mine -> i64 {
      %class = arith.index_cast %local : i64 to index
      %at = arith.divui %class, %c64 : index
      %place = arith.andi %local, %c63 : i64
      %bit = arith.shli %one64, %place : i64
      %word = memref.load %drawn[%at] : memref<{W}xi64>
      %with = arith.ori %word, %bit : i64
      memref.store %with, %drawn[%at] : memref<{W}xi64>
      %fresh = arith.cmpi ne, %word, %with : i64
      %one_more = arith.extui %fresh : i1 to i64
      %sum = arith.addi %n, %one_more : i64
      scf.yield %sum : i64
    } else {
      scf.yield %n : i64
    }
    scf.yield %next : i64
  }
  // Of the next draws as many as classes are missing are needed at least; a draw
  // that is a positive is one too few. A batch of draws' words is made first, in
  // a loop without branches; those that are beyond the classes go on by themselves.
  %made = memref.alloca() : memref<256xi32>
  %most = arith.constant 256 : i64
  scf.while (%from = %zero32, %have = %p) : (i32, i64) -> (i32, i64) {
    %missing = arith.cmpi slt, %have, %quota : i64
    scf.condition(%missing) %from, %have : i32, i64
  } do {
  ^bb0(%from: i32, %have: i64):
    %missing = arith.subi %quota, %have : i64
    %batch64 = arith.minsi %missing, %most : i64
    %batch = arith.index_cast %batch64 : i64 to index
    scf.for %i = %c0 to %batch step %c1 {
      %i32 = arith.index_cast %i : index to i32
      %draw = arith.addi %from, %i32 : i32
      %word = func.call @permuted_word(%draw, %key#0, %key#1) : (i32, i32, i32) -> i32
      memref.store %word, %made[%i] : memref<256xi32>
    }
    %now = scf.for %i = %c0 to %batch step %c1 iter_args(%n = %have) -> i64 {
      %made32 = memref.load %made[%i] : memref<256xi32>
      %beyond = arith.cmpi uge, %made32, %count32 : i32
      %class32 = scf.if %beyond -> i32 {
        %again = func.call @permuted_class(%made32, %count32, %key#0, %key#1) : (i32, i32, i32, i32) -> i32
        scf.yield %again : i32
      } else {
        scf.yield %made32 : i32
      }
      %class64 = arith.extui %class32 : i32 to i64
      %class = arith.index_cast %class64 : i64 to index
      %at = arith.divui %class, %c64 : index
      %place = arith.andi %class64, %c63 : i64
      %bit = arith.shli %one64, %place : i64
      %word = memref.load %drawn[%at] : memref<{W}xi64>
      %with = arith.ori %word, %bit : i64
      memref.store %with, %drawn[%at] : memref<{W}xi64>
      %fresh = arith.cmpi ne, %word, %with : i64
      %one_more = arith.extui %fresh : i1 to i64
      %sum = arith.addi %n, %one_more : i64
      scf.yield %sum : i64
    }
    %batch32 = arith.trunci %batch64 : i64 to i32
    %next = arith.addi %from, %batch32 : i32
    scf.yield %next, %now : i32, i64
  }
  %total = scf.for %w = %c0 to %words step %c1 iter_args(%n = %c0) -> index {
    %word = memref.load %drawn[%w] : memref<{W}xi64>
    %base0 = arith.muli %w, %c64 : index
    %base = arith.index_cast %base0 : index to i64
    %after:2 = scf.while (%left = %word, %slot = %n) : (i64, index) -> (i64, index) {
      %some = arith.cmpi ne, %left, %zero64 : i64
      scf.condition(%some) %left, %slot : i64, index
    } do {
    ^bb0(%left: i64, %slot: index):
      %place = math.cttz %left : i64
      %class = arith.addi %base, %place : i64
      memref.store %class, %indices[%slot] : memref<{S}xi64>
      %less = arith.subi %left, %one64 : i64
      %rest = arith.andi %left, %less : i64
      %next = arith.addi %slot, %c1 : index
      scf.yield %rest, %next : i64, index
    }
    scf.yield %after#1 : index
  }

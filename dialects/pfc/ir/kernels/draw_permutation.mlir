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
  // A draw that is a positive is one too few.
  scf.while (%draw = %zero32, %have = %p) : (i32, i64) -> (i32, i64) {
    %missing = arith.cmpi slt, %have, %quota : i64
    scf.condition(%missing) %draw, %have : i32, i64
  } do {
  ^bb0(%draw: i32, %have: i64):
    %class32 = func.call @permuted_class(%draw, %count32, %key#0, %key#1) : (i32, i32, i32, i32) -> i32
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
    %sum = arith.addi %have, %one_more : i64
    %one32 = arith.constant 1 : i32
    %next_draw = arith.addi %draw, %one32 : i32
    scf.yield %next_draw, %sum : i32, i64
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

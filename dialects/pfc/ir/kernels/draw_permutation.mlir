  // The first k − P classes, in the order of a permutation, that are no
  // positives: behind the positives, in that order. Where the permutation has
  // the positives, sorted, says how many of them come before a draw, so that
  // nothing but the draws themselves is gone through.
  %count32 = arith.trunci %count : i64 to i32
  %key:4 = func.call @{PHILOX}(%zero32, %step, %rank) : (i32, i32, i32) -> (i32, i32, i32, i32)
  scf.for %i = %c0 to %p step %c1 {
    %class = memref.load %positives[%i] : memref<{B}xi64>
    memref.store %class, %indices[%i] : memref<{S}xi64>
    %class32 = arith.trunci %class : i64 to i32
    %position = func.call @class_position(%class32, %count32, %key#0, %key#1) : (i32, i32, i32, i32) -> i32
    %position64 = arith.extui %position : i32 to i64
    memref.store %position64, %positives[%i] : memref<{B}xi64>
  }
{SORT p}
  %draws = arith.index_cast %others : i64 to index
  scf.for %n = %c0 to %draws step %c1 iter_args(%before = %c0) -> index {
    // Positives at no more than n places and themselves come before draw n.
    %passed = scf.while (%q = %before) : (index) -> index {
      %in_list = arith.cmpi ult, %q, %p : index
      %earlier = scf.if %in_list -> i1 {
        %position64 = memref.load %positives[%q] : memref<{B}xi64>
        %position = arith.index_cast %position64 : i64 to index
        %negatives = arith.subi %position, %q : index
        %here = arith.cmpi ule, %negatives, %n : index
        scf.yield %here : i1
      } else {
        scf.yield %no : i1
      }
      scf.condition(%earlier) %q : index
    } do {
    ^bb0(%q: index):
      %more = arith.addi %q, %c1 : index
      scf.yield %more : index
    }
    %place = arith.addi %n, %passed : index
    %place32 = arith.index_cast %place : index to i32
    %class32 = func.call @permuted_class(%place32, %count32, %key#0, %key#1) : (i32, i32, i32, i32) -> i32
    %class = arith.extui %class32 : i32 to i64
    %slot = arith.addi %p, %n : index
    memref.store %class, %indices[%slot] : memref<{S}xi64>
    scf.yield %passed : index
  }
  %total = arith.addi %p, %draws : index
  %ascending = arith.addi %p, %c0 : index

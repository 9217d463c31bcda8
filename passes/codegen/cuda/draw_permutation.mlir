  // The first k − P classes, in the order of a permutation, that are no
  // positives: behind the positives, in that order. Where the permutation has
  // the positives, sorted, says how many of them come before a draw.
  %count32 = arith.trunci %count : i64 to i32
  %key:4 = func.call @{PHILOX}(%zero, %step, %rank) : (i32, i32, i32) -> (i32, i32, i32, i32)

  // Each different positive once: a thread has a run of neighbouring rows.
  %rounded0 = arith.addi %rows, %threads : index
  %rounded = arith.subi %rounded0, %c1 : index
  %share = arith.divui %rounded, %threads : index
  %from0 = arith.muli %t, %share : index
  %from = arith.minui %from0, %rows : index
  %to0 = arith.addi %from0, %share : index
  %to = arith.minui %to0, %rows : index
  scf.for %pass = %c0 to %c2 step %c1 iter_args(%place = %zero) -> (i32) {
    %writing = arith.cmpi eq, %pass, %c1 : index
    %after = scf.for %i = %from to %to step %c1 iter_args(%n = %place) -> (i32) {
      %value = memref.load %columns[%i] : memref<{B}xi64>
      %present = arith.cmpi ne, %value, %absent : i64
      %start = arith.cmpi eq, %i, %c0 : index
      %differs = scf.if %start -> i1 {
        scf.yield %true : i1
      } else {
        %before = arith.subi %i, %c1 : index
        %last = memref.load %columns[%before] : memref<{B}xi64>
        %differs0 = arith.cmpi ne, %last, %value : i64
        scf.yield %differs0 : i1
      }
      %fresh = arith.andi %present, %differs : i1
      %write = arith.andi %fresh, %writing : i1
      scf.if %write {
        %slot = arith.index_cast %n : i32 to index
        memref.store %value, %indices[%slot] : memref<{S}xi64>
      }
      %more = arith.extui %fresh : i1 to i32
      %next = arith.addi %n, %more : i32
      scf.yield %next : i32
    }
    %start = emitc.call_opaque "pfc::blockScan"(%after) {template_args = [1024 : i64]} : (i32) -> i32
    scf.yield %start : i32
  }
  gpu.barrier

  // Their positions, in `columns`, sorted.
  %positives = arith.index_cast %p : i32 to index
  scf.for %i = %t to %rows step %threads {
    %here = arith.cmpi ult, %i, %positives : index
    %position64 = scf.if %here -> i64 {
      %class = memref.load %indices[%i] : memref<{S}xi64>
      %class32 = arith.trunci %class : i64 to i32
      %position = func.call @class_position(%class32, %count32, %key#0, %key#1) : (i32, i32, i32, i32) -> i32
      %wide = arith.extui %position : i32 to i64
      scf.yield %wide : i64
    } else {
      scf.yield %absent : i64
    }
    memref.store %position64, %columns[%i] : memref<{B}xi64>
  }
  gpu.barrier
{SORT}
  // Draw n is behind the positives at no more than n places and themselves.
  %draws = arith.index_cast %others : i32 to index
  scf.for %n = %t to %draws step %threads {
    %passed:2 = scf.while (%low = %c0, %high = %positives) : (index, index) -> (index, index) {
      %open = arith.cmpi ult, %low, %high : index
      scf.condition(%open) %low, %high : index, index
    } do {
    ^bb0(%low: index, %high: index):
      %sum = arith.addi %low, %high : index
      %middle = arith.divui %sum, %c2 : index
      %position64 = memref.load %columns[%middle] : memref<{B}xi64>
      %position = arith.index_cast %position64 : i64 to index
      %negatives = arith.subi %position, %middle : index
      %earlier = arith.cmpi ule, %negatives, %n : index
      %right = arith.addi %middle, %c1 : index
      %new_low = arith.select %earlier, %right, %low : index
      %new_high = arith.select %earlier, %high, %middle : index
      scf.yield %new_low, %new_high : index, index
    }
    %place = arith.addi %n, %passed#0 : index
    %place32 = arith.index_cast %place : index to i32
    %class32 = func.call @permuted_class(%place32, %count32, %key#0, %key#1) : (i32, i32, i32, i32) -> i32
    %class = arith.extui %class32 : i32 to i64
    %slot = arith.addi %positives, %n : index
    memref.store %class, %indices[%slot] : memref<{S}xi64>
  }
  %total = arith.addi %p, %others : i32
  %ascending = arith.addi %positives, %c0 : index

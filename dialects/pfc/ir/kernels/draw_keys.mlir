  // Exact selection of the k − P smallest (key, class) among the shard's other
  // classes in O(shard) integer work and no memory of the shard's size: the keys
  // are counter-based, so each pass draws them again. Three passes narrow the
  // threshold key down by 11 + 11 + 10 bits with a histogram, a fourth collects
  // in ascending order. ALL: 1 if the rate is 1.
  // The different positives, ascending.
  %positives = memref.alloca() : memref<{B}xi64>
  %owned = scf.for %i = %c0 to %rows step %c1 iter_args(%n = %c0) -> index {
    %local = memref.load %columns[%i] : memref<{B}xi64>
    %mine = arith.cmpi sge, %local, %zero64 : i64
    %next = scf.if %mine -> index {
      memref.store %local, %positives[%n] : memref<{B}xi64>
      %more = arith.addi %n, %c1 : index
      scf.yield %more : index
    } else {
      scf.yield %n : index
    }
    scf.yield %next : index
  }
{SORT}
  %p = scf.for %i = %c0 to %owned step %c1 iter_args(%n = %c0) -> index {
    %value = memref.load %positives[%i] : memref<{B}xi64>
    %start = arith.cmpi eq, %n, %c0 : index
    %fresh = scf.if %start -> i1 {
      %true = arith.constant true
      scf.yield %true : i1
    } else {
      %k = arith.subi %n, %c1 : index
      %last = memref.load %positives[%k] : memref<{B}xi64>
      %differs = arith.cmpi ne, %last, %value : i64
      scf.yield %differs : i1
    }
    %next = scf.if %fresh -> index {
      memref.store %value, %positives[%n] : memref<{B}xi64>
      %more = arith.addi %n, %c1 : index
      scf.yield %more : index
    } else {
      scf.yield %n : index
    }
    scf.yield %next : index
  }

  // others = max(0, quota − P): how many non-positives to take.
  %p64 = arith.index_cast %p : index to i64
  %difference = arith.subi %quota, %p64 : i64
  %others = arith.maxsi %difference, %zero64 : i64

  %lanes = memref.alloca() : memref<4xi32>
  %histogram = memref.alloca() : memref<2048xi64>
  %bins = arith.constant 2048 : index
  %all = arith.constant {ALL}

  // The threshold key, and how many ties at it are taken.
  %group_end0 = arith.addi %classes, %c3 : index
  %groups = arith.divui %group_end0, %c4 : index
  %wanted = arith.cmpi sgt, %others, %zero64 : i64
  %not_all = arith.constant {NOT_ALL}
  %select = arith.andi %wanted, %not_all : i1
  %threshold, %ties = scf.if %select -> (i32, i64) {
    %t:3 = scf.for %level = %c0 to %c3 step %c1
        iter_args(%prefix = %zero32, %mask = %zero32, %remaining = %others) -> (i32, i32, i64) {
      // Level 0: bits 31..21, 1: bits 20..10, 2: bits 9..0.
      %c21 = arith.constant 21 : i32
      %c10 = arith.constant 10 : i32
      %is0 = arith.cmpi eq, %level, %c0 : index
      %is2 = arith.cmpi eq, %level, %c2 : index
      %shift01 = arith.select %is0, %c21, %c10 : i32
      %shift = arith.select %is2, %zero32, %shift01 : i32
      %wide = arith.constant 2047 : i32
      %narrow = arith.constant 1023 : i32
      %digits = arith.select %is2, %narrow, %wide : i32
      scf.for %b = %c0 to %bins step %c1 {
        memref.store %zero64, %histogram[%b] : memref<2048xi64>
      }
      %end = scf.for %g = %c0 to %groups step %c1 iter_args(%next_positive = %c0) -> index {
        %block64 = arith.index_cast %g : index to i64
        %block = arith.trunci %block64 : i64 to i32
        %k:4 = func.call @{PHILOX}(%block, %step, %rank) : (i32, i32, i32) -> (i32, i32, i32, i32)
        memref.store %k#0, %lanes[%c0] : memref<4xi32>
        memref.store %k#1, %lanes[%c1] : memref<4xi32>
        memref.store %k#2, %lanes[%c2] : memref<4xi32>
        memref.store %k#3, %lanes[%c3] : memref<4xi32>
        %base = arith.muli %g, %c4 : index
        %left = arith.subi %classes, %base : index
        %width = arith.minui %left, %c4 : index
        %after = scf.for %lane = %c0 to %width step %c1 iter_args(%q = %next_positive) -> index {
          %class = arith.addi %base, %lane : index
          %class64 = arith.index_cast %class : index to i64
          %in_list = arith.cmpi ult, %q, %p : index
          %is_positive = scf.if %in_list -> i1 {
            %positive = memref.load %positives[%q] : memref<{B}xi64>
            %same = arith.cmpi eq, %positive, %class64 : i64
            scf.yield %same : i1
          } else {
            %false = arith.constant false
            scf.yield %false : i1
          }
          %q_next = scf.if %is_positive -> index {
            %more = arith.addi %q, %c1 : index
            scf.yield %more : index
          } else {
            %key = memref.load %lanes[%lane] : memref<4xi32>
            %masked = arith.andi %key, %mask : i32
            %candidate = arith.cmpi eq, %masked, %prefix : i32
            scf.if %candidate {
              %shifted = arith.shrui %key, %shift : i32
              %digit = arith.andi %shifted, %digits : i32
              %bin = arith.index_castui %digit : i32 to index
              %old = memref.load %histogram[%bin] : memref<2048xi64>
              %new = arith.addi %old, %one64 : i64
              memref.store %new, %histogram[%bin] : memref<2048xi64>
            }
            scf.yield %q : index
          }
          scf.yield %q_next : index
        }
        scf.yield %after : index
      }
      // The first bin at which the running total reaches what remains.
      %found:2 = scf.while (%b = %c0, %rest = %remaining) : (index, i64) -> (index, i64) {
        %in_bin = memref.load %histogram[%b] : memref<2048xi64>
        %beyond = arith.cmpi sgt, %rest, %in_bin : i64
        scf.condition(%beyond) %b, %rest : index, i64
      } do {
      ^bb2(%b: index, %rest: i64):
        %in_bin = memref.load %histogram[%b] : memref<2048xi64>
        %less = arith.subi %rest, %in_bin : i64
        %following = arith.addi %b, %c1 : index
        scf.yield %following, %less : index, i64
      }
      %digit64 = arith.index_cast %found#0 : index to i64
      %digit32 = arith.trunci %digit64 : i64 to i32
      %placed = arith.shli %digit32, %shift : i32
      %new_prefix = arith.ori %prefix, %placed : i32
      %covered = arith.shli %digits, %shift : i32
      %new_mask = arith.ori %mask, %covered : i32
      scf.yield %new_prefix, %new_mask, %found#1 : i32, i32, i64
    }
    scf.yield %t#0, %t#2 : i32, i64
  } else {
    scf.yield %zero32, %zero64 : i32, i64
  }

  // Collect, ascending.
  %collect:3 = scf.for %g = %c0 to %groups step %c1
      iter_args(%next_positive = %c0, %written = %c0, %ties_left = %ties) -> (index, index, i64) {
    %block64 = arith.index_cast %g : index to i64
    %block = arith.trunci %block64 : i64 to i32
    %k:4 = func.call @{PHILOX}(%block, %step, %rank) : (i32, i32, i32) -> (i32, i32, i32, i32)
    memref.store %k#0, %lanes[%c0] : memref<4xi32>
    memref.store %k#1, %lanes[%c1] : memref<4xi32>
    memref.store %k#2, %lanes[%c2] : memref<4xi32>
    memref.store %k#3, %lanes[%c3] : memref<4xi32>
    %base = arith.muli %g, %c4 : index
    %left = arith.subi %classes, %base : index
    %width = arith.minui %left, %c4 : index
    %after:3 = scf.for %lane = %c0 to %width step %c1
        iter_args(%q = %next_positive, %w = %written, %tie = %ties_left) -> (index, index, i64) {
      %class = arith.addi %base, %lane : index
      %class64 = arith.index_cast %class : index to i64
      %in_list = arith.cmpi ult, %q, %p : index
      %is_positive = scf.if %in_list -> i1 {
        %positive = memref.load %positives[%q] : memref<{B}xi64>
        %same = arith.cmpi eq, %positive, %class64 : i64
        scf.yield %same : i1
      } else {
        %false = arith.constant false
        scf.yield %false : i1
      }
      %q_more = arith.addi %q, %c1 : index
      %q_next = arith.select %is_positive, %q_more, %q : index
      %key = memref.load %lanes[%lane] : memref<4xi32>
      %below = arith.cmpi ult, %key, %threshold : i32
      %at = arith.cmpi eq, %key, %threshold : i32
      %tie_left = arith.cmpi sgt, %tie, %zero64 : i64
      %negative_class = arith.cmpi eq, %is_positive, %no : i1
      %tied0 = arith.andi %at, %tie_left : i1
      %tied = arith.andi %tied0, %negative_class : i1
      %chosen0 = arith.ori %below, %tied : i1
      %chosen1 = arith.ori %chosen0, %is_positive : i1
      %chosen = arith.ori %chosen1, %all : i1
      %tie_less = arith.subi %tie, %one64 : i64
      %tie_next = arith.select %tied, %tie_less, %tie : i64
      %w_next = scf.if %chosen -> index {
        memref.store %class64, %indices[%w] : memref<{S}xi64>
        %more = arith.addi %w, %c1 : index
        scf.yield %more : index
      } else {
        scf.yield %w : index
      }
      scf.yield %q_next, %w_next, %tie_next : index, index, i64
    }
    scf.yield %after#0, %after#1, %after#2 : index, index, i64
  }
  %total = arith.addi %collect#1, %c0 : index

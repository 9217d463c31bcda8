// Body of pfc.sample_local_centers (see PfcOps.td). Words in capitals between
// braces are filled in by HeadKernels.cpp:
//   {B} rows of labels, {S} slots, {RATE} sample rate, {ALL} 1 if the rate is 1
//
// Exact selection of the k − P smallest (key, class) among the shard's other
// classes in O(shard) integer work and no memory of the shard's size: the keys
// are counter-based, so each pass draws them again. Three passes narrow the
// threshold key down by 11 + 11 + 10 bits with a histogram, a fourth collects
// in ascending order.
func.func @sample_local_centers(
    %labels: memref<{B}xi64>, %step_buffer: memref<1xi64>,
    %first_buffer: memref<1xi64>, %count_buffer: memref<1xi64>,
    %rank_buffer: memref<1xi64>, %indices: memref<{S}xi64>,
    %used: memref<1xi64>, %columns: memref<{B}xi64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %rows = arith.constant {B} : index
  %slots = arith.constant {S} : index
  %bins = arith.constant 2048 : index
  %zero64 = arith.constant 0 : i64
  %one64 = arith.constant 1 : i64
  %none = arith.constant -1 : i64
  %no = arith.constant false
  %zero32 = arith.constant 0 : i32
  %first = memref.load %first_buffer[%c0] : memref<1xi64>
  %count = memref.load %count_buffer[%c0] : memref<1xi64>
  %classes = arith.index_cast %count : i64 to index
  %step64 = memref.load %step_buffer[%c0] : memref<1xi64>
  %step = arith.trunci %step64 : i64 to i32
  %rank64 = memref.load %rank_buffer[%c0] : memref<1xi64>
  %rank = arith.trunci %rank64 : i64 to i32
  %positives = memref.alloca() : memref<{B}xi64>
  %histogram = memref.alloca() : memref<2048xi64>
  %lanes = memref.alloca() : memref<4xi32>

  // The labels this shard owns, as local classes; columns holds them for now.
  %owned = scf.for %i = %c0 to %rows step %c1 iter_args(%n = %c0) -> index {
    %label = memref.load %labels[%i] : memref<{B}xi64>
    %local = arith.subi %label, %first : i64
    %inside = arith.cmpi ult, %local, %count : i64
    %column = arith.select %inside, %local, %none : i64
    memref.store %column, %columns[%i] : memref<{B}xi64>
    %next = scf.if %inside -> index {
      memref.store %local, %positives[%n] : memref<{B}xi64>
      %more = arith.addi %n, %c1 : index
      scf.yield %more : index
    } else {
      scf.yield %n : index
    }
    scf.yield %next : index
  }

  // Shell sort.
  %half = arith.divui %owned, %c2 : index
  scf.while (%gap = %half) : (index) -> index {
    %go = arith.cmpi ugt, %gap, %c0 : index
    scf.condition(%go) %gap : index
  } do {
  ^bb0(%gap: index):
    scf.for %i = %gap to %owned step %c1 {
      %value = memref.load %positives[%i] : memref<{B}xi64>
      %place = scf.while (%j = %i) : (index) -> index {
        %room = arith.cmpi uge, %j, %gap : index
        %move = scf.if %room -> i1 {
          %k = arith.subi %j, %gap : index
          %other = memref.load %positives[%k] : memref<{B}xi64>
          %larger = arith.cmpi sgt, %other, %value : i64
          scf.yield %larger : i1
        } else {
          %false = arith.constant false
          scf.yield %false : i1
        }
        scf.condition(%move) %j : index
      } do {
      ^bb1(%j: index):
        %k = arith.subi %j, %gap : index
        %other = memref.load %positives[%k] : memref<{B}xi64>
        memref.store %other, %positives[%j] : memref<{B}xi64>
        scf.yield %k : index
      }
      memref.store %value, %positives[%place] : memref<{B}xi64>
    }
    %smaller = arith.divui %gap, %c2 : index
    scf.yield %smaller : index
  }

  // Without repeats.
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

  // others = max(0, ⌊rate·classes⌋ − P): how many non-positives to take.
  %rate = arith.constant {RATE} : f64
  %exact = arith.sitofp %count : i64 to f64
  %product = arith.mulf %rate, %exact : f64
  %quota = arith.fptosi %product : f64 to i64
  %p64 = arith.index_cast %p : index to i64
  %difference = arith.subi %quota, %p64 : i64
  %others = arith.maxsi %difference, %zero64 : i64
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
        %k:4 = func.call @philox_sample_centers(%block, %step, %rank) : (i32, i32, i32) -> (i32, i32, i32, i32)
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
    %k:4 = func.call @philox_sample_centers(%block, %step, %rank) : (i32, i32, i32) -> (i32, i32, i32, i32)
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
  scf.for %i = %collect#1 to %slots step %c1 {
    memref.store %none, %indices[%i] : memref<{S}xi64>
  }
  %written64 = arith.index_cast %collect#1 : index to i64
  memref.store %written64, %used[%c0] : memref<1xi64>

  // Each label's slot, by bisection.
  scf.for %i = %c0 to %rows step %c1 {
    %local = memref.load %columns[%i] : memref<{B}xi64>
    %mine = arith.cmpi sge, %local, %zero64 : i64
    scf.if %mine {
      %slot:2 = scf.while (%low = %c0, %high = %collect#1) : (index, index) -> (index, index) {
        %open = arith.cmpi ult, %low, %high : index
        scf.condition(%open) %low, %high : index, index
      } do {
      ^bb3(%low: index, %high: index):
        %sum = arith.addi %low, %high : index
        %middle = arith.divui %sum, %c2 : index
        %value = memref.load %indices[%middle] : memref<{S}xi64>
        %before = arith.cmpi slt, %value, %local : i64
        %right = arith.addi %middle, %c1 : index
        %new_low = arith.select %before, %right, %low : index
        %new_high = arith.select %before, %high, %middle : index
        scf.yield %new_low, %new_high : index, index
      }
      %slot64 = arith.index_cast %slot#0 : index to i64
      memref.store %slot64, %columns[%i] : memref<{B}xi64>
    }
  }
  return
}

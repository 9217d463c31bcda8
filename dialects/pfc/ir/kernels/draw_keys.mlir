  // Exact selection of the k − P smallest (key, class) among the shard's other
  // classes in O(shard) integer work and no memory of the shard's size: the keys
  // are counter-based, so each pass draws them again, 1024 classes' in a loop
  // without branches. Three passes narrow the threshold key down by 11 + 11 + 10
  // bits with a histogram, a fourth collects in ascending order, a bit for each
  // of the 1024. ALL: 1 if the rate is 1.
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

  %lanes = arith.constant 1024 : index
  %blocks = arith.constant 256 : index
  %keys = memref.alloca() : memref<1024xi32>
  %positive_keys = memref.alloca() : memref<{B}xi32>
  %histogram = memref.alloca() : memref<2048xi64>
  %bins = arith.constant 2048 : index
  %all = arith.constant {ALL}
  %one32 = arith.constant 1 : i32
  %two32 = arith.constant 2 : i32
  %last_lane = arith.constant 1023 : index
  %classes_up = arith.addi %classes, %last_lane : index
  %batches = arith.divui %classes_up, %lanes : index

  // The threshold key, and how many ties at it are taken.
  %wanted = arith.cmpi sgt, %others, %zero64 : i64
  %not_all = arith.constant {NOT_ALL}
  %select = arith.andi %wanted, %not_all : i1
  %threshold, %ties = scf.if %select -> (i32, i64) {
    scf.for %i = %c0 to %p step %c1 {
      %class64 = memref.load %positives[%i] : memref<{B}xi64>
      %class = arith.trunci %class64 : i64 to i32
      %block = arith.shrui %class, %two32 : i32
      %k:4 = func.call @{PHILOX}(%block, %step, %rank) : (i32, i32, i32) -> (i32, i32, i32, i32)
      %bit0 = arith.andi %class, %one32 : i32
      %bit1 = arith.andi %class, %two32 : i32
      %odd = arith.cmpi ne, %bit0, %zero32 : i32
      %high = arith.cmpi ne, %bit1, %zero32 : i32
      %k01 = arith.select %odd, %k#1, %k#0 : i32
      %k23 = arith.select %odd, %k#3, %k#2 : i32
      %key = arith.select %high, %k23, %k01 : i32
      memref.store %key, %positive_keys[%i] : memref<{B}xi32>
    }
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
      // All classes, less the positives.
      scf.for %batch = %c0 to %batches step %c1 {
{MAKE_KEYS}
        %left = arith.subi %classes, %base : index
        %width = arith.minui %left, %lanes : index
        scf.for %i = %c0 to %width step %c1 {
          %key = memref.load %keys[%i] : memref<1024xi32>
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
        }
      }
      scf.for %i = %c0 to %p step %c1 {
        %key = memref.load %positive_keys[%i] : memref<{B}xi32>
        %masked = arith.andi %key, %mask : i32
        %counted = arith.cmpi eq, %masked, %prefix : i32
        scf.if %counted {
          %shifted = arith.shrui %key, %shift : i32
          %digit = arith.andi %shifted, %digits : i32
          %bin = arith.index_castui %digit : i32 to index
          %old = memref.load %histogram[%bin] : memref<2048xi64>
          %new = arith.subi %old, %one64 : i64
          memref.store %new, %histogram[%bin] : memref<2048xi64>
        }
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
  %words = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  %chosen = memref.alloca() : memref<16xi64>
  %tied = memref.alloca() : memref<16xi64>
  %collect:3 = scf.for %batch = %c0 to %batches step %c1
      iter_args(%next_positive = %c0, %written = %c0, %ties_left = %ties) -> (index, index, i64) {
{MAKE_KEYS}
    %end = arith.addi %base, %lanes : index
    scf.for %w = %c0 to %words step %c1 {
      %from = arith.muli %w, %c64 : index
      %bits:2 = scf.for %lane = %c0 to %c64 step %c1
          iter_args(%below = %zero64, %at = %zero64) -> (i64, i64) {
        %i = arith.addi %from, %lane : index
        %key = memref.load %keys[%i] : memref<1024xi32>
        %place = arith.index_cast %lane : index to i64
        %is_below = arith.cmpi ult, %key, %threshold : i32
        %is_at = arith.cmpi eq, %key, %threshold : i32
        %below1 = arith.extui %is_below : i1 to i64
        %at1 = arith.extui %is_at : i1 to i64
        %below_bit = arith.shli %below1, %place : i64
        %at_bit = arith.shli %at1, %place : i64
        %below_next = arith.ori %below, %below_bit : i64
        %at_next = arith.ori %at, %at_bit : i64
        scf.yield %below_next, %at_next : i64, i64
      }
      // Of the last word those that are classes.
      %first_of_word = arith.addi %base, %from : index
      %before = arith.minui %first_of_word, %classes : index
      %left = arith.subi %classes, %before : index
      %left64 = arith.index_cast %left : index to i64
      %full = arith.cmpi uge, %left, %c64 : index
      %one_beyond = arith.shli %one64, %left64 : i64
      %low_bits = arith.subi %one_beyond, %one64 : i64
      %valid = arith.select %full, %none, %low_bits : i64
      %drawn = arith.select %all, %none, %bits#0 : i64
      %drawn_classes = arith.andi %drawn, %valid : i64
      %tied_classes = arith.andi %bits#1, %valid : i64
      memref.store %drawn_classes, %chosen[%w] : memref<16xi64>
      memref.store %tied_classes, %tied[%w] : memref<16xi64>
    }
    %end64 = arith.index_cast %end : index to i64
    %base64 = arith.index_cast %base : index to i64
    %q_after = scf.while (%q = %next_positive) : (index) -> index {
      %in_list = arith.cmpi ult, %q, %p : index
      %here = scf.if %in_list -> i1 {
        %positive = memref.load %positives[%q] : memref<{B}xi64>
        %inside = arith.cmpi slt, %positive, %end64 : i64
        scf.yield %inside : i1
      } else {
        scf.yield %no : i1
      }
      scf.condition(%here) %q : index
    } do {
    ^bb4(%q: index):
      %positive = memref.load %positives[%q] : memref<{B}xi64>
      %lane64 = arith.subi %positive, %base64 : i64
      %lane = arith.index_cast %lane64 : i64 to index
      %w = arith.divui %lane, %c64 : index
      %c63 = arith.constant 63 : i64
      %place = arith.andi %lane64, %c63 : i64
      %bit = arith.shli %one64, %place : i64
      %word = memref.load %chosen[%w] : memref<16xi64>
      %with = arith.ori %word, %bit : i64
      memref.store %with, %chosen[%w] : memref<16xi64>
      %more = arith.addi %q, %c1 : index
      scf.yield %more : index
    }
    %after:2 = scf.for %w = %c0 to %words step %c1
        iter_args(%n = %written, %tie_count = %ties_left) -> (index, i64) {
      %word = memref.load %chosen[%w] : memref<16xi64>
      %at = memref.load %tied[%w] : memref<16xi64>
      %others_of_word = arith.xori %word, %none : i64
      %at_others = arith.andi %at, %others_of_word : i64
      %taken:3 = scf.while (%at_left = %at_others, %with = %word, %tie = %tie_count) : (i64, i64, i64) -> (i64, i64, i64) {
        %some = arith.cmpi ne, %at_left, %zero64 : i64
        %tie_left = arith.cmpi sgt, %tie, %zero64 : i64
        %go = arith.andi %some, %tie_left : i1
        scf.condition(%go) %at_left, %with, %tie : i64, i64, i64
      } do {
      ^bb5(%at_left: i64, %with: i64, %tie: i64):
        %less = arith.subi %at_left, %one64 : i64
        %at_rest = arith.andi %at_left, %less : i64
        %bit = arith.xori %at_left, %at_rest : i64
        %with_bit = arith.ori %with, %bit : i64
        %tie_less = arith.subi %tie, %one64 : i64
        scf.yield %at_rest, %with_bit, %tie_less : i64, i64, i64
      }
      %from = arith.muli %w, %c64 : index
      %from64 = arith.index_cast %from : index to i64
      %first_class = arith.addi %base64, %from64 : i64
      %out:2 = scf.while (%left = %taken#1, %slot = %n) : (i64, index) -> (i64, index) {
        %some = arith.cmpi ne, %left, %zero64 : i64
        scf.condition(%some) %left, %slot : i64, index
      } do {
      ^bb6(%left: i64, %slot: index):
        %place = math.cttz %left : i64
        %class = arith.addi %first_class, %place : i64
        memref.store %class, %indices[%slot] : memref<{S}xi64>
        %less = arith.subi %left, %one64 : i64
        %rest = arith.andi %left, %less : i64
        %next = arith.addi %slot, %c1 : index
        scf.yield %rest, %next : i64, index
      }
      scf.yield %out#1, %taken#2 : index, i64
    }
    scf.yield %q_after, %after#0, %after#1 : index, index, i64
  }
  %total = arith.addi %collect#1, %c0 : index

  // The smallest (key, class) of the shard's other classes. A thread has a run of
  // neighbouring groups of four classes, so that it meets the positives in order.
  // Three passes narrow the threshold key by a histogram; a pass counts what each
  // thread takes, and after a scan over the threads another writes it.
  // ALL: 1 if the rate is 1.
  %padded = arith.constant {P} : index
  %pairs = arith.divui %padded, %c2 : index
  %absent = arith.constant 2147483647 : i64 // fits into 32 bits, as all local classes

  // The labels this shard owns, as local classes, and the absent, in `columns`.
  scf.for %i = %t to %rows step %threads {
    %label = memref.load %labels[%i] : memref<{B}xi64>
    %local = arith.subi %label, %first : i64
    %inside = arith.cmpi ult, %local, %count : i64
    %owned = arith.select %inside, %local, %absent : i64
    memref.store %owned, %columns[%i] : memref<{B}xi64>
  }
  gpu.barrier

{SORT}
  // P, the number of different positives.
  %mine = scf.for %i = %t to %rows step %threads iter_args(%n = %zero) -> (i32) {
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
    %more = arith.extui %fresh : i1 to i32
    %next = arith.addi %n, %more : i32
    scf.yield %next : i32
  }
  %p = gpu.all_reduce add %mine uniform {} : (i32) -> i32

  // others = max(0, quota − P): how many non-positives to take.
  %p64 = arith.extsi %p : i32 to i64
  %difference = arith.subi %quota, %p64 : i64
  %others64 = arith.maxsi %difference, %zero64 : i64
  %others = arith.trunci %others64 : i64 to i32

  %found = memref.alloca() : memref<2xi32, #gpu.address_space<workgroup>>
  %histogram = memref.alloca() : memref<2048xi32, #gpu.address_space<workgroup>>
  %bins = arith.constant 2048 : index
  %all = arith.constant {ALL}
  %not_all = arith.constant {NOT_ALL}

  // This thread's groups of four classes, and the first positive not before.
  %group_end0 = arith.addi %classes, %c3 : index
  %groups = arith.divui %group_end0, %c4 : index
  %rounded0 = arith.addi %groups, %threads : index
  %rounded = arith.subi %rounded0, %c1 : index
  %share = arith.divui %rounded, %threads : index
  %from0 = arith.muli %t, %share : index
  %from = arith.minui %from0, %groups : index
  %to0 = arith.addi %from0, %share : index
  %to = arith.minui %to0, %groups : index
  %from_class = arith.muli %from, %c4 : index
  %from_class32 = arith.index_cast %from_class : index to i32
  %positive0:2 = scf.while (%low = %c0, %high = %rows) : (index, index) -> (index, index) {
    %open = arith.cmpi ult, %low, %high : index
    scf.condition(%open) %low, %high : index, index
  } do {
  ^bb2(%low: index, %high: index):
    %sum = arith.addi %low, %high : index
    %middle = arith.divui %sum, %c2 : index
    %value64 = memref.load %columns[%middle] : memref<{B}xi64>
    %value = arith.trunci %value64 : i64 to i32
    %before = arith.cmpi slt, %value, %from_class32 : i32
    %right = arith.addi %middle, %c1 : index
    %new_low = arith.select %before, %right, %low : index
    %new_high = arith.select %before, %high, %middle : index
    scf.yield %new_low, %new_high : index, index
  }

  // The threshold key, and how many ties at it are taken.
  %wanted = arith.cmpi sgt, %others, %zero : i32
  %select = arith.andi %wanted, %not_all : i1
  %threshold, %ties = scf.if %select -> (i32, i32) {
    %t3:3 = scf.for %level = %c0 to %c3 step %c1
        iter_args(%prefix = %zero, %mask = %zero, %remaining = %others) -> (i32, i32, i32) {
      // Level 0: bits 31..21, 1: bits 20..10, 2: bits 9..0.
      %c21 = arith.constant 21 : i32
      %c10 = arith.constant 10 : i32
      %is0 = arith.cmpi eq, %level, %c0 : index
      %is2 = arith.cmpi eq, %level, %c2 : index
      %shift01 = arith.select %is0, %c21, %c10 : i32
      %shift = arith.select %is2, %zero, %shift01 : i32
      %wide = arith.constant 2047 : i32
      %narrow = arith.constant 1023 : i32
      %digits = arith.select %is2, %narrow, %wide : i32
      scf.for %b = %t to %bins step %threads {
        memref.store %zero, %histogram[%b] : memref<2048xi32, #gpu.address_space<workgroup>>
      }
      gpu.barrier
      scf.for %g = %from to %to step %c1 iter_args(%next_positive = %positive0#0) -> (index) {
        %block = arith.index_cast %g : index to i32
        %k:4 = func.call @{PHILOX}(%block, %step, %rank) : (i32, i32, i32) -> (i32, i32, i32, i32)
        %base = arith.muli %g, %c4 : index
        %left = arith.subi %classes, %base : index
        %width = arith.minui %left, %c4 : index
        %after = scf.for %lane = %c0 to %width step %c1 iter_args(%q = %next_positive) -> (index) {
          %lane0 = arith.cmpi eq, %lane, %c0 : index
          %lane1 = arith.cmpi eq, %lane, %c1 : index
          %lane2 = arith.cmpi eq, %lane, %c2 : index
          %key23 = arith.select %lane2, %k#2, %k#3 : i32
          %key123 = arith.select %lane1, %k#1, %key23 : i32
          %key = arith.select %lane0, %k#0, %key123 : i32
          %class = arith.addi %base, %lane : index
          %class32 = arith.index_cast %class : index to i32
          %q_next, %is_positive = scf.while (%at = %q, %seen = %false) : (index, i1) -> (index, i1) {
            %room = arith.cmpi ult, %at, %rows : index
            %same = scf.if %room -> i1 {
              %positive64 = memref.load %columns[%at] : memref<{B}xi64>
              %positive = arith.trunci %positive64 : i64 to i32
              %same0 = arith.cmpi eq, %positive, %class32 : i32
              scf.yield %same0 : i1
            } else {
              scf.yield %false : i1
            }
            scf.condition(%same) %at, %seen : index, i1
          } do {
          ^bb3(%at: index, %seen: i1):
            %beyond = arith.addi %at, %c1 : index
            scf.yield %beyond, %true : index, i1
          }
          %masked = arith.andi %key, %mask : i32
          %fits = arith.cmpi eq, %masked, %prefix : i32
          %negative = arith.xori %is_positive, %true : i1
          %candidate = arith.andi %fits, %negative : i1
          scf.if %candidate {
            %shifted = arith.shrui %key, %shift : i32
            %digit = arith.andi %shifted, %digits : i32
            %bin = arith.index_castui %digit : i32 to index
            %old = memref.atomic_rmw addi %one, %histogram[%bin] : (i32, memref<2048xi32, #gpu.address_space<workgroup>>) -> i32
          }
          scf.yield %q_next : index
        }
        scf.yield %after : index
      }
      gpu.barrier
      // The first bin at which the running total reaches what remains: a
      // thread has two.
      %bin0 = arith.muli %t, %c2 : index
      %bin1 = arith.addi %bin0, %c1 : index
      %in0 = memref.load %histogram[%bin0] : memref<2048xi32, #gpu.address_space<workgroup>>
      %in1 = memref.load %histogram[%bin1] : memref<2048xi32, #gpu.address_space<workgroup>>
      %in_both = arith.addi %in0, %in1 : i32
      %before = emitc.call_opaque "pfc::blockScan"(%in_both) {template_args = [1024 : i64]} : (i32) -> i32
      %behind = arith.addi %before, %in_both : i32
      %starts = arith.cmpi slt, %before, %remaining : i32
      %ends = arith.cmpi sle, %remaining, %behind : i32
      %here = arith.andi %starts, %ends : i1
      scf.if %here {
        %rest0 = arith.subi %remaining, %before : i32
        %second = arith.cmpi sgt, %rest0, %in0 : i32
        %rest1 = arith.subi %rest0, %in0 : i32
        %rest = arith.select %second, %rest1, %rest0 : i32
        %bin = arith.select %second, %bin1, %bin0 : index
        %bin32 = arith.index_cast %bin : index to i32
        memref.store %bin32, %found[%c0] : memref<2xi32, #gpu.address_space<workgroup>>
        memref.store %rest, %found[%c1] : memref<2xi32, #gpu.address_space<workgroup>>
      }
      gpu.barrier
      %digit32 = memref.load %found[%c0] : memref<2xi32, #gpu.address_space<workgroup>>
      %remaining_next = memref.load %found[%c1] : memref<2xi32, #gpu.address_space<workgroup>>
      gpu.barrier
      %placed = arith.shli %digit32, %shift : i32
      %new_prefix = arith.ori %prefix, %placed : i32
      %covered = arith.shli %digits, %shift : i32
      %new_mask = arith.ori %mask, %covered : i32
      scf.yield %new_prefix, %new_mask, %remaining_next : i32, i32, i32
    }
    scf.yield %t3#0, %t3#2 : i32, i32
  } else {
    scf.yield %zero, %zero : i32, i32
  }

  // Pass 0 counts what each thread takes for sure and its ties, pass 1 writes,
  // ascending, behind what the threads before it take.
  %collect:3 = scf.for %pass = %c0 to %c2 step %c1
      iter_args(%place = %zero, %my_ties = %zero, %total = %zero) -> (i32, i32, i32) {
    %writing = arith.cmpi eq, %pass, %c1 : index
    %walk:4 = scf.for %g = %from to %to step %c1
        iter_args(%next_positive = %positive0#0, %written = %place, %ties_left = %my_ties, %tied_here = %zero)
        -> (index, i32, i32, i32) {
      %block = arith.index_cast %g : index to i32
      %k:4 = func.call @{PHILOX}(%block, %step, %rank) : (i32, i32, i32) -> (i32, i32, i32, i32)
      %base = arith.muli %g, %c4 : index
      %left = arith.subi %classes, %base : index
      %width = arith.minui %left, %c4 : index
      %after:4 = scf.for %lane = %c0 to %width step %c1
          iter_args(%q = %next_positive, %w = %written, %tie = %ties_left, %tied_count = %tied_here)
          -> (index, i32, i32, i32) {
        %lane0 = arith.cmpi eq, %lane, %c0 : index
        %lane1 = arith.cmpi eq, %lane, %c1 : index
        %lane2 = arith.cmpi eq, %lane, %c2 : index
        %key23 = arith.select %lane2, %k#2, %k#3 : i32
        %key123 = arith.select %lane1, %k#1, %key23 : i32
        %key = arith.select %lane0, %k#0, %key123 : i32
        %class = arith.addi %base, %lane : index
        %class32 = arith.index_cast %class : index to i32
        %q_next, %is_positive = scf.while (%at = %q, %seen = %false) : (index, i1) -> (index, i1) {
          %room = arith.cmpi ult, %at, %rows : index
          %same = scf.if %room -> i1 {
            %positive64 = memref.load %columns[%at] : memref<{B}xi64>
            %positive = arith.trunci %positive64 : i64 to i32
            %same0 = arith.cmpi eq, %positive, %class32 : i32
            scf.yield %same0 : i1
          } else {
            scf.yield %false : i1
          }
          scf.condition(%same) %at, %seen : index, i1
        } do {
        ^bb4(%at: index, %seen: i1):
          %beyond = arith.addi %at, %c1 : index
          scf.yield %beyond, %true : index, i1
        }
        %below = arith.cmpi ult, %key, %threshold : i32
        %equal = arith.cmpi eq, %key, %threshold : i32
        %negative = arith.xori %is_positive, %true : i1
        %tied = arith.andi %equal, %negative : i1
        %tie_left = arith.cmpi sgt, %tie, %zero : i32
        %tie_taken = arith.andi %tied, %tie_left : i1
        %chosen0 = arith.ori %below, %is_positive : i1
        %chosen1 = arith.ori %chosen0, %tie_taken : i1
        %chosen = arith.ori %chosen1, %all : i1
        %write = arith.andi %chosen, %writing : i1
        scf.if %write {
          %slot = arith.index_cast %w : i32 to index
          %class64 = arith.index_cast %class : index to i64
          memref.store %class64, %indices[%slot] : memref<{S}xi64>
        }
        %one_chosen = arith.extui %chosen : i1 to i32
        %w_next = arith.addi %w, %one_chosen : i32
        %one_taken = arith.extui %tie_taken : i1 to i32
        %tie_next = arith.subi %tie, %one_taken : i32
        %one_tied = arith.extui %tied : i1 to i32
        %tied_next = arith.addi %tied_count, %one_tied : i32
        scf.yield %q_next, %w_next, %tie_next, %tied_next : index, i32, i32, i32
      }
      scf.yield %after#0, %after#1, %after#2, %after#3 : index, i32, i32, i32
    }
    %tied_before = emitc.call_opaque "pfc::blockScan"(%walk#3) {template_args = [1024 : i64]} : (i32) -> i32
    %budget0 = arith.subi %ties, %tied_before : i32
    %budget1 = arith.maxsi %budget0, %zero : i32
    %budget = arith.minsi %budget1, %walk#3 : i32
    // With a rate of 1 ties count among what is taken for sure.
    %extra = arith.select %all, %zero, %budget : i32
    %takes = arith.addi %walk#1, %extra : i32
    %new_place = emitc.call_opaque "pfc::blockScan"(%takes) {template_args = [1024 : i64]} : (i32) -> i32
    %sum = gpu.all_reduce add %takes uniform {} : (i32) -> i32
    %keep = arith.select %writing, %total, %sum : i32
    scf.yield %new_place, %extra, %keep : i32, i32, i32
  }
  %total = arith.addi %collect#2, %zero : i32

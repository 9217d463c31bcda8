// Body of pfc.sample_local_centers (dialects/pfc/ir/ops/RankHead.td) for one
// block of 1024 threads; dialects/pfc/ir/kernels has the CPU's, with the same
// result to the bit.
// Words in capitals between braces are filled in:
//   B rows of labels, P a power of two ≥ B, S slots, RATE sample rate
//   SORT  sort_columns.mlir: the labels in %columns, ascending
//   DRAW  how the others are drawn, draw_*.mlir: from the sorted %columns, with
//           %p different positives, and %others, how many to draw, fills %indices
//           and makes %total, its used slots (i32), and %ascending, how many of
//           them are in order and hold all positives
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
  %padded = arith.constant {P} : index
  %pairs = arith.divui %padded, %c2 : index
  %slots = arith.constant {S} : index
  %threads = arith.constant 1024 : index
  %zero = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %zero64 = arith.constant 0 : i64
  %none = arith.constant -1 : i64
  %absent = arith.constant 2147483647 : i64 // fits into 32 bits, as all local classes
  %false = arith.constant false
  %true = arith.constant true
  %t = gpu.thread_id x
  %first = memref.load %first_buffer[%c0] : memref<1xi64>
  %count = memref.load %count_buffer[%c0] : memref<1xi64>
  %classes = arith.index_cast %count : i64 to index
  %step64 = memref.load %step_buffer[%c0] : memref<1xi64>
  %step = arith.trunci %step64 : i64 to i32
  %rank64 = memref.load %rank_buffer[%c0] : memref<1xi64>
  %rank = arith.trunci %rank64 : i64 to i32

  // The labels this shard owns, as local classes, and the absent, in `columns`,
  // which is needed for its own contents at the end only.
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

  // others = max(0, ⌊rate·classes⌋ − P): how many non-positives to take.
  %rate = arith.constant {RATE} : f64
  %exact = arith.sitofp %count : i64 to f64
  %product = arith.mulf %rate, %exact : f64
  %quota = arith.fptosi %product : f64 to i64
  %p64 = arith.extsi %p : i32 to i64
  %difference = arith.subi %quota, %p64 : i64
  %others64 = arith.maxsi %difference, %zero64 : i64
  %others = arith.trunci %others64 : i64 to i32
{DRAW}
  %total_index = arith.index_cast %total : i32 to index
  %unused_from = arith.addi %total_index, %t : index
  scf.for %i = %unused_from to %slots step %threads {
    memref.store %none, %indices[%i] : memref<{S}xi64>
  }
  %is_first = arith.cmpi eq, %t, %c0 : index
  scf.if %is_first {
    %total64 = arith.extsi %total : i32 to i64
    memref.store %total64, %used[%c0] : memref<1xi64>
  }
  gpu.barrier

  // Each label's slot, by bisection.
  scf.for %i = %t to %rows step %threads {
    %label = memref.load %labels[%i] : memref<{B}xi64>
    %local = arith.subi %label, %first : i64
    %inside = arith.cmpi ult, %local, %count : i64
    %column = scf.if %inside -> i64 {
      %slot:2 = scf.while (%low = %c0, %high = %ascending) : (index, index) -> (index, index) {
        %open = arith.cmpi ult, %low, %high : index
        scf.condition(%open) %low, %high : index, index
      } do {
      ^bb5(%low: index, %high: index):
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
      scf.yield %slot64 : i64
    } else {
      scf.yield %none : i64
    }
    memref.store %column, %columns[%i] : memref<{B}xi64>
  }
  return
}

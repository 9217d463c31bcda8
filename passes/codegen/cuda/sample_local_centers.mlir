// Body of pfc.sample_local_centers (dialects/pfc/ir/ops/RankHead.td) for one
// block of 1024 threads; dialects/pfc/ir/kernels has the CPU's, with the same
// result to the bit.
// Words in capitals between braces are filled in:
//   B rows of labels, P a power of two ≥ B, S slots, RATE sample rate
//   DRAWN  for a permutation, the argument %drawn of W words
//   DRAW   how classes are drawn, draw_*.mlir: with %quota, ⌊rate·classes⌋, fills
//            %indices, ascending, and makes %total, its used slots (i32);
//            %columns is free
func.func @sample_local_centers(
    %labels: memref<{B}xi64>, %step_buffer: memref<1xi64>,
    %first_buffer: memref<1xi64>, %count_buffer: memref<1xi64>,
    %rank_buffer: memref<1xi64>, %indices: memref<{S}xi64>,
    %used: memref<1xi64>, %columns: memref<{B}xi64>{DRAWN}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %rows = arith.constant {B} : index
  %slots = arith.constant {S} : index
  %threads = arith.constant 1024 : index
  %zero = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %zero64 = arith.constant 0 : i64
  %none = arith.constant -1 : i64
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

  %rate = arith.constant {RATE} : f64
  %exact = arith.sitofp %count : i64 to f64
  %product = arith.mulf %rate, %exact : f64
  %quota = arith.fptosi %product : f64 to i64
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
      %slot:2 = scf.while (%low = %c0, %high = %total_index) : (index, index) -> (index, index) {
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

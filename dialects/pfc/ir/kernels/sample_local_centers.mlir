// Body of pfc.sample_local_centers (see ops/RankHead.td). Words in capitals between
// braces are filled in by SamplingKernel.cpp:
//   B rows of labels, S slots, RATE sample rate
//   DRAWN  for a permutation, the argument %drawn of W words
//   DRAW   how classes are drawn, draw_*.mlir: from %columns, the labels that the
//            shard owns as local classes, else −1, and %quota, ⌊rate·classes⌋,
//            fills %indices, ascending, and makes %total, its used slots
// and within draw_keys.mlir
//   SORT       sorts the first %owned of %positives, sort_*.mlir
//   MAKE_KEYS  makes the %keys of %batch, make_keys.mlir
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
  %rate = arith.constant {RATE} : f64
  %exact = arith.sitofp %count : i64 to f64
  %product = arith.mulf %rate, %exact : f64
  %quota = arith.fptosi %product : f64 to i64

  scf.for %i = %c0 to %rows step %c1 {
    %label = memref.load %labels[%i] : memref<{B}xi64>
    %local = arith.subi %label, %first : i64
    %inside = arith.cmpi ult, %local, %count : i64
    %column = arith.select %inside, %local, %none : i64
    memref.store %column, %columns[%i] : memref<{B}xi64>
  }
{DRAW}
  scf.for %i = %total to %slots step %c1 {
    memref.store %none, %indices[%i] : memref<{S}xi64>
  }
  %total64 = arith.index_cast %total : index to i64
  memref.store %total64, %used[%c0] : memref<1xi64>

  // Each label's slot, by bisection.
  scf.for %i = %c0 to %rows step %c1 {
    %local = memref.load %columns[%i] : memref<{B}xi64>
    %mine = arith.cmpi sge, %local, %zero64 : i64
    scf.if %mine {
      %slot:2 = scf.while (%low = %c0, %high = %total) : (index, index) -> (index, index) {
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

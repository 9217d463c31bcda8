// A permutation of 0 … count−1 that (k0, k1) names, as
// runtime/base/ClassPermutation.h has it, which says what it computes.

func.func private @mixed_word(%word: i32) -> i32 {
  %c13 = arith.constant 13 : i32
  %c16 = arith.constant 16 : i32
  %m0 = arith.constant 0x85EBCA6B : i32
  %m1 = arith.constant 0xC2B2AE35 : i32
  %s0 = arith.shrui %word, %c16 : i32
  %x0 = arith.xori %word, %s0 : i32
  %p0 = arith.muli %x0, %m0 : i32
  %s1 = arith.shrui %p0, %c13 : i32
  %x1 = arith.xori %p0, %s1 : i32
  %p1 = arith.muli %x1, %m1 : i32
  %s2 = arith.shrui %p1, %c16 : i32
  %x2 = arith.xori %p1, %s2 : i32
  return %x2 : i32
}

// Of words of LEFT + RIGHT bits: the halves go through six double rounds.
func.func private @permuted_word(%word: i32, %k0: i32, %k1: i32) -> i32 attributes {passthrough = ["alwaysinline"]} {
  %from = arith.constant 0 : index
  %to = arith.constant 6 : index
  %by = arith.constant 1 : index
  %one = arith.constant 1 : i32
  %left_bits = arith.constant {LEFT} : i32
  %right_bits = arith.constant {RIGHT} : i32
  %left_end = arith.shli %one, %left_bits : i32
  %right_end = arith.shli %one, %right_bits : i32
  %left_mask = arith.subi %left_end, %one : i32
  %right_mask = arith.subi %right_end, %one : i32
  %w0 = arith.constant 0x9E3779B9 : i32
  %w1 = arith.constant 0xBB67AE85 : i32
  %left0 = arith.shrui %word, %right_bits : i32
  %right0 = arith.andi %word, %right_mask : i32
  %halves:4 = scf.for %round = %from to %to step %by
      iter_args(%left = %left0, %right = %right0, %a = %k0, %b = %k1) -> (i32, i32, i32, i32) {
    %right_keyed = arith.addi %right, %a : i32
    %right_mixed = func.call @mixed_word(%right_keyed) : (i32) -> i32
    %left_turn = arith.andi %right_mixed, %left_mask : i32
    %left_next = arith.xori %left, %left_turn : i32
    %left_keyed = arith.addi %left_next, %b : i32
    %left_mixed = func.call @mixed_word(%left_keyed) : (i32) -> i32
    %right_turn = arith.andi %left_mixed, %right_mask : i32
    %right_next = arith.xori %right, %right_turn : i32
    %a_next = arith.addi %a, %w0 : i32
    %b_next = arith.addi %b, %w1 : i32
    scf.yield %left_next, %right_next, %a_next, %b_next : i32, i32, i32, i32
  }
  %high = arith.shli %halves#0, %right_bits : i32
  %result = arith.ori %high, %halves#1 : i32
  return %result : i32
}

// Again while the word is beyond the classes. (EmitC wants a loop's work behind
// its condition.)
func.func private @permuted_class(%position: i32, %count: i32, %k0: i32, %k1: i32) -> i32 {
  %true = arith.constant true
  %class:2 = scf.while (%x = %position, %more = %true) : (i32, i1) -> (i32, i1) {
    scf.condition(%more) %x, %more : i32, i1
  } do {
  ^bb0(%x: i32, %going: i1):
    %y = func.call @permuted_word(%x, %k0, %k1) : (i32, i32, i32) -> i32
    %beyond = arith.cmpi uge, %y, %count : i32
    scf.yield %y, %beyond : i32, i1
  }
  return %class#0 : i32
}

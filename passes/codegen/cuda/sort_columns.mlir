  // Bitonic sort: two sorted runs, neighbours of size/2, become one of `size` by
  // exchanges with the mirror image, then over ever shorter distances. The
  // smaller always goes to the front, so that what would be behind the last row,
  // and larger than all, need not be there.
  scf.while (%size = %c2) : (index) -> index {
    %go = arith.cmpi ule, %size, %padded : index
    scf.condition(%go) %size : index
  } do {
  ^bb0(%size: index):
    %half = arith.divui %size, %c2 : index
    scf.while (%distance = %half) : (index) -> index {
      %go = arith.cmpi ugt, %distance, %c0 : index
      scf.condition(%go) %distance : index
    } do {
    ^bb1(%distance: index):
      %mirror = arith.cmpi eq, %distance, %half : index
      scf.for %i = %t to %pairs step %threads {
        %run = arith.divui %i, %distance : index
        %within = arith.remui %i, %distance : index
        %reach = arith.muli %distance, %c2 : index
        %base = arith.muli %run, %reach : index
        %low = arith.addi %base, %within : index
        %straight = arith.addi %low, %distance : index
        %beyond = arith.addi %base, %reach : index
        %last = arith.subi %beyond, %c1 : index
        %mirrored = arith.subi %last, %within : index
        %high = arith.select %mirror, %mirrored, %straight : index
        %there = arith.cmpi ult, %high, %rows : index
        scf.if %there {
          %a = memref.load %columns[%low] : memref<{B}xi64>
          %b = memref.load %columns[%high] : memref<{B}xi64>
          %swap = arith.cmpi sgt, %a, %b : i64
          scf.if %swap {
            memref.store %b, %columns[%low] : memref<{B}xi64>
            memref.store %a, %columns[%high] : memref<{B}xi64>
          }
        }
      }
      gpu.barrier
      %shorter = arith.divui %distance, %c2 : index
      scf.yield %shorter : index
    }
    %longer = arith.muli %size, %c2 : index
    scf.yield %longer : index
  }

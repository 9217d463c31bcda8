  // Shell sort of the first %owned of %positives.
  %half_owned = arith.divui %owned, %c2 : index
  scf.while (%gap = %half_owned) : (index) -> index {
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

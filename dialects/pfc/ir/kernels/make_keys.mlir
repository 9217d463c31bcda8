        // The keys of classes %base and on: four from each block of words.
        %base = arith.muli %batch, %lanes : index
        %batch_block = arith.muli %batch, %blocks : index
        %batch_block64 = arith.index_cast %batch_block : index to i64
        %first_block = arith.trunci %batch_block64 : i64 to i32
        scf.for %b = %c0 to %blocks step %c1 {
          %b32 = arith.index_cast %b : index to i32
          %block = arith.addi %first_block, %b32 : i32
          %k:4 = func.call @{PHILOX}(%block, %step, %rank) : (i32, i32, i32) -> (i32, i32, i32, i32)
          %at0 = arith.muli %b, %c4 : index
          %at1 = arith.addi %at0, %c1 : index
          %at2 = arith.addi %at0, %c2 : index
          %at3 = arith.addi %at0, %c3 : index
          memref.store %k#0, %keys[%at0] : memref<1024xi32>
          memref.store %k#1, %keys[%at1] : memref<1024xi32>
          memref.store %k#2, %keys[%at2] : memref<1024xi32>
          memref.store %k#3, %keys[%at3] : memref<1024xi32>
        }

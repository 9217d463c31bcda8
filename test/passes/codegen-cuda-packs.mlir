// Which inner loops of a row go by packs of 16 bytes: those that touch the same
// elements as their iterations would, one after another.
// RUN: pfc-opt %s -codegen-cuda -o %t.mlir
// RUN: %python %S/Inputs/kernel_cuda.py %t.mlir | FileCheck %s

module {
  module @kernels {
    // Offsets that are multiples of a pack, by whichever factor; of bounds that
    // are so, no pack is asked whether it is whole.
    // CHECK:      void offsets(const float *__restrict__ [[X:v[0-9]+]], float *__restrict__ [[Y:v[0-9]+]]) {
    // CHECK:        for (int32_t {{.*}} = threadIdx.x; {{.*}} < 16; {{.*}} += 32) {
    // CHECK:          int32_t [[AT:v[0-9]+]] = {{.*}} * 64 + {{.*}} * 4;
    // CHECK-NEXT:     pfc::load([[PACK:v[0-9]+]], [[X]], [[AT]]);
    // CHECK-NOT:      if (
    // CHECK-NOT:      ?
    // CHECK:          = [[PACK]]{{\[}}
    // CHECK-NOT:      if (
    // CHECK:          pfc::store([[Y]], [[AT]],
    func.func @offsets(%x: memref<8x64xf32>, %y: memref<512xf32>, %begin: index, %end: index)
        attributes {plan.description = "offsets"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c64 = arith.constant 64 : index
      scf.for %i = %begin to %end step %c1 {
        %first = arith.muli %i, %c64 : index
        scf.for %d = %c0 to %c64 step %c1 {
          %value = memref.load %x[%i, %d] : memref<8x64xf32>
          %at = arith.addi %first, %d : index
          memref.store %value, %y[%at] : memref<512xf32>
        }
      }
      return
    }

    // Multiples of half a pack: halves.
    // CHECK:      void halves(
    // CHECK:        for (int32_t {{.*}} = threadIdx.x; {{.*}} < 3; {{.*}} += 32) {
    // CHECK:          float {{.*}}[2];
    // CHECK:          pfc::load(
    func.func @halves(%x: memref<512xf32>, %y: memref<8x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "halves"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c6 = arith.constant 6 : index
      scf.for %i = %begin to %end step %c1 {
        %first = arith.muli %c6, %i : index
        scf.for %d = %c0 to %c6 step %c1 {
          %at = arith.addi %first, %d : index
          %value = memref.load %x[%at] : memref<512xf32>
          memref.store %value, %y[%i, %d] : memref<8x64xf32>
        }
      }
      return
    }

    // Multiples of no pack.
    // CHECK:      void odd(
    // CHECK-NOT:    pfc::load
    // CHECK-NOT:    pfc::store
    func.func @odd(%x: memref<512xf32>, %y: memref<8x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "odd"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c63 = arith.constant 63 : index
      %c64 = arith.constant 64 : index
      scf.for %i = %begin to %end step %c1 {
        %first = arith.muli %i, %c63 : index
        scf.for %d = %c0 to %c64 step %c1 {
          %at = arith.addi %first, %d : index
          %value = memref.load %x[%at] : memref<512xf32>
          memref.store %value, %y[%i, %d] : memref<8x64xf32>
        }
      }
      return
    }

    // An element that all iterations read is no pack, nor keeps others from it.
    // CHECK:      void factor(const float *__restrict__ [[X:v[0-9]+]], const float *__restrict__ [[A:v[0-9]+]], float *__restrict__ [[Y:v[0-9]+]]) {
    // CHECK:        pfc::load({{.*}}, [[X]],
    // CHECK:        [[A]]{{\[}}
    // CHECK:        pfc::store([[Y]],
    func.func @factor(%x: memref<8x64xf32>, %a: memref<8xf32>, %y: memref<8x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "factor"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c64 = arith.constant 64 : index
      scf.for %i = %begin to %end step %c1 {
        scf.for %d = %c0 to %c64 step %c1 {
          %value = memref.load %x[%i, %d] : memref<8x64xf32>
          %factor = memref.load %a[%i] : memref<8xf32>
          %scaled = arith.mulf %value, %factor : f32
          memref.store %scaled, %y[%i, %d] : memref<8x64xf32>
        }
      }
      return
    }

    // What an iteration stores it may not read from a pack that was loaded
    // before, …
    // CHECK:      void stored(
    // CHECK-NOT:    pfc::load
    // CHECK-NOT:    pfc::store
    func.func @stored(%x: memref<8x64xf32>, %y: memref<8x64xf32>, %z: memref<8x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "stored"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c64 = arith.constant 64 : index
      scf.for %i = %begin to %end step %c1 {
        scf.for %d = %c0 to %c64 step %c1 {
          %value = memref.load %x[%i, %d] : memref<8x64xf32>
          memref.store %value, %y[%i, %d] : memref<8x64xf32>
          %again = memref.load %y[%i, %d] : memref<8x64xf32>
          memref.store %again, %z[%i, %d] : memref<8x64xf32>
        }
      }
      return
    }

    // … nor from a row that may be the one that is stored.
    // CHECK:      void moved(
    // CHECK-NOT:    pfc::load
    // CHECK-NOT:    pfc::store
    func.func @moved(%from: memref<8xi64>, %y: memref<8x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "moved"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c64 = arith.constant 64 : index
      scf.for %i = %begin to %end step %c1 {
        %row64 = memref.load %from[%i] : memref<8xi64>
        %row = arith.index_cast %row64 : i64 to index
        scf.for %d = %c0 to %c64 step %c1 {
          %value = memref.load %y[%row, %d] : memref<8x64xf32>
          memref.store %value, %y[%i, %d] : memref<8x64xf32>
        }
      }
      return
    }

    // The same element read and then stored is a pack.
    // CHECK:      void twice(float *__restrict__ [[Y:v[0-9]+]]) {
    // CHECK:        pfc::load({{.*}}, [[Y]],
    // CHECK:        pfc::store([[Y]],
    func.func @twice(%y: memref<8x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "twice"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c64 = arith.constant 64 : index
      scf.for %i = %begin to %end step %c1 {
        scf.for %d = %c0 to %c64 step %c1 {
          %value = memref.load %y[%i, %d] : memref<8x64xf32>
          %sum = arith.addf %value, %value : f32
          memref.store %sum, %y[%i, %d] : memref<8x64xf32>
        }
      }
      return
    }

    // A row that each iteration finds for itself.
    // CHECK:      void scattered(
    // CHECK-NOT:    pfc::load
    // CHECK-NOT:    pfc::store
    func.func @scattered(%x: memref<64x64xf32>, %rows: memref<8x64xi64>, %y: memref<8x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "scattered"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c64 = arith.constant 64 : index
      scf.for %i = %begin to %end step %c1 {
        scf.for %d = %c0 to %c64 step %c1 {
          %row64 = memref.load %rows[%i, %d] : memref<8x64xi64>
          %row = arith.index_cast %row64 : i64 to index
          %value = memref.load %x[%row, %d] : memref<64x64xf32>
          memref.store %value, %y[%i, %d] : memref<8x64xf32>
        }
      }
      return
    }

    // The same by an offset, though it is a multiple of all packs.
    // CHECK:      void flat(
    // CHECK-NOT:    pfc::load
    // CHECK-NOT:    pfc::store
    func.func @flat(%x: memref<4096xf32>, %rows: memref<8x64xi64>, %y: memref<8x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "flat"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c64 = arith.constant 64 : index
      scf.for %i = %begin to %end step %c1 {
        scf.for %d = %c0 to %c64 step %c1 {
          %row64 = memref.load %rows[%i, %d] : memref<8x64xi64>
          %row = arith.index_cast %row64 : i64 to index
          %first = arith.muli %row, %c64 : index
          %at = arith.addi %first, %d : index
          %value = memref.load %x[%at] : memref<4096xf32>
          memref.store %value, %y[%i, %d] : memref<8x64xf32>
        }
      }
      return
    }

    // Two rows of a buffer that is read alone are packs, of each row.
    // CHECK:      void pair(
    // CHECK:        pfc::load([[A:v[0-9]+]], [[X:v[0-9]+]],
    // CHECK:        pfc::load([[B:v[0-9]+]], [[X]],
    func.func @pair(%x: memref<8x64xf32>, %y: memref<8x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "pair"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c64 = arith.constant 64 : index
      scf.for %i = %begin to %end step %c1 {
        scf.for %d = %c0 to %c64 step %c1 {
          %own = memref.load %x[%i, %d] : memref<8x64xf32>
          %first = memref.load %x[%c0, %d] : memref<8x64xf32>
          %difference = arith.subf %own, %first : f32
          memref.store %difference, %y[%i, %d] : memref<8x64xf32>
        }
      }
      return
    }

    // What only some iterations do.
    // CHECK:      void some(
    // CHECK-NOT:    pfc::load
    // CHECK-NOT:    pfc::store
    func.func @some(%x: memref<8x64xf32>, %y: memref<8x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "some"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c64 = arith.constant 64 : index
      %zero = arith.constant 0.0 : f32
      scf.for %i = %begin to %end step %c1 {
        scf.for %d = %c0 to %c64 step %c1 {
          %value = memref.load %x[%i, %d] : memref<8x64xf32>
          %positive = arith.cmpf ogt, %value, %zero : f32
          scf.if %positive {
            memref.store %value, %y[%i, %d] : memref<8x64xf32>
          }
        }
      }
      return
    }

    // Of the first pack, half of which is in front of the bounds, the other half
    // is written, element by element; numbers of iterations are the elements'.
    // CHECK:      void behind(
    // CHECK:          pfc::load([[PACK:v[0-9]+]],
    // CHECK:          float [[OUT:v[0-9]+]][4];
    // CHECK:            [[OUT]]{{\[}}[[K:.+]]] = {{.*}} + (float) ((int64_t) ([[AT:v[0-9]+]] + [[K]]));
    // CHECK-NEXT:     }
    // CHECK-NEXT:     if ([[AT]] >= 2 & [[AT]] + 3 < 64) {
    // CHECK:            pfc::store({{.*}}, [[OUT]]);
    // CHECK-NEXT:     } else {
    // CHECK-NEXT:       #pragma unroll
    // CHECK-NEXT:       for (int32_t [[K:.+]] = 0; [[K]] < 4; [[K]] += 1) {
    // CHECK-NEXT:         int32_t [[N:v[0-9]+]] = [[AT]] + [[K]];
    // CHECK-NEXT:         if ([[N]] >= 2 & [[N]] < 64) {
    // CHECK:                = [[OUT]]{{\[}}[[K]]];
    func.func @behind(%x: memref<8x64xf32>, %y: memref<8x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "behind"} {
      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %c64 = arith.constant 64 : index
      scf.for %i = %begin to %end step %c1 {
        scf.for %d = %c2 to %c64 step %c1 {
          %value = memref.load %x[%i, %d] : memref<8x64xf32>
          %d64 = arith.index_cast %d : index to i64
          %number = arith.sitofp %d64 : i64 to f32
          %sum = arith.addf %value, %number : f32
          memref.store %sum, %y[%i, %d] : memref<8x64xf32>
        }
      }
      return
    }

    // Of the last pack half counts.
    // CHECK:      void before(
    // CHECK:            = [[N:v[0-9]+ \+ .+]] >= 0 & [[N]] < 62 ? [[SUM:v[0-9]+]] + {{.*}} : [[SUM]];
    // CHECK-NOT:      if (
    // CHECK:        pfc::blockSum
    func.func @before(%x: memref<8x64xf32>, %s: memref<8xf32>, %begin: index, %end: index)
        attributes {plan.description = "before"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c62 = arith.constant 62 : index
      %zero = arith.constant 0.0 : f32
      scf.for %i = %begin to %end step %c1 {
        %sum = scf.for %d = %c0 to %c62 step %c1 iter_args(%total = %zero) -> f32 {
          %value = memref.load %x[%i, %d] : memref<8x64xf32>
          %next = arith.addf %total, %value : f32
          scf.yield %next : f32
        }
        memref.store %sum, %s[%i] : memref<8xf32>
      }
      return
    }

    // All of a row of whole packs does.
    // CHECK:      void whole(
    // CHECK:          pfc::load(
    // CHECK-NOT:      ?
    // CHECK:        pfc::blockSum
    func.func @whole(%x: memref<8x64xf32>, %s: memref<8xf32>, %begin: index, %end: index)
        attributes {plan.description = "whole"} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c64 = arith.constant 64 : index
      %zero = arith.constant 0.0 : f32
      scf.for %i = %begin to %end step %c1 {
        %sum = scf.for %d = %c0 to %c64 step %c1 iter_args(%total = %zero) -> f32 {
          %value = memref.load %x[%i, %d] : memref<8x64xf32>
          %next = arith.addf %total, %value : f32
          scf.yield %next : f32
        }
        memref.store %sum, %s[%i] : memref<8xf32>
      }
      return
    }

    // Of an op on all elements: neighbours are a pack, but not where they are read
    // the other way round, or at a place in which their index counts twice.
    // CHECK:      void mirrored(const float *__restrict__ [[X:v[0-9]+]], const float *__restrict__ [[D:v[0-9]+]], float *__restrict__ [[Y:v[0-9]+]]) {
    // CHECK-NOT:    pfc::load({{.*}}, [[D]],
    // CHECK:        pfc::load({{.*}}, [[X]],
    // CHECK-NOT:    pfc::load
    // CHECK:        pfc::store([[Y]],
    func.func @mirrored(%x: memref<64x64xf32>, %d: memref<64x64xf32>, %y: memref<64x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "mirrored"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r, 63 - c)>, affine_map<(r, c) -> (c, c)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]}
            ins(%x, %d, %d : memref<64x64xf32>, memref<64x64xf32>, memref<64x64xf32>) outs(%y : memref<64x64xf32>) {
        ^bb0(%in: f32, %other: f32, %diagonal: f32, %out: f32):
          %sum = arith.addf %in, %other : f32
          %value = arith.mulf %sum, %diagonal : f32
          linalg.yield %value : f32
        }
      }
      return
    }

    // Packs may go over rows' ends, where a row's number is not needed, …
    // CHECK:      void ragged(
    // CHECK:        float {{.*}}[4];
    func.func @ragged(%x: memref<64x63xf32>, %y: memref<64x63xf32>, %begin: index, %end: index)
        attributes {plan.description = "ragged"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]}
            ins(%x : memref<64x63xf32>) outs(%y : memref<64x63xf32>) {
        ^bb0(%in: f32, %out: f32):
          %value = arith.negf %in : f32
          linalg.yield %value : f32
        }
      }
      return
    }

    // … but not where it is.
    // CHECK:      void numbered(
    // CHECK:        float {{.*}}[1];
    func.func @numbered(%x: memref<64x63xf32>, %a: memref<64xf32>, %y: memref<64x63xf32>, %begin: index, %end: index)
        attributes {plan.description = "numbered"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]}
            ins(%x, %a : memref<64x63xf32>, memref<64xf32>) outs(%y : memref<64x63xf32>) {
        ^bb0(%in: f32, %factor: f32, %out: f32):
          %value = arith.mulf %in, %factor : f32
          linalg.yield %value : f32
        }
      }
      return
    }

    // CHECK:      void indexed(
    // CHECK:        float {{.*}}[1];
    func.func @indexed(%x: memref<64x63xf32>, %y: memref<64x63xf32>, %begin: index, %end: index)
        attributes {plan.description = "indexed"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, c)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]}
            ins(%x : memref<64x63xf32>) outs(%y : memref<64x63xf32>) {
        ^bb0(%in: f32, %out: f32):
          %column = linalg.index 1 : index
          %column64 = arith.index_cast %column : index to i64
          %number = arith.sitofp %column64 : i64 to f32
          %value = arith.addf %in, %number : f32
          linalg.yield %value : f32
        }
      }
      return
    }
  }
}

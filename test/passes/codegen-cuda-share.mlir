// Kernels that differ in numbers alone are one, which takes them.
// RUN: pfc-opt %s -codegen-cuda -o %t.mlir
// RUN: FileCheck %s --input-file=%t.mlir
// RUN: %python %S/Inputs/kernel_cuda.py %t.mlir | FileCheck %s --check-prefix=CU

// A divisor that is a power of 2 becomes a mask; where it is none, it stays, but
// the number of elements is taken. Another description, another kernel.
// CHECK:      plan.kernel @narrow arguments 3 numbers [i32, i32, f32] threads 256 description "affine"
// CHECK-NEXT: plan.kernel @odd arguments 3 numbers [i32] threads 256 description "affine"
// CHECK-NEXT: plan.kernel @alone arguments 3 threads 256 description "shift"
// CHECK-NOT:  plan.kernel
// The number of packs, the mask, the addend.
// CHECK:      plan.launch @kernels::@narrow({{.*}}) extent 2 writes [2] numbers [512 : i32, 63 : i32, 5.000000e-01 : f32] :
// CHECK:      plan.launch @kernels::@narrow({{.*}}) extent 8 writes [2] numbers [2048 : i32, 127 : i32, 2.500000e-01 : f32] :
// CHECK:      plan.launch @kernels::@narrow({{.*}}) extent 4 writes [2] numbers [1024 : i32, 255 : i32, 5.000000e-01 : f32] :
// CHECK:      plan.launch @kernels::@odd({{.*}}) extent 3 writes [2] numbers [768 : i32] :
// CHECK:      plan.launch @kernels::@odd({{.*}}) extent 6 writes [2] numbers [1536 : i32] :
// CHECK:      plan.launch @kernels::@alone({{.*}}) extent 2 writes [2] :

// CU:      void narrow(const float *__restrict__ [[X:v[0-9]+]], const float *__restrict__ [[A:v[0-9]+]], float *__restrict__ [[Y:v[0-9]+]], int32_t [[PACKS:v[0-9]+]], int32_t [[MASK:v[0-9]+]], float [[ADDEND:v[0-9]+]]) {
// CU-NEXT:   for (int32_t [[I:.+]] = blockIdx.x * 256 + threadIdx.x; [[I]] < [[PACKS]]; [[I]] += gridDim.x * 256) {
// CU-NEXT:     int32_t [[AT:.+]] = [[I]] * 4;
// CU-NEXT:     int32_t [[C:.+]] = [[AT]] & [[MASK]];
// What a loop that is unrolled whole has stays in the text.
// CU:          for (int32_t [[J:.+]] = 0; [[J]] < 4; [[J]] += 1) {
// CU:            + [[ADDEND]];
// CU:      void odd(
// CU:          % 96;
// CU:      void alone(
// CU-SAME:   float *__restrict__ {{v[0-9]+}}) {

#id = affine_map<(d0, d1) -> (d0, d1)>
#column = affine_map<(d0, d1) -> (d1)>

module {
  module @kernels {
    func.func @narrow(%x: memref<32x64xf32>, %a: memref<64xf32>, %y: memref<32x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "affine"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [#column, #id, #id], iterator_types = ["parallel", "parallel"]}
            ins(%a, %x : memref<64xf32>, memref<32x64xf32>) outs(%y : memref<32x64xf32>) {
        ^bb0(%slope: f32, %in: f32, %out: f32):
          %k = arith.constant 0.5 : f32
          %scaled = arith.mulf %slope, %in : f32
          %value = arith.addf %scaled, %k : f32
          linalg.yield %value : f32
        }
      }
      return
    }
    func.func @wide(%x: memref<64x128xf32>, %a: memref<128xf32>, %y: memref<64x128xf32>, %begin: index, %end: index)
        attributes {plan.description = "affine"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [#column, #id, #id], iterator_types = ["parallel", "parallel"]}
            ins(%a, %x : memref<128xf32>, memref<64x128xf32>) outs(%y : memref<64x128xf32>) {
        ^bb0(%slope: f32, %in: f32, %out: f32):
          %k = arith.constant 0.25 : f32
          %scaled = arith.mulf %slope, %in : f32
          %value = arith.addf %scaled, %k : f32
          linalg.yield %value : f32
        }
      }
      return
    }
    func.func @wider(%x: memref<16x256xf32>, %a: memref<256xf32>, %y: memref<16x256xf32>, %begin: index, %end: index)
        attributes {plan.description = "affine"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [#column, #id, #id], iterator_types = ["parallel", "parallel"]}
            ins(%a, %x : memref<256xf32>, memref<16x256xf32>) outs(%y : memref<16x256xf32>) {
        ^bb0(%slope: f32, %in: f32, %out: f32):
          %k = arith.constant 0.5 : f32
          %scaled = arith.mulf %slope, %in : f32
          %value = arith.addf %scaled, %k : f32
          linalg.yield %value : f32
        }
      }
      return
    }
    func.func @odd(%x: memref<32x96xf32>, %a: memref<96xf32>, %y: memref<32x96xf32>, %begin: index, %end: index)
        attributes {plan.description = "affine"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [#column, #id, #id], iterator_types = ["parallel", "parallel"]}
            ins(%a, %x : memref<96xf32>, memref<32x96xf32>) outs(%y : memref<32x96xf32>) {
        ^bb0(%slope: f32, %in: f32, %out: f32):
          %k = arith.constant 0.5 : f32
          %scaled = arith.mulf %slope, %in : f32
          %value = arith.addf %scaled, %k : f32
          linalg.yield %value : f32
        }
      }
      return
    }
    func.func @odder(%x: memref<64x96xf32>, %a: memref<96xf32>, %y: memref<64x96xf32>, %begin: index, %end: index)
        attributes {plan.description = "affine"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [#column, #id, #id], iterator_types = ["parallel", "parallel"]}
            ins(%a, %x : memref<96xf32>, memref<64x96xf32>) outs(%y : memref<64x96xf32>) {
        ^bb0(%slope: f32, %in: f32, %out: f32):
          %k = arith.constant 0.5 : f32
          %scaled = arith.mulf %slope, %in : f32
          %value = arith.addf %scaled, %k : f32
          linalg.yield %value : f32
        }
      }
      return
    }
    func.func @alone(%x: memref<32x64xf32>, %a: memref<64xf32>, %y: memref<32x64xf32>, %begin: index, %end: index)
        attributes {plan.description = "shift"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        linalg.generic {indexing_maps = [#column, #id, #id], iterator_types = ["parallel", "parallel"]}
            ins(%a, %x : memref<64xf32>, memref<32x64xf32>) outs(%y : memref<32x64xf32>) {
        ^bb0(%slope: f32, %in: f32, %out: f32):
          %k = arith.constant 0.5 : f32
          %scaled = arith.mulf %slope, %in : f32
          %value = arith.addf %scaled, %k : f32
          linalg.yield %value : f32
        }
      }
      return
    }
  }

  plan.program @step batch 1 {
    %xnarrow = plan.alloc : memref<32x64xf32>
    %anarrow = plan.alloc : memref<64xf32>
    plan.launch @kernels::@narrow(%xnarrow, %anarrow, %xnarrow) extent 2 writes [2]
        : memref<32x64xf32>, memref<64xf32>, memref<32x64xf32>
    %xwide = plan.alloc : memref<64x128xf32>
    %awide = plan.alloc : memref<128xf32>
    plan.launch @kernels::@wide(%xwide, %awide, %xwide) extent 2 writes [2]
        : memref<64x128xf32>, memref<128xf32>, memref<64x128xf32>
    %xwider = plan.alloc : memref<16x256xf32>
    %awider = plan.alloc : memref<256xf32>
    plan.launch @kernels::@wider(%xwider, %awider, %xwider) extent 2 writes [2]
        : memref<16x256xf32>, memref<256xf32>, memref<16x256xf32>
    %xodd = plan.alloc : memref<32x96xf32>
    %aodd = plan.alloc : memref<96xf32>
    plan.launch @kernels::@odd(%xodd, %aodd, %xodd) extent 2 writes [2]
        : memref<32x96xf32>, memref<96xf32>, memref<32x96xf32>
    %xodder = plan.alloc : memref<64x96xf32>
    %aodder = plan.alloc : memref<96xf32>
    plan.launch @kernels::@odder(%xodder, %aodder, %xodder) extent 2 writes [2]
        : memref<64x96xf32>, memref<96xf32>, memref<64x96xf32>
    %xalone = plan.alloc : memref<32x64xf32>
    %aalone = plan.alloc : memref<64xf32>
    plan.launch @kernels::@alone(%xalone, %aalone, %xalone) extent 2 writes [2]
        : memref<32x64xf32>, memref<64xf32>, memref<32x64xf32>
  }
}

// Kernels become LLVM IR text with the plan's kernel ABI.
// RUN: pfc-opt %s -codegen-llvm | FileCheck %s
// The text is LLVM IR that LLVM takes.
// RUN: pfc-opt %s -codegen-llvm | %python %S/Inputs/kernel_ir.py | opt -S -O3 -mtriple=x86_64-linux-gnu -mcpu=x86-64-v3 | FileCheck %s --check-prefix=IR

// CHECK: plan.kernel_ir = "
// CHECK: plan.kernel @axpy arguments 2 description "axpy"
// CHECK-NOT: module @kernels

// Two pointers out of the array of buffers, and the rows to do; vectorised,
// without a check that the buffers overlap.
// IR-LABEL: define void @axpy(ptr{{.*}}, i64{{.*}}, i64
// IR-NOT:     memcheck
// IR:         <8 x float>
module {
  module @kernels {
    func.func @axpy(%x: memref<64x32xf32>, %y: memref<64x32xf32>, %begin: index, %end: index)
        attributes {plan.description = "axpy"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        %xi = memref.subview %x[%i, 0] [1, 32] [1, 1] : memref<64x32xf32> to memref<32xf32, strided<[1], offset: ?>>
        %yi = memref.subview %y[%i, 0] [1, 32] [1, 1] : memref<64x32xf32> to memref<32xf32, strided<[1], offset: ?>>
        linalg.generic {indexing_maps = [affine_map<(d) -> (d)>, affine_map<(d) -> (d)>], iterator_types = ["parallel"]}
            ins(%xi : memref<32xf32, strided<[1], offset: ?>>) outs(%yi : memref<32xf32, strided<[1], offset: ?>>) {
        ^bb0(%a: f32, %b: f32):
          %s = arith.addf %a, %b : f32
          linalg.yield %s : f32
        }
      }
      return
    }
  }
}

// A product and a sum that takes it are one operation, whatever else reads the
// product; but not where one of them may not be contracted, nor in a reduction,
// whose order LLVM chooses.
// RUN: pfc-opt %s -codegen-llvm | %python %S/Inputs/kernel_ir.py | FileCheck %s

// CHECK-LABEL: define internal void @sums.body(ptr{{.*}} %0, ptr{{.*}} %1, ptr{{.*}} %2
// CHECK:      %[[A:.*]] = load float
// CHECK:      %[[B:.*]] = load float
// CHECK:      %[[PRODUCT:.*]] = fmul contract float %[[A]], %[[B]]
// CHECK:      %[[FIRST:.*]] = call float @llvm.fmuladd.f32(float %[[A]], float %[[B]], float %[[PRODUCT]])
// CHECK-NEXT: %[[LESS:.*]] = fneg float %[[FIRST]]
// CHECK-NEXT: %[[SECOND:.*]] = call float @llvm.fmuladd.f32(float %[[A]], float %[[B]], float %[[LESS]])
// CHECK-NEXT: %[[MINUS:.*]] = fneg float %[[A]]
// CHECK-NEXT: %[[THIRD:.*]] = call float @llvm.fmuladd.f32(float %[[MINUS]], float %[[B]], float %[[SECOND]])
// CHECK-NEXT: %[[ROUNDED:.*]] = fmul float %[[A]], %[[A]]
// CHECK-NEXT: %[[FOURTH:.*]] = fadd contract float %[[ROUNDED]], %[[THIRD]]
// CHECK-NEXT: %[[FIFTH:.*]] = fadd float %[[FOURTH]], %[[PRODUCT]]
// CHECK-NEXT: %[[SUM:.*]] = fadd reassoc contract float %[[FIFTH]], %[[PRODUCT]]
// CHECK:      store float %[[SUM]]
module {
  module @kernels {
    func.func @sums(%x: memref<32xf32>, %y: memref<32xf32>, %z: memref<32xf32>, %begin: index, %end: index)
        attributes {plan.description = "sums"} {
      %c1 = arith.constant 1 : index
      scf.for %i = %begin to %end step %c1 {
        %a = memref.load %x[%i] : memref<32xf32>
        %b = memref.load %y[%i] : memref<32xf32>
        %product = arith.mulf %a, %b fastmath<contract> : f32
        %first = arith.addf %product, %product fastmath<contract> : f32
        %second = arith.subf %product, %first fastmath<contract> : f32
        %third = arith.subf %second, %product fastmath<contract> : f32
        %rounded = arith.mulf %a, %a : f32
        %fourth = arith.addf %rounded, %third fastmath<contract> : f32
        %fifth = arith.addf %fourth, %product : f32
        %sum = arith.addf %fifth, %product fastmath<contract,reassoc> : f32
        memref.store %sum, %z[%i] : memref<32xf32>
      }
      return
    }
  }
}

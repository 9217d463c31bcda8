// Ops become linalg bodies; element-wise neighbours become one.
// RUN: pfc-opt %s -convert-pfc-to-linalg | FileCheck %s

// Batch norm's factor γ/√(v + ε) is one value a channel: it stays a generic of
// its own. Its application and PReLU run over the same elements: one generic.
// CHECK-LABEL: func.func @batch_norm_prelu
// CHECK:       %[[FACTOR:.*]] = linalg.generic
// CHECK-SAME:      iterator_types = ["parallel"]
// CHECK:         math.sqrt
// CHECK:       linalg.generic
// CHECK-SAME:      ins(%{{.*}}, %{{.*}}, %[[FACTOR]],
// CHECK-SAME:      pfc.source = "batch_norm, prelu"
// CHECK:         arith.select
// CHECK-NOT:   linalg.generic
func.func @batch_norm_prelu(%x: tensor<4x3x3x8xf32>, %m: tensor<1x8xf32>,
    %v: tensor<1x8xf32>, %c: tensor<8xf32>) -> tensor<4x3x3x8xf32> {
  %y = pfc.batch_norm %x, %m, %v, %c, %c {eps = 1.0e-5 : f64, training}
         : tensor<4x3x3x8xf32>, tensor<1x8xf32>, tensor<8xf32>
  %z = pfc.prelu %y, %c : tensor<4x3x3x8xf32>, tensor<8xf32>
  return %z : tensor<4x3x3x8xf32>
}

// A value read twice is computed once.
// CHECK-LABEL: func.func @used_twice
// CHECK:       pfc.source = "add"
// CHECK:       pfc.source = "prelu"
func.func @used_twice(%x: tensor<4x8xf32>, %c: tensor<8xf32>)
    -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %y = pfc.add %x, %x : tensor<4x8xf32>
  %z = pfc.prelu %y, %c : tensor<4x8xf32>, tensor<8xf32>
  return %y, %z : tensor<4x8xf32>, tensor<4x8xf32>
}

// bf16 in and out, fp32 in between.
// CHECK-LABEL: func.func @bf16
// CHECK:       arith.extf %{{.*}} : bf16 to f32
// CHECK:       arith.addf {{.*}} : f32
// CHECK:       arith.truncf %{{.*}} : f32 to bf16
func.func @bf16(%x: tensor<4x8xbf16>) -> tensor<4x8xbf16> {
  %y = pfc.add %x, %x : tensor<4x8xbf16>
  return %y : tensor<4x8xbf16>
}

// A sum over the batch: first within each image, in parallel, then over them. The
// loops' order is the sum's; that of neighbours in memory may be any.
// CHECK-LABEL: func.func @channel_sum
// CHECK:       linalg.generic
// CHECK-SAME:      iterator_types = ["parallel", "reduction", "reduction", "parallel"]
// CHECK:         arith.addf {{.*}} fastmath<contract>
// CHECK:       linalg.generic
// CHECK-SAME:      iterator_types = ["reduction", "parallel"]
// CHECK:         arith.addf {{.*}} fastmath<contract>
func.func @channel_sum(%x: tensor<4x3x3x8xf32>) -> tensor<8xf32> {
  %y = pfc.channel_sum %x : tensor<4x3x3x8xf32> -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// CHECK-LABEL: func.func @row_norms
// CHECK:         arith.addf {{.*}} fastmath<reassoc,contract>
func.func @row_norms(%x: tensor<4x32xf32>) -> tensor<4xf32> {
  %y = pfc.row_norms %x : tensor<4x32xf32> -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// A product is contracted with a sum within an op, and never with one of the op
// that reads it.
// CHECK-LABEL: func.func @products
// CHECK:         arith.mulf {{.*}} fastmath<contract>
// CHECK:         arith.addf {{.*}} fastmath<contract>
// CHECK:         arith.mulf %{{[^ ]*}}, %{{[^ ]*}} : f32
// CHECK-NEXT:    arith.constant
// CHECK-NEXT:    arith.cmpf
func.func @products(%x: tensor<4x3x3x8xf32>, %m: tensor<1x8xf32>, %c: tensor<8xf32>) -> tensor<4x3x3x8xf32> {
  %y = pfc.batch_norm %x, %m, %m, %c, %c {eps = 1.0e-5 : f64, training} : tensor<4x3x3x8xf32>, tensor<1x8xf32>, tensor<8xf32>
  %z = pfc.prelu %y, %c : tensor<4x3x3x8xf32>, tensor<8xf32>
  return %z : tensor<4x3x3x8xf32>
}

// A sweep is one generic: the sum is stored, and summed with its square over
// each image. Factors come before; so does the middle row's sum, for which the
// sum is computed again; merging the images comes after.
// CHECK-LABEL: func.func @sweep
// CHECK-SAME:  (%[[X:.*]]: tensor<4x6x3x8xbf16>, %[[Z:.*]]: tensor<4x6x3x8xbf16>,
// CHECK:       %[[FACTOR:.*]] = linalg.generic
// CHECK:         math.sqrt
// CHECK:       %[[ROW:.*]] = linalg.generic {indexing_maps = [#[[MIDDLE:.*]], #{{.*}}, #{{.*}}, #{{.*}}, #[[MIDDLE]], #{{.*}}], iterator_types = ["parallel", "reduction", "parallel"]} ins(%[[X]], %{{.*}}, %[[FACTOR]], %{{.*}}, %[[Z]] :
// CHECK-SAME:      pfc.source = "batch_stats"
// CHECK:       %[[SWEEP:.*]]:3 = linalg.generic
// CHECK-SAME:      iterator_types = ["parallel", "reduction", "reduction", "parallel"]}
// CHECK-SAME:      ins(%[[X]], %{{.*}}, %[[FACTOR]], %{{.*}}, %[[Z]], %[[ROW]] :
// CHECK-SAME:      pfc.source = "batch_norm, add, batch_stats"
// CHECK:         %[[SUM:.*]] = arith.truncf
// CHECK:         %[[SUM:.*]] = arith.truncf
// CHECK:         linalg.yield %[[SUM]], %{{.*}}, %{{.*}} : bf16, f32, f32
// CHECK:       linalg.generic {{.*}} ins(%[[ROW]], %[[SWEEP]]#1, %[[SWEEP]]#2 :
// CHECK:       linalg.generic {{.*}} ins(%[[ROW]], %[[SWEEP]]#1, %[[SWEEP]]#2, %{{.*}} :
// CHECK-NOT:   linalg.generic
func.func @sweep(%x: tensor<4x6x3x8xbf16>, %z: tensor<4x6x3x8xbf16>, %g: tensor<1x8xf32>, %c: tensor<8xf32>)
    -> (tensor<4x6x3x8xbf16>, tensor<1x8xf32>, tensor<1x8xf32>) {
  %y:3 = pfc.sweep(%x, %z, %g, %c) {
  ^bb0(%0: tensor<4x6x3x8xbf16>, %1: tensor<4x6x3x8xbf16>, %2: tensor<1x8xf32>, %3: tensor<8xf32>):
    %4 = pfc.batch_norm %0, %2, %2, %3, %3 {eps = 1.0e-5 : f64, training} : tensor<4x6x3x8xbf16>, tensor<1x8xf32>, tensor<8xf32>
    %5 = pfc.add %4, %1 : tensor<4x6x3x8xbf16>
    %6, %7 = pfc.batch_stats %5 : tensor<4x6x3x8xbf16> -> tensor<1x8xf32>
    pfc.yield %5, %6, %7 : tensor<4x6x3x8xbf16>, tensor<1x8xf32>, tensor<1x8xf32>
  } : (tensor<4x6x3x8xbf16>, tensor<4x6x3x8xbf16>, tensor<1x8xf32>, tensor<8xf32>) -> (tensor<4x6x3x8xbf16>, tensor<1x8xf32>, tensor<1x8xf32>)
  return %y#0, %y#1, %y#2 : tensor<4x6x3x8xbf16>, tensor<1x8xf32>, tensor<1x8xf32>
}

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

// A sum over the batch: first within each image, in parallel, then over them.
// CHECK-LABEL: func.func @channel_sum
// CHECK:       linalg.generic
// CHECK-SAME:      iterator_types = ["parallel", "reduction", "reduction", "parallel"]
// CHECK:         arith.addf {{.*}} fastmath<reassoc,contract>
// CHECK:       linalg.generic
// CHECK-SAME:      iterator_types = ["reduction", "parallel"]
func.func @channel_sum(%x: tensor<4x3x3x8xf32>) -> tensor<8xf32> {
  %y = pfc.channel_sum %x : tensor<4x3x3x8xf32> -> tensor<8xf32>
  return %y : tensor<8xf32>
}

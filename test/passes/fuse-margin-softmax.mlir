// RUN: pfc-opt %S/Inputs/tiny.mlir --pfc-differentiate --pfc-insert-optimizer --pfc-partition -o %t.mlir
// RUN: pfc-opt %t.mlir --pfc-fuse-margin-softmax -o %t.fused.mlir
// RUN: FileCheck %s --input-file=%t.fused.mlir --implicit-check-not=cosine_logits --implicit-check-not=softmax_stats --implicit-check-not=_entropy_grad --implicit-check-not=margin_grad
// RUN: pfc-interpret %t.mlir --against %t.fused.mlir --steps 3
//
// A shift, a combined margin with a filter, and the straight-through gradient.
// RUN: sed -e 's/shift = 0.0/shift = 5.0/' -e 's/m3 = 0.0/m3 = 0.2/' -e 's/filter = 0.0/filter = 0.1/' -e 's/= exact/= straight_through/' %S/Inputs/tiny.mlir | pfc-opt --pfc-differentiate --pfc-insert-optimizer --pfc-partition -o %t.all.mlir
// RUN: pfc-opt %t.all.mlir --pfc-fuse-margin-softmax -o %t.all.fused.mlir
// RUN: FileCheck %s --input-file=%t.all.fused.mlir --check-prefix=ALL
// RUN: pfc-interpret %t.all.mlir --against %t.all.fused.mlir --steps 3
//
// In bf16 the exponentials are bf16, and a cast stands before the products.
// RUN: pfc-opt %t.mlir --pfc-mixed-precision=precision=bf16 -o %t.bf16.mlir
// RUN: pfc-opt %t.bf16.mlir --pfc-fuse-margin-softmax -o %t.bf16.fused.mlir
// RUN: FileCheck %s --input-file=%t.bf16.fused.mlir --check-prefix=BF16
// RUN: pfc-interpret %t.bf16.mlir --against %t.bf16.fused.mlir
//
// In fp16 the exponentials are bf16, too, and the loss scale is the gradient's.
// RUN: pfc-opt %S/Inputs/tiny.mlir --pfc-differentiate --pfc-insert-optimizer --pfc-scale-loss --pfc-partition --pfc-mixed-precision=precision=fp16 -o %t.fp16.mlir
// RUN: pfc-opt %t.fp16.mlir --pfc-fuse-margin-softmax -o %t.fp16.fused.mlir
// RUN: FileCheck %s --input-file=%t.fp16.fused.mlir --check-prefix=FP16 --implicit-check-not=cosine_logits --implicit-check-not=softmax_stats --implicit-check-not=_entropy_grad --implicit-check-not=margin_grad
// RUN: pfc-interpret %t.fp16.mlir --against %t.fp16.fused.mlir --steps 3
// RUN: pfc-opt %t.all.mlir --pfc-mixed-precision=precision=fp16 -o %t.all.fp16.mlir
// RUN: pfc-opt %t.all.fp16.mlir --pfc-fuse-margin-softmax -o %t.all.fp16.fused.mlir
// RUN: pfc-interpret %t.all.fp16.mlir --against %t.all.fp16.fused.mlir --steps 3
//
// A head that is not differentiated fuses too; see also the refusals in
// fuse-margin-softmax-missed.mlir.
// RUN: pfc-opt %S/Inputs/tiny.mlir --pfc-partition --pfc-fuse-margin-softmax --remarks-filter=pfc-fuse-margin-softmax 2>&1 | FileCheck %s --check-prefix=FORWARD

// CHECK-LABEL: func.func @train_step
// CHECK:       %[[WN:.*]] = pfc.normalize %{{.*}} : tensor<3x16xf32>
// CHECK-NEXT:  %[[X:.*]] = shard.all_gather
// CHECK-NEXT:  %[[E:.*]], %[[PART:.*]], %[[TARGETS:.*]] = pfc.margin_softmax %[[X]], %[[WN]], %[[COLUMNS:.*]], %{{.*}} margin <m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 8.0, gradient = exact, filter = 0.0> {{.*}} -> tensor<8x3xf32>, tensor<8x2xf32>, tensor<8xf32>
// CHECK-NEXT:  %[[STATS:.*]] = shard.all_reduce %[[PART]]
// CHECK-NEXT:  pfc.softmax_loss %[[STATS]]
// CHECK:       %[[DX:.*]], %[[DW:.*]] = pfc.margin_softmax_grad %[[X]], %[[WN]], %[[E]], %[[STATS]], %[[TARGETS]], %[[COLUMNS]] {{.*}} {batch = 8 : i64
// CHECK-NEXT:  pfc.normalize_grad %[[DW]]
// CHECK-NEXT:  shard.reduce_scatter %[[DX]]

// ALL: pfc.margin_softmax_grad {{.*}} margin <m1 = 1.0, m2 = 0.5, m3 = 0.2, scale = 8.0, gradient = straight_through, filter = 0.1> {batch = 8 : i64, shift = 5.000000e+00 : f64}

// BF16: pfc.margin_softmax %{{.*}} : tensor<8x16xbf16>, tensor<3x16xbf16>, {{.*}} -> tensor<8x3xbf16>, tensor<8x2xf32>, tensor<8xf32>
// BF16: pfc.margin_softmax_grad {{.*}} -> tensor<8x16xf32>, tensor<3x16xf32>

// FP16: %[[E:.*]], %{{.*}}, %{{.*}} = pfc.margin_softmax %{{.*}} : tensor<8x16xf16>, tensor<3x16xf16>, {{.*}} -> tensor<8x3xbf16>, tensor<8x2xf32>, tensor<8xf32>
// FP16: %[[SCALE:.*]] = pfc.variable "loss_scale"
// FP16-NEXT: pfc.margin_softmax_grad %{{.*}}, %{{.*}}, %[[E]], {{.*}} scale %[[SCALE]] margin {{.*}} -> tensor<8x16xf32>, tensor<3x16xf32>

// FORWARD:     [Passed] FuseMarginSoftmax
// FORWARD:     pfc.margin_softmax
// FORWARD-NOT: pfc.margin_softmax_grad

// Of a vision transformer's block its residual sums are kept; attention, from
// the layer norm on, is made again.
// RUN: pfcc compile %root/specs/vit_b.spec --emit=fused -o %t.mlir --set train.recompute=none --set train.precision=fp32 --set model.backbone=vit_t --set model.input_size=24 --set model.embedding_size=8 --set head.classes=11 --set train.batch_per_rank=2 --set cluster.world_size=2
// RUN: pfc-opt %t.mlir --pfc-recompute=recompute=batch-norms --remarks-filter=pfc-recompute -o %t.norms.mlir 2> %t.remarks
// RUN: pfc-opt %t.mlir --pfc-recompute=recompute=blocks --remarks-filter=pfc-recompute -o %t.blocks.mlir 2>> %t.remarks
// RUN: FileCheck %s --input-file=%t.remarks --check-prefix=REMARK
// RUN: pfc-interpret %t.mlir --against %t.blocks.mlir --tolerance=0
// RUN: pfc-opt %t.norms.mlir --cse --canonicalize --cse | FileCheck %s --check-prefix=NORMS
// RUN: pfc-opt %t.blocks.mlir --cse --canonicalize --cse | FileCheck %s

// REMARK: @train_step: 1207728 -> 765360 bytes of activations from forward to backward, 36 ops done again
// REMARK: @train_step: 1207728 -> 168624 bytes of activations from forward to backward, 120 ops done again

// Layer norms and activations of perceptrons are element by element.
// NORMS-LABEL: func.func @train_step
// NORMS:       pfc.barrier
// NORMS-NOT:   pfc.split_heads {{.*}} -> {{.*}}, {{.*}},
// NORMS-NOT:   pfc.softmax %
// NORMS-LABEL: func.func @embed

// The last block: the perceptron from the sum in front of it …
// CHECK-LABEL: func.func @train_step
// CHECK-NOT:   pfc.barrier
// CHECK:       %[[X:.+]] = pfc.barrier %{{.*}} after %[[D:[0-9]+#1]] : tensor<2x3x1x256xf32>,
// CHECK-NEXT:  %[[N:.+]] = pfc.layer_norm %[[X]],
// CHECK-NEXT:  %[[C:.+]] = pfc.conv2d %[[N]],
// CHECK-NEXT:  %[[A:.+]] = pfc.sweep(%[[C]],
// CHECK:       pfc.conv2d_filter_grad %[[A]], %[[D]]
// CHECK:       pfc.conv2d_filter_grad %[[N]],

// … and attention, its queries, keys and values at once.
// CHECK:       %[[X:.+]] = pfc.barrier %{{.*}} after %[[D:[0-9]+#1]] : tensor<2x3x1x256xf32>,
// CHECK-NEXT:  %[[N:.+]] = pfc.layer_norm %[[X]],
// CHECK-NEXT:  %[[C:.+]] = pfc.conv2d %[[N]],
// CHECK-NEXT:  %[[H:.+]]:3 = pfc.split_heads %[[C]]
// CHECK-NEXT:  %[[S:.+]] = pfc.matmul %[[H]]#0, %[[H]]#1 {transpose_rhs}
// CHECK-NEXT:  %[[P:.+]] = pfc.softmax %[[S]]
// CHECK-NEXT:  %[[O:.+]] = pfc.matmul %[[P]], %[[H]]#2 :
// CHECK-NEXT:  %[[M:.+]] = pfc.merge_heads %[[O]]
// CHECK-NEXT:  pfc.conv2d_filter_grad %[[M]], %[[D]]
// CHECK-NOT:   pfc.barrier
// CHECK:       pfc.softmax_grad %{{.*}}, %[[P]]
// CHECK-NOT:   pfc.barrier
// CHECK:       pfc.conv2d_filter_grad %[[N]],

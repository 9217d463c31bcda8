// Gradients of every parameter, and nothing else: no gradient of the images.
// RUN: pfc-opt %S/Inputs/tiny.mlir --pfc-differentiate -o %t.mlir
// RUN: FileCheck %s --input-file=%t.mlir
// The forward step is as it was, and the gradients are those of finite
// differences.
// RUN: pfc-interpret %S/Inputs/tiny.mlir --against %t.mlir
// RUN: pfc-interpret %t.mlir --check-gradients
//
// The same with synchronised statistics: one group for all ranks.
// RUN: sed -e 's/batch_norm %%conv1, %%mean, %%var,/batch_norm %%conv1, %%mean1, %%var1,/' -e 's/x4xf32>, tensor<4x4xf32>, tensor<4xf32>/x4xf32>, tensor<1x4xf32>, tensor<4xf32>/' %S/Inputs/tiny.mlir | pfc-opt --pfc-differentiate -o %t.sync.mlir
// RUN: pfc-interpret %t.sync.mlir --check-gradients
// And with products for each head, of every transposition.
// RUN: pfc-opt %S/Inputs/attention.mlir --pfc-differentiate -o %t.each.mlir
// RUN: FileCheck %s --check-prefix=EACH --input-file=%t.each.mlir
// RUN: pfc-interpret %t.each.mlir --check-gradients
// And a vision transformer's: through its statistics, and no further than to
// the tokens and images that took part.
// RUN: pfc-opt %S/Inputs/transformer.mlir --pfc-differentiate -o %t.vit.mlir
// RUN: FileCheck %s --check-prefix=VIT --input-file=%t.vit.mlir
// RUN: pfc-interpret %t.vit.mlir --check-gradients
// VIT:      pfc.scatter_rows
// VIT:      %[[DRELU:.*]] = pfc.gather_tokens
// VIT-NEXT: pfc.mask_token_grad
// VIT-NEXT: %[[DSUM:.*]] = pfc.relu6_grad %[[DRELU]]
// VIT-NEXT: %[[DBRANCH:.*]] = pfc.drop_path %[[DSUM]], %{{.*}} {layer = 1
// VIT-NEXT: pfc.channel_sum %[[DBRANCH]]
// VIT-NEXT: %[[DO:.*]] = pfc.split_heads %[[DBRANCH]] {heads = 2 : i64} : tensor<8x3x1x8xf32> -> tensor<16x3x4xf32>
// VIT:      pfc.softmax_grad
// VIT:      pfc.merge_heads %{{.*}}, %{{.*}}, %{{.*}} {heads = 2 : i64}
// VIT:      %[[SUM:.*]], %[[PROJECTION:.*]] = pfc.layer_norm_grad_stats
// VIT-NEXT: pfc.layer_norm_grad %{{.*}}, %[[SUM]], %[[PROJECTION]]
// VIT-NEXT: pfc.layer_norm_gain_grad
// VIT-NEXT: pfc.channel_sum
// VIT:      pfc.restore_tokens %{{[^ ]*}}, %{{[^ ]*}}, %{{[^ ]*}} :
//
// New ops are located at the forward op's name.
// RUN: pfc-opt %s --pfc-differentiate --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s --check-prefix=LOC

// CHECK-LABEL: func.func @train_step
// CHECK:       %[[CONV1:.*]] = pfc.conv2d %[[X:.*]], %[[W1:.*]] {
// CHECK:       %[[MEAN:.*]], %[[VAR:.*]] = pfc.batch_stats %[[CONV1]]
// CHECK:       %[[BN1:.*]] = pfc.batch_norm %[[CONV1]], %[[MEAN]], %[[VAR]]
// CHECK:       %[[PRELU:.*]] = pfc.prelu %[[BN1]], %[[SLOPE:.*]] :
// CHECK:       %[[INDICES:.*]], %[[COUNTS:.*]], %[[COLUMNS:.*]] = pfc.sample_centers
// CHECK:       %[[ROWS:.*]] = pfc.gather_rows
// CHECK:       %[[XN:.*]] = pfc.normalize
// CHECK:       %[[WN:.*]] = pfc.normalize %[[ROWS]]
// CHECK:       %[[COS:.*]] = pfc.cosine_logits %[[XN]], %[[WN]]
// CHECK:       %[[LOGITS:.*]] = pfc.margin %[[COS]], %[[COLUMNS]]
// CHECK:       %{{.*}}, %[[STATS:.*]] = pfc.softmax_cross_entropy %[[LOGITS]]
// CHECK:       pfc.output "loss"
// The head.
// CHECK-NEXT:  %[[DZ:.*]] = pfc.softmax_cross_entropy_grad %[[LOGITS]], %[[COLUMNS]], %[[COUNTS]], %[[STATS]] {batch = 8 : i64,
// CHECK-NEXT:  %[[DCOS:.*]] = pfc.margin_grad %[[DZ]], %[[COS]], %[[COLUMNS]]
// CHECK-NEXT:  %[[DXN:.*]] = pfc.matmul %[[DCOS]], %[[WN]] :
// CHECK-NEXT:  %[[DWN:.*]] = pfc.matmul %[[DCOS]], %[[XN]] {transpose_lhs}
// CHECK-NEXT:  %[[DROWS:.*]] = pfc.normalize_grad %[[DWN]], %[[ROWS]]
// CHECK-NEXT:  pfc.normalize_grad %[[DXN]]
// CHECK-NEXT:  %[[DTABLE:.*]] = pfc.scatter_rows %[[DROWS]], %[[INDICES]]
// The backbone. %prelu is used twice.
// CHECK:       %[[DSUM:.*]] = pfc.reshape
// CHECK-NEXT:  pfc.conv2d_filter_grad %[[PRELU]], %[[DSUM]]
// CHECK-NEXT:  %[[DCONV2:.*]] = pfc.conv2d_input_grad %[[DSUM]]
// CHECK-NEXT:  %[[DPRELU:.*]] = pfc.add %[[DSUM]], %[[DCONV2]]
// CHECK-NEXT:  %[[DBN1:.*]] = pfc.prelu_grad %[[DPRELU]], %[[BN1]], %[[SLOPE]]
// CHECK-NEXT:  pfc.prelu_slope_grad %[[DPRELU]], %[[BN1]]
// CHECK-NEXT:  %[[DGAMMA:.*]], %[[DBETA:.*]] = pfc.batch_norm_grad_stats %[[DBN1]], %[[CONV1]], %[[MEAN]], %[[VAR]]
// 2 images of 4 × 4 in a group.
// CHECK-NEXT:  %[[DCONV1:.*]] = pfc.batch_norm_grad %[[DBN1]], %[[CONV1]], {{.*}}count = 32 : i64
// CHECK-NEXT:  pfc.sum_groups %[[DGAMMA]] {scale = 1.0
// CHECK-NEXT:  pfc.sum_groups %[[DBETA]] {scale = 1.0
// CHECK-NOT:   pfc.conv2d_input_grad
// CHECK:       %[[DW1:.*]] = pfc.conv2d_filter_grad %[[X]], %[[DCONV1]]
// CHECK-NEXT:  pfc.gradient "head.weight", %[[DTABLE]]
// CHECK:       pfc.gradient "conv1.weight", %[[DW1]]
// CHECK-NEXT:  return

// EACH:       %[[P:.*]] = pfc.matmul %[[Q:.*]], %[[K:.*]] {transpose_rhs}
// EACH-NEXT:  %[[O:.*]] = pfc.matmul %[[P]], %[[V:[^ ]*]] :
// EACH-NEXT:  pfc.matmul %[[P]], %[[O]] {transpose_lhs}
// EACH-NEXT:  pfc.matmul %[[O]], %[[P]] {transpose_lhs, transpose_rhs}
// EACH:       %[[DB:.*]] = pfc.reshape %{{.*}} : tensor<8x64xf32> -> tensor<16x2x16xf32>
// EACH-DAG:   pfc.matmul %[[P]], %[[DB]] {transpose_lhs, transpose_rhs}
// EACH-DAG:   pfc.matmul %[[DB]], %[[O]] {transpose_lhs, transpose_rhs}

// A frozen weight is a buffer: it has no gradient. One read twice has one.
// LOC-LABEL: func.func @train_step
// LOC:       pfc.matmul {{.*}} loc("cosine.grad"("spec":1:1))
// LOC-NEXT:  pfc.add {{.*}} loc("cosine.grad"("spec":1:1))
// LOC-NOT:   pfc.gradient "bias"
// LOC:       pfc.gradient "square"
// LOC:       pfc.gradient "weight"
// LOC-NOT:   pfc.gradient
func.func @train_step(%x: tensor<2x4xf32>, %columns: tensor<2xi64>, %counts: tensor<1xi64>) {
  %bias = pfc.variable "bias" buffer init <constant, 0.0, 0.0> : tensor<4xf32>
  %0 = pfc.add_bias %x, %bias : tensor<2x4xf32>, tensor<4xf32>
  %w = pfc.variable "weight" parameter init <normal, 0.0, 1.0> : tensor<3x4xf32>
  %w2 = pfc.variable "weight" parameter init <normal, 0.0, 1.0> : tensor<3x4xf32>
  %w4 = pfc.add %w, %w2 : tensor<3x4xf32>
  %z = pfc.cosine_logits %0, %w4 : tensor<2x4xf32>, tensor<3x4xf32> -> tensor<2x3xf32> loc("cosine"("spec":1:1))
  %square = pfc.variable "square" parameter init <normal, 0.0, 1.0> : tensor<3x3xf32>
  %y = pfc.linear %z, %square : tensor<2x3xf32>, tensor<3x3xf32> -> tensor<2x3xf32>
  %loss, %stats = pfc.softmax_cross_entropy %y, %columns, %counts {shift = 0.0 : f64}
    : tensor<2x3xf32>, tensor<2xi64>, tensor<1xi64> -> tensor<2x2xf32>
  return
}

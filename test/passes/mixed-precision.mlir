// RUN: pfc-opt %S/Inputs/tiny.mlir --pfc-differentiate --pfc-insert-optimizer --pfc-partition -o %t.mlir
// RUN: pfc-opt %t.mlir --pfc-mixed-precision=precision=bf16 -o %t.bf16.mlir
// RUN: FileCheck %s --input-file=%t.bf16.mlir
// Without rounding, casts mean nothing; with it, little.
// RUN: pfc-interpret %t.mlir --against %t.bf16.mlir --steps 2
// RUN: pfc-interpret %t.mlir --against %t.bf16.mlir --round --tolerance 5e-2
// RUN: not pfc-interpret %t.mlir --against %t.bf16.mlir --round --tolerance 1e-5
//
// fp16 goes where bf16 goes.
// RUN: pfc-opt %t.mlir --pfc-mixed-precision=precision=fp16 -o %t.fp16.mlir
// RUN: sed 's/bf16/f16/g' %t.bf16.mlir | cmp - %t.fp16.mlir
//
// fp32 changes nothing.
// RUN: pfc-opt %t.mlir --pfc-mixed-precision=precision=fp32 -o %t.fp32.mlir
// RUN: cmp %t.mlir %t.fp32.mlir

// CHECK-LABEL: func.func @train_step
// CHECK:       %[[X:.*]] = pfc.scale_pixels {{.*}} -> tensor<2x4x4x1xbf16>
// CHECK-NEXT:  %[[W:.*]] = pfc.variable "conv1.weight" {{.*}} : tensor<4x3x3x1xf32>
// CHECK-NEXT:  %[[W16:.*]] = pfc.cast %[[W]] : tensor<4x3x3x1xf32> -> tensor<4x3x3x1xbf16>
// CHECK-NEXT:  pfc.conv2d %[[X]], %[[W16]] {{.*}} -> tensor<2x4x4x4xbf16>
// Statistics and per-channel parameters stay.
// CHECK:       pfc.batch_stats %{{.*}} : tensor<2x4x4x4xbf16> -> tensor<1x4xf32>
// CHECK:       pfc.batch_norm %{{.*}} : tensor<2x4x4x4xbf16>, tensor<1x4xf32>, tensor<4xf32>
// CHECK:       pfc.prelu %{{.*}} : tensor<2x4x4x4xbf16>, tensor<4xf32>
// CHECK:       pfc.add %{{.*}} : tensor<2x4x4x4xbf16>
// CHECK:       %[[KEPT:.*]] = pfc.dropout %{{.*}} : tensor<2x64xbf16>
// CHECK:       %[[FC16:.*]] = pfc.cast %{{.*}} : tensor<16x64xf32> -> tensor<16x64xbf16>
// CHECK-NEXT:  pfc.matmul %[[KEPT]], %[[FC16]] {transpose_rhs} : {{.*}} -> tensor<2x16xf32>
// CHECK-NEXT:  pfc.add_bias %{{.*}} : tensor<2x16xf32>
// An embedding is gathered in two bytes.
// CHECK:       %[[XN:.*]] = pfc.normalize %{{.*}} : tensor<2x16xf32>
// CHECK:       %[[XN16:.*]] = pfc.cast %[[XN]] : tensor<2x16xf32> -> tensor<2x16xbf16>
// CHECK-NEXT:  %[[XALL:.*]] = shard.all_gather %[[XN16]] {{.*}} : tensor<2x16xbf16> -> tensor<8x16xbf16>
// CHECK:       pfc.cosine_logits %[[XALL]], %{{.*}} : tensor<8x16xbf16>, tensor<3x16xbf16> -> tensor<8x3xf32>
// CHECK-NEXT:  pfc.margin {{.*}} : tensor<8x3xf32>
// CHECK:       shard.reduce_scatter {{.*}} : tensor<8x16xf32> -> tensor<2x16xf32>
// The gradient of an activation is made in two bytes; that of a parameter
// keeps the sum's.
// CHECK:       pfc.matmul %[[DFC:.*]], %[[FC16]] : {{.*}} -> tensor<2x64xbf16>
// CHECK-NEXT:  pfc.matmul %[[DFC]], %[[KEPT]] {transpose_lhs} : {{.*}} -> tensor<16x64xf32>
// CHECK-NEXT:  pfc.dropout %{{.*}} : tensor<2x64xbf16>
// CHECK-NEXT:  pfc.reshape %{{.*}} : tensor<2x64xbf16> -> tensor<2x4x4x4xbf16>
// CHECK:       pfc.conv2d_filter_grad %{{.*}} : tensor<2x4x4x4xbf16>, tensor<2x4x4x4xbf16> -> tensor<4x1x1x4xf32>
// CHECK:       pfc.prelu_slope_grad %{{.*}} : tensor<2x4x4x4xbf16> -> tensor<4xf32>
// CHECK:       pfc.conv2d_filter_grad %[[X]], %{{.*}} -> tensor<4x3x3x1xf32>
// CHECK:       pfc.sgd %[[W]], %{{.*}} : tensor<4x3x3x1xf32>
// CHECK-LABEL: func.func @embed
// CHECK:       pfc.output "embeddings", %{{.*}} : tensor<2x16xf32>

// One copy serves several that only move elements, from before the first.
// RUN: pfc-opt %S/Inputs/two-readers.mlir --pfc-mixed-precision=precision=bf16 | FileCheck %s --check-prefix=TWICE
// TWICE:      %[[X:.*]] = pfc.add
// TWICE-NEXT: %[[COPY:.*]] = pfc.cast %[[X]] : tensor<4x8xf32> -> tensor<4x8xbf16>
// TWICE-NEXT: pfc.reshape %[[COPY]]
// TWICE:      pfc.reshape %[[COPY]]

// Products for each head take narrow operands as others do; one that only such
// products read, in whatever shape, is made narrow.
// RUN: pfc-opt %S/Inputs/attention.mlir --pfc-differentiate --pfc-insert-optimizer --pfc-partition -o %t.each.mlir
// RUN: pfc-opt %t.each.mlir --pfc-mixed-precision=precision=bf16 -o %t.each.bf16.mlir
// RUN: FileCheck %s --check-prefix=EACH --input-file=%t.each.bf16.mlir
// RUN: pfc-interpret %t.each.mlir --against %t.each.bf16.mlir --steps 2
// EACH-LABEL: func.func @train_step
// EACH:       pfc.matmul {{.*}} {transpose_rhs} : tensor<32x4xbf16>, tensor<4x4xbf16> -> tensor<32x4xbf16>
// EACH:       %[[Q:.*]] = pfc.reshape %{{.*}} : tensor<32x4xbf16> -> tensor<4x16x2xbf16>
// EACH:       pfc.matmul %[[Q]], %{{.*}} {transpose_rhs} : tensor<4x16x2xbf16>, tensor<4x16x2xbf16> -> tensor<4x16x16xbf16>

// Of attention the scores stay fp32, as their exponentials are taken; shares and
// what moves tokens and heads are narrow, statistics of a token aren't.
// RUN: pfc-opt %S/Inputs/transformer.mlir --pfc-differentiate --pfc-insert-optimizer --pfc-partition -o %t.vit.mlir
// RUN: pfc-opt %t.vit.mlir --pfc-mixed-precision=precision=bf16 -o %t.vit.bf16.mlir
// RUN: FileCheck %s --check-prefix=VIT --input-file=%t.vit.bf16.mlir
// RUN: pfc-interpret %t.vit.mlir --against %t.vit.bf16.mlir --steps 2
// The residual stream is fp32 from the embedding of positions on; a branch joins
// it from its last product on.
// VIT:      %[[PATCHES:.*]] = pfc.conv2d {{.*}} -> tensor<2x2x2x8xbf16>
// VIT:      pfc.cast %[[PATCHES]] : tensor<2x2x2x8xbf16> -> tensor<2x2x2x8xf32>
// VIT:      pfc.add_bias %{{.*}} : tensor<2x32xf32>, tensor<32xf32>
// VIT:      %[[X:.*]] = pfc.gather_tokens {{.*}} -> tensor<2x3x1x8xf32>
// VIT:      pfc.layer_stats %[[X]] : tensor<2x3x1x8xf32> -> tensor<2x3x1xf32>
// VIT-NEXT: %[[NORM:.*]] = pfc.layer_norm %[[X]], {{.*}} : tensor<2x3x1x8xf32>, tensor<2x3x1xf32>, tensor<8xf32> -> tensor<2x3x1x8xbf16>
// VIT:      pfc.conv2d %[[NORM]], {{.*}} -> tensor<2x3x1x24xbf16>
// VIT:      pfc.split_heads {{.*}} -> tensor<4x3x4xbf16>, tensor<4x3x4xbf16>, tensor<4x3x4xbf16>
// VIT-NEXT: %[[SCORES:.*]] = pfc.matmul {{.*}} -> tensor<4x3x3xf32>
// VIT-NEXT: pfc.softmax %[[SCORES]] {{.*}} : tensor<4x3x3xf32> -> tensor<4x3x3xbf16>
// VIT-NEXT: pfc.matmul {{.*}} -> tensor<4x3x4xbf16>
// VIT-NEXT: %[[BRANCH:.*]] = pfc.merge_heads {{.*}} -> tensor<2x3x1x8xbf16>
// VIT:      %[[WIDE:.*]] = pfc.cast %[[BRANCH]] : tensor<2x3x1x8xbf16> -> tensor<2x3x1x8xf32>
// VIT-NEXT: %[[BIASED:.*]] = pfc.add_bias %[[WIDE]], {{.*}} : tensor<2x3x1x8xf32>
// VIT-NEXT: %[[DROPPED:.*]] = pfc.drop_path %[[BIASED]], {{.*}} : tensor<2x3x1x8xf32>
// VIT-NEXT: pfc.add %[[X]], %[[DROPPED]] : tensor<2x3x1x8xf32>
// Gradients of the stream are fp32, those of a branch are not.
// VIT:      pfc.softmax_grad {{.*}} -> tensor<4x3x3xbf16>
// VIT:      pfc.merge_heads {{.*}} -> tensor<2x3x1x24xbf16>
// VIT:      %[[DNORM:.*]] = pfc.conv2d_input_grad {{.*}} -> tensor<2x3x1x8xbf16>
// VIT-NOT:  pfc.cast
// VIT:      %[[DX:.*]] = pfc.layer_norm_grad %[[DNORM]], %[[X]], {{.*}} : tensor<2x3x1x8xbf16>, tensor<2x3x1x8xf32>, tensor<2x3x1xf32>, tensor<8xf32>
// VIT:      %[[SUM:.*]] = pfc.add %{{.*}}, %[[DX]] : tensor<2x3x1x8xf32>
// VIT-NEXT: pfc.restore_tokens %[[SUM]], {{.*}} -> tensor<2x4x1x8xf32>

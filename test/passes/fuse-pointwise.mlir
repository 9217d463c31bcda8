// Each pass over activations that the step of a real network makes, before and
// after; what it means stays the same, also where two ranks share statistics.
// RUN: pfcc compile %root/specs/r18.spec --emit=precision -o %t.mlir --set train.precision=fp32 --set model.input_size=16 --set model.embedding_size=8 --set head.classes=11 --set train.batch_per_rank=2 --set cluster.world_size=2
// RUN: pfc-opt %t.mlir --pfc-fuse-pointwise --remarks-filter=pfc-fuse-pointwise -o %t.fused.mlir 2> %t.remarks
// RUN: FileCheck %s --input-file=%t.remarks --check-prefix=REMARK
// RUN: pfc-interpret %t.mlir --against %t.fused.mlir
// RUN: pfc-interpret %t.mlir --against %t.fused.mlir --function embed
//
// A transformer's branch joins in one pass, and a layer norm's gradient in one
// with the sums of its parameters'; its statistics come first.
// RUN: pfc-opt %S/Inputs/transformer.mlir --pfc-differentiate --pfc-insert-optimizer --pfc-partition -o %t.vit.mlir
// RUN: pfc-opt %t.vit.mlir --pfc-fuse-pointwise -o %t.vit.fused.mlir
// RUN: FileCheck %s --check-prefix=VIT --input-file=%t.vit.fused.mlir
// RUN: pfc-interpret %t.vit.mlir --against %t.vit.fused.mlir --steps 2
// VIT:      pfc.sweep(
// VIT:        pfc.add_bias
// VIT-NEXT:   pfc.drop_path
// VIT-NEXT:   pfc.add
// VIT-NEXT:   pfc.relu6
// VIT:      pfc.sweep(
// VIT:        pfc.relu6_grad
// VIT-NEXT:   pfc.drop_path
// VIT-NEXT:   pfc.channel_sum
// VIT:      pfc.layer_norm_grad_stats
// VIT-NEXT: pfc.sweep(
// VIT:        pfc.layer_norm_grad
// VIT-NEXT:   pfc.add
// VIT-NEXT:   pfc.layer_norm_gain_grad
// VIT-NEXT:   pfc.channel_sum
//
// So it is where the residual stream is fp32: a branch and its gradient are
// converted on the way, in passes that are there anyway.
// RUN: pfcc compile %root/specs/vit_b.spec --emit=fused -o %t.stream.mlir --set train.recompute=none --set train.precision=bf16 --set model.backbone=vit_t --set model.input_size=24 --set model.embedding_size=8 --set head.classes=11 --set train.batch_per_rank=2 --set cluster.world_size=2
// RUN: FileCheck %s --check-prefix=STREAM --input-file=%t.stream.mlir
// RUN: not grep -E "^    %[^=]+ = pfc\.(cast|add|add_bias|drop_path) .*tensor<2x[34]x1x256x" %t.stream.mlir
// STREAM-LABEL: func.func @train_step
// STREAM:      %[[X:blocks.11.attn_[0-9]+]] = pfc.sweep(%blocks.11.attn.proj,
// STREAM:        %[[WIDE:.+]] = pfc.cast %blocks.11.attn.proj{{.*}} : tensor<2x3x1x256xbf16> -> tensor<2x3x1x256xf32>
// STREAM-NEXT:   %[[BIASED:.+]] = pfc.add_bias %[[WIDE]],
// STREAM-NEXT:   %[[DROPPED:.+]] = pfc.drop_path %[[BIASED]],
// STREAM-NEXT:   %[[SUM:.+]] = pfc.add %{{.+}}, %[[DROPPED]] : tensor<2x3x1x256xf32>
// STREAM-NEXT:   pfc.yield %[[SUM]] :
// STREAM:      pfc.layer_norm %[[X]], {{.*}} -> tensor<2x3x1x256xbf16>
// STREAM:      pfc.layer_norm_grad_stats %{{.+}}, %[[X]], {{.*}} : tensor<2x3x1x256xbf16>, tensor<2x3x1x256xf32>,
// STREAM-NEXT: pfc.sweep(
// STREAM:        %[[D:.+]] = pfc.layer_norm_grad
// STREAM-NEXT:   %[[DX:.+]] = pfc.add %{{.+}}, %[[D]] : tensor<2x3x1x256xf32>
// STREAM-NEXT:   %[[KEPT:.+]] = pfc.drop_path %[[DX]],
// STREAM-NEXT:   %[[DBIAS:.+]] = pfc.channel_sum %[[KEPT]] :
// STREAM-NEXT:   %[[NARROW:.+]] = pfc.cast %[[KEPT]] : tensor<2x3x1x256xf32> -> tensor<2x3x1x256xbf16>
// STREAM:        pfc.yield %[[DX]], %[[DBIAS]], %[[NARROW]],
//
// In bf16 results are rounded where they were: an activation that is recomputed
// has the bits it had.
// RUN: pfc-opt %t.mlir --pfc-mixed-precision=precision=bf16 -o %t.bf16.mlir
// RUN: pfc-opt %t.bf16.mlir --pfc-fuse-pointwise | pfc-interpret %t.bf16.mlir --against - --round
//
// What nobody reads is no pass of its own, nor what only that reads.
// RUN: pfc-opt %S/Inputs/unread.mlir --pfc-fuse-pointwise | FileCheck %s --check-prefix=UNREAD
// UNREAD:      func.func
// UNREAD-NEXT: return
//
// An identity block, layer1.1: no PReLU and no add stands alone, in the whole
// network.
// RUN: pfcc compile %root/specs/r18.spec --emit=fused -o %t.named.mlir --set train.precision=fp32 --set cluster.world_size=1 --set train.batch_per_rank=4
// RUN: FileCheck %s --input-file=%t.named.mlir --strict-whitespace
// RUN: not grep -E "^    %[^=]+ = pfc\.(prelu|prelu_grad|prelu_slope_grad) " %t.named.mlir
// RUN: not grep -E "^    %[^=]+ = pfc\.add .*tensor<4x[0-9]+x" %t.named.mlir

// What a pass over an activation costs: in r18, at batch 2 and 16×16.
// REMARK-DAG: @train_step: 351 -> 217 activations read or written, 69 -> 38 passes for sums alone
// REMARK-DAG: "batch_norm, add, batch_stats: 3 instead of 6 passes"
// REMARK-DAG: "batch_norm, prelu_grad, batch_norm_grad_stats, prelu_slope_grad: 2 instead of 7 passes"
// The gradient of PReLU is made twice, and never stored.
// REMARK-DAG: "batch_norm, prelu_grad, batch_norm_grad: 3 instead of 3 passes"
// Why others don't join.
// REMARK-DAG: Reason="its sums must be known first", Remark="pfc.batch_norm does not join pfc.add"
// REMARK-DAG: Reason="what lies between them needs it", Remark="pfc.add does not join pfc.add"

// CHECK-LABEL: func.func @train_step
// The block before leaves x and its statistics.
// CHECK:       %layer1.0:3 = pfc.sweep(
// CHECK:       %layer1.1.bn1 = pfc.batch_norm %layer1.0#0, %layer1.0#1, %layer1.0#2,
// CHECK:       %layer1.1.conv1 = pfc.conv2d %layer1.1.bn1,
// CHECK:       %layer1.1.bn2, %[[V2:[^ ]+]] = pfc.batch_stats %layer1.1.conv1
// Only PReLU's result is stored.
// CHECK:       %layer1.1.prelu = pfc.sweep(%layer1.1.conv1, %layer1.1.bn2, %[[V2]],
// CHECK:         %[[Y2:.+]] = pfc.batch_norm
// CHECK-NEXT:    %[[Z2:.+]] = pfc.prelu %[[Y2]]
// CHECK-NEXT:    pfc.yield %[[Z2]] :
// CHECK:       %layer1.1.conv2 = pfc.conv2d %layer1.1.prelu,
// CHECK:       %layer1.1.bn3, %[[V3:[^ ]+]] = pfc.batch_stats %layer1.1.conv2
// The sum with the shortcut, and the statistics of what follows.
// CHECK:       %layer1.1:3 = pfc.sweep(%layer1.1.conv2, %layer1.1.bn3, %[[V3]], {{.*}}, %layer1.0#0)
// CHECK:         %[[Y3:.+]] = pfc.batch_norm
// CHECK-NEXT:    %[[Z3:.+]] = pfc.add %[[Y3]], %layer1.0
// CHECK-NEXT:    %[[M:.+]], %[[V:.+]] = pfc.batch_stats %[[Z3]]
// CHECK-NEXT:    pfc.yield %[[Z3]], %[[M]], %[[V]]
// CHECK:       %layer2.0.bn1 = pfc.batch_norm %layer1.1#0, %layer1.1#1, %layer1.1#2,

// Backward. The gradient of the block's output comes with the sums of bn3.
// CHECK:       %[[DY:layer2.0.bn1.grad[^:]*]]:3 = pfc.sweep(%layer2.0.conv1.grad{{[_0-9]*}}, %layer1.1#0,
// CHECK:         %[[D1:.+]] = pfc.batch_norm_grad
// CHECK-NEXT:    %[[D2:.+]] = pfc.add %{{.*}}, %[[D1]]
// CHECK-NEXT:    pfc.batch_norm_grad_stats %[[D2]], %layer1.1.conv2
// CHECK:       %layer1.1.bn3.grad = pfc.batch_norm_grad %[[DY]]#0, %layer1.1.conv2, {{.*}}, %[[DY]]#1, %[[DY]]#2
// CHECK:       %layer1.1.conv2.grad{{[_0-9]*}} = pfc.conv2d_input_grad %layer1.1.bn3.grad,
// What PReLU took is made again from conv1. Sums of bn2 and the slope's
// gradient: nothing is written.
// CHECK:       %layer1.1.bn2.grad:3 = pfc.sweep(%layer1.1.conv1, {{.*}} %layer1.1.conv2.grad{{[_0-9]*}},
// CHECK:         %[[Y:.+]] = pfc.batch_norm %layer1.1.conv1
// CHECK-NEXT:    %[[DP:.+]] = pfc.prelu_grad %layer1.1.conv2.grad{{[^,]*}}, %[[Y]]
// CHECK-NEXT:    pfc.batch_norm_grad_stats %[[DP]], %layer1.1.conv1
// CHECK-NEXT:    pfc.prelu_slope_grad %layer1.1.conv2.grad{{[^,]*}}, %[[Y]]
// CHECK-NEXT:    pfc.yield {{.*}} : tensor<1x64xf32>, tensor<1x64xf32>, tensor<64xf32>
// CHECK:       %[[DX:layer1.1.bn2.grad_[0-9]+]] = pfc.sweep(%layer1.1.conv1, {{.*}} %layer1.1.conv2.grad{{[_0-9]*}}, {{.*}}, %layer1.1.bn2.grad#0, %layer1.1.bn2.grad#1)
// CHECK:         pfc.batch_norm
// CHECK-NEXT:    %[[DP:.+]] = pfc.prelu_grad
// CHECK-NEXT:    pfc.batch_norm_grad %[[DP]],
// CHECK:       %layer1.1.conv1.grad{{[_0-9]*}} = pfc.conv2d_input_grad %[[DX]],
// CHECK-LABEL: func.func @embed

// Activations of a real network that the backward pass makes again. What it
// computes stays the same, bit for bit.
// RUN: pfcc compile %root/specs/r18.spec --emit=fused -o %t.mlir --set train.recompute=none --set train.precision=fp32 --set model.input_size=16 --set model.embedding_size=8 --set head.classes=11 --set train.batch_per_rank=2 --set cluster.world_size=2
// RUN: pfc-opt %t.mlir --pfc-recompute=recompute=batch-norms --remarks-filter=pfc-recompute -o %t.norms.mlir 2> %t.remarks
// RUN: pfc-opt %t.mlir --pfc-recompute=recompute=blocks --remarks-filter=pfc-recompute -o %t.blocks.mlir 2>> %t.remarks
// RUN: FileCheck %s --input-file=%t.remarks --check-prefix=REMARK
// RUN: pfc-interpret %t.mlir --against %t.norms.mlir --tolerance=0
// RUN: pfc-interpret %t.mlir --against %t.blocks.mlir --tolerance=0
//
// Nothing is found to be the same as in the forward pass.
// RUN: pfc-opt %t.norms.mlir --cse --canonicalize --cse | FileCheck %s --check-prefixes=BOTH,NORMS
// RUN: pfc-opt %t.blocks.mlir --cse --canonicalize --cse | FileCheck %s --check-prefixes=BOTH,BLOCKS
//
// Without labels there is no backward pass; none is what it says.
// RUN: pfc-opt %t.mlir -o %t.printed.mlir
// RUN: pfc-opt %t.mlir --pfc-recompute | diff %t.printed.mlir -

// REMARK: @train_step: 1439744 -> 751616 bytes of activations from forward to backward, 17 ops done again
// REMARK: @train_step: 1439744 -> 129024 bytes of activations from forward to backward, 41 ops done again

// The last block, whose gradients come first: forward …
// BOTH-LABEL: func.func @train_step
// BOTH:       %[[A:.+]] = pfc.batch_norm %[[X:[0-9]+#0]], {{.*}} : tensor<2x1x1x512xf32>
// BOTH:       %[[C1:.+]] = pfc.conv2d %[[A]], %[[W1:[0-9]+]] {
// BOTH:       %[[P:.+]] = pfc.sweep(%[[C1]],
// BOTH:       %[[C2:.+]] = pfc.conv2d %[[P]], %{{[0-9]+}} {
// BOTH:       pfc.margin_embeddings_grad

// … and backward: with batch norms what convolutions took is made again,
// NORMS-NOT:    pfc.barrier
// NORMS:        %[[D2:.+]] = pfc.batch_norm_grad %{{.*}}, %[[C2]],
// NORMS:        %[[C1B:.+]] = pfc.barrier %[[C1]] after %[[D2]] :
// NORMS-NEXT:   %[[PB:.+]] = pfc.sweep(%[[C1B]],
// NORMS:          pfc.prelu
// NORMS:        pfc.conv2d_filter_grad %[[PB]], %[[D2]]
// NORMS:        %[[XB:.+]] = pfc.barrier %[[X]] after %[[D1:.+]] :
// NORMS-NEXT:   %[[AB:.+]] = pfc.batch_norm %[[XB]],
// NORMS-NEXT:   pfc.conv2d_filter_grad %[[AB]], %[[D1]]
// but no convolution.
// NORMS-NOT:    pfc.conv2d %

// With blocks all of it is, from the block's input, in front of the first
// reader; the statistics are those of the forward pass.
// BLOCKS-NOT:   pfc.barrier
// BLOCKS:       %[[XB:.+]] = pfc.barrier %[[X]] after
// BLOCKS-NEXT:  %[[AB:.+]] = pfc.batch_norm %[[XB]],
// BLOCKS-NEXT:  %[[C1B:.+]] = pfc.conv2d %[[AB]], %[[W1]] {
// BLOCKS-NEXT:  %[[PB:.+]] = pfc.sweep(%[[C1B]],
// BLOCKS:       %[[C2B:.+]] = pfc.conv2d %[[PB]],
// BLOCKS:       pfc.batch_norm_grad %{{.*}}, %[[C2B]],
// BLOCKS:       pfc.conv2d_filter_grad %[[PB]],
// BLOCKS:       pfc.conv2d_filter_grad %[[AB]],
// The first block's activations are the largest: what its convolutions read is
// made for them, and once more for their filters' gradients. The gradient of the
// shortcut's input, larger than what it's made of, waits for its reader.
// BLOCKS:       %[[F0:.+]] = pfc.conv2d {{.*}} -> tensor<2x16x16x64xf32>
// BLOCKS:       %[[F1:.+]] = pfc.conv2d {{.*}} -> tensor<2x16x16x64xf32>
// BLOCKS-NEXT:  %[[G:.+]] = pfc.sweep(%[[F1]],
// BLOCKS:       pfc.conv2d %[[G]], {{.*}} -> tensor<2x8x8x64xf32>
// BLOCKS:       %[[S1:.+]] = pfc.barrier %[[F0]] after %[[DS:.+]] : tensor<2x16x16x64xf32>,
// BLOCKS-NEXT:  %[[XS:.+]] = pfc.sweep(%[[S1]],
// BLOCKS:       pfc.conv2d_filter_grad %[[XS]], %[[DS]]
// BLOCKS:       %[[S2:.+]] = pfc.barrier %[[F1]] after %[[DG:.+]] : tensor<2x16x16x64xf32>,
// BLOCKS-NEXT:  %[[GB:.+]] = pfc.sweep(%[[S2]],
// BLOCKS:       pfc.conv2d_filter_grad %[[GB]], %[[DG]]
// BLOCKS-NEXT:  pfc.conv2d_input_grad %[[DG]]
// BLOCKS:       pfc.conv2d_filter_grad
// BLOCKS-NEXT:  pfc.conv2d_input_grad
// BLOCKS:       pfc.conv2d_input_grad %[[DS]]
// BLOCKS-NOT:   pfc.batch_stats
// BOTH-LABEL: func.func @embed

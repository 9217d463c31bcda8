// One rank of four: two of eight images, three rows for two or three of ten
// classes.
// RUN: pfc-opt %S/Inputs/tiny.mlir --pfc-differentiate --pfc-insert-optimizer=clip-grad-norm=1 -o %t.mlir
// RUN: pfc-opt %t.mlir --pfc-partition -o %t.part.mlir
// RUN: FileCheck %s --input-file=%t.part.mlir
// Four ranks together compute what the whole job's step computes.
// RUN: pfc-interpret %t.mlir --against %t.part.mlir --steps 3
// RUN: pfc-interpret %t.mlir --against %t.part.mlir --function embed
//
// All classes, every row updated.
// RUN: sed 's/sample_rate = 0.5/sample_rate = 1.0/' %S/Inputs/tiny.mlir | pfc-opt --pfc-differentiate --pfc-insert-optimizer=row-update=all -o %t.all.mlir
// RUN: pfc-opt %t.all.mlir --pfc-partition -o %t.all.part.mlir
// RUN: pfc-interpret %t.all.mlir --against %t.all.part.mlir --steps 3
//
// Positives alone.
// RUN: sed 's/sample_rate = 0.5/sample_rate = 0.0/' %S/Inputs/tiny.mlir | pfc-opt --pfc-differentiate --pfc-insert-optimizer -o %t.none.mlir
// RUN: pfc-opt %t.none.mlir --pfc-partition -o %t.none.part.mlir
// RUN: pfc-interpret %t.none.mlir --against %t.none.part.mlir --steps 3
//
// Synchronised statistics: partial sums meet before batch_norm_grad.
// RUN: sed -e 's/batch_norm %%conv1, %%mean, %%var,/batch_norm %%conv1, %%mean1, %%var1,/' -e 's/x4xf32>, tensor<4x4xf32>, tensor<4xf32>/x4xf32>, tensor<1x4xf32>, tensor<4xf32>/' %S/Inputs/tiny.mlir | pfc-opt --pfc-differentiate --pfc-insert-optimizer -o %t.sync.mlir
// RUN: pfc-opt %t.sync.mlir --pfc-partition -o %t.sync.part.mlir
// RUN: FileCheck %s --check-prefix=SYNC --input-file=%t.sync.part.mlir
// RUN: pfc-interpret %t.sync.mlir --against %t.sync.part.mlir --steps 3
//
// Products for each head lie where their operands do, and rows of other numbers
// where their elements do; on two ranks too.
// RUN: pfc-opt %S/Inputs/attention.mlir --pfc-differentiate --pfc-insert-optimizer -o %t.each.mlir
// RUN: pfc-opt %t.each.mlir --pfc-partition -o %t.each.part.mlir
// RUN: FileCheck %s --check-prefix=EACH --input-file=%t.each.part.mlir
// RUN: pfc-interpret %t.each.mlir --against %t.each.part.mlir --steps 3
// RUN: pfc-interpret %t.each.mlir --against %t.each.part.mlir --function embed
// RUN: sed -e 's/shape = 4/shape = 2/' -e 's/capacity = 2/capacity = 4/' -e 's/tensor<4xi64>/tensor<2xi64>/' %S/Inputs/attention.mlir | pfc-opt --pfc-differentiate --pfc-insert-optimizer -o %t.two.mlir
// RUN: pfc-opt %t.two.mlir --pfc-partition -o %t.two.part.mlir
// RUN: pfc-interpret %t.two.mlir --against %t.two.part.mlir --steps 3
// RUN: pfc-interpret %t.two.mlir --against %t.two.part.mlir --function embed

// CHECK:       shard.grid @ranks(shape = 4)
// CHECK-LABEL: func.func @train_step
// CHECK-SAME:  %[[IMAGES:[a-z0-9]+]]: tensor<2x4x4x1xui8> {pfc.input = "images"}
// CHECK-SAME:  %[[LABELS:[a-z0-9]+]]: tensor<2xi64> {pfc.input = "labels"}
// CHECK-SAME:  tensor<1xf32> {pfc.input = "lr"}
// CHECK-SAME:  %[[STEP:[a-z0-9]+]]: tensor<1xi64> {pfc.input = "step"}
// CHECK:       pfc.variable "conv1.weight" {{.*}} : tensor<4x3x3x1xf32>
// A rank's own statistics; those of all for the running mean.
// CHECK:       %[[MEAN:.*]], %[[VAR:.*]] = pfc.batch_stats {{.*}} -> tensor<1x4xf32>
// CHECK-NEXT:  shard.all_gather %[[MEAN]] on @ranks grid_axes = [0] gather_axis = 0 : tensor<1x4xf32> -> tensor<4x4xf32>
// CHECK:       pfc.merge_stats
// CHECK:       pfc.batch_norm %{{.*}}, %[[MEAN]], %[[VAR]],
// CHECK:       %[[OFFSET:.*]] = pfc.rank_constant base 0 per_rank 2 threshold 0 below 0 per_capped_rank 0
// CHECK-NEXT:  pfc.dropout %{{.*}}, %[[STEP]], offset %[[OFFSET]]
// CHECK:       %[[BIASED:.*]] = pfc.add_bias
// The head: all labels, this rank's classes. 10 = 3 + 3 + 2 + 2.
// CHECK-NEXT:  %[[ALL:.*]] = shard.all_gather %[[LABELS]] {{.*}} -> tensor<8xi64>
// CHECK-NEXT:  %[[FIRST:.*]] = pfc.rank_constant base 0 per_rank 2 threshold 2 below 0 per_capped_rank 1
// CHECK-NEXT:  %[[COUNT:.*]] = pfc.rank_constant base 2 per_rank 0 threshold 2 below 1 per_capped_rank 0
// CHECK-NEXT:  %[[RANK:.*]] = pfc.rank_constant base 0 per_rank 1 threshold 0 below 0 per_capped_rank 0
// CHECK-NEXT:  %[[INDICES:.*]], %[[USED:.*]], %[[COLUMNS:.*]] = pfc.sample_local_centers %[[ALL]], %[[STEP]], %[[FIRST]], %[[COUNT]], %[[RANK]] {sample_rate = 5.000000e-01 : f64, seed = 7 : i64, shard_size = 3 : i64}
// CHECK-NEXT:  %[[TABLE:.*]] = pfc.variable "head.weight" {{.*}} {rows = 10 : i64, sharded} : tensor<3x16xf32>
// CHECK-NEXT:  %[[ROWS:.*]] = pfc.gather_rows %[[TABLE]], %[[INDICES]]
// CHECK:       %[[XN:.*]] = pfc.normalize %{{.*}} : tensor<2x16xf32>
// CHECK-NEXT:  %[[WN:.*]] = pfc.normalize %[[ROWS]] : tensor<3x16xf32>
// CHECK-NEXT:  %[[XALL:.*]] = shard.all_gather %[[XN]] {{.*}} -> tensor<8x16xf32>
// CHECK-NEXT:  pfc.cosine_logits %[[XALL]], %[[WN]] : {{.*}} -> tensor<8x3xf32>
// CHECK:       %[[PART:.*]] = pfc.softmax_stats %{{.*}}, %[[COLUMNS]], %[[USED]]
// CHECK-NEXT:  %[[STATS:.*]] = shard.all_reduce %[[PART]] {{.*}} : tensor<8x2xf32>
// CHECK-NEXT:  pfc.softmax_loss %[[STATS]]
// dX̂ is partial over classes, wanted where the embedding is.
// CHECK:       pfc.softmax_cross_entropy_grad %{{.*}}, %[[COLUMNS]], %[[USED]], %[[STATS]] {batch = 8 : i64
// CHECK:       %[[DX:.*]] = pfc.matmul %{{.*}}, %[[WN]] : {{.*}} -> tensor<8x16xf32>
// CHECK-NEXT:  pfc.matmul %{{.*}}, %[[XALL]] {transpose_lhs} : {{.*}} -> tensor<3x16xf32>
// CHECK:       %[[DXN:.*]] = shard.reduce_scatter %[[DX]] {{.*}} scatter_axis = 0 : tensor<8x16xf32> -> tensor<2x16xf32>
// CHECK-NEXT:  pfc.normalize_grad %[[DXN]], %[[BIASED]]
// Each gradient of the backbone is reduced once, though the clip and the
// update both read it.
// CHECK-COUNT-7: shard.all_reduce
// CHECK-NOT:     shard.all_reduce
// CHECK:         pfc.update_rows sampled %[[TABLE]], %{{.*}}, %[[INDICES]], %{{.*}} count %[[COUNT]] : tensor<1xi64> {{.*}} : tensor<3x16xf32>
// CHECK-LABEL: func.func @embed
// CHECK-NOT:     shard.
// CHECK:         pfc.output "embeddings", %{{.*}} : tensor<2x16xf32>

// SYNC:       %[[MEAN:.*]], %{{.*}} = pfc.merge_stats
// SYNC:       pfc.batch_norm %{{.*}}, %[[MEAN]]
// SYNC:       %[[G:.*]], %[[B:.*]] = pfc.batch_norm_grad_stats
// SYNC-NEXT:  %[[GALL:.*]] = shard.all_reduce %[[G]]
// SYNC-NEXT:  %[[BALL:.*]] = shard.all_reduce %[[B]]
// SYNC-NEXT:  pfc.batch_norm_grad {{.*}}, %[[GALL]], %[[BALL]] {count = 128 : i64
// SYNC-NEXT:  pfc.sum_groups %[[GALL]]
// SYNC-NEXT:  pfc.sum_groups %[[BALL]]

// A transformer's tokens and heads stay with their image: only the labels, the
// embeddings and the head's sums go from rank to rank, and the gradients. A rank
// draws what all would for its images.
// RUN: pfc-opt %S/Inputs/transformer.mlir --pfc-differentiate --pfc-insert-optimizer -o %t.vit.mlir
// RUN: pfc-opt %t.vit.mlir --pfc-partition -o %t.vit.part.mlir
// RUN: FileCheck %s --check-prefix=VIT --input-file=%t.vit.part.mlir
// RUN: pfc-interpret %t.vit.mlir --against %t.vit.part.mlir --steps 3
// VIT:      %[[FIRST:.*]] = pfc.rank_constant base 0 per_rank 2
// VIT-NEXT: pfc.sample_tokens %{{.*}} offset %[[FIRST]] {seed = 7 : i64} : tensor<2x3xi64>, tensor<2x4xi64>
// VIT-NOT:  shard.
// VIT:      pfc.split_heads %{{.*}} -> tensor<4x3x4xf32>, tensor<4x3x4xf32>, tensor<4x3x4xf32>
// VIT-NOT:  shard.
// VIT:      pfc.drop_path %{{.*}} offset %{{.*}} : tensor<2x3x1x8xf32>
// VIT-NOT:  shard.
// VIT:      pfc.restore_tokens
// VIT-COUNT-2: shard.all_gather
// VIT-NOT:  shard.all_gather

// EACH-LABEL: func.func @train_step
// EACH:       pfc.reshape %{{.*}} : tensor<2x16x4xf32> -> tensor<32x4xf32>
// EACH-COUNT-2: pfc.reshape %{{.*}} : tensor<32x4xf32> -> tensor<4x16x2xf32>
// EACH-NEXT:  %[[V:.*]] = pfc.reshape %{{.*}} : tensor<32x4xf32> -> tensor<4x16x2xf32>
// EACH-NEXT:  %[[P:.*]] = pfc.matmul {{.*}} {transpose_rhs} : tensor<4x16x2xf32>, tensor<4x16x2xf32> -> tensor<4x16x16xf32>
// EACH-NEXT:  pfc.matmul %[[P]], %[[V]] : tensor<4x16x16xf32>, tensor<4x16x2xf32> -> tensor<4x16x2xf32>
// EACH:       pfc.reshape %{{.*}} : tensor<4x16x2xf32> -> tensor<2x2x16x2xf32>
// EACH:       pfc.softmax_loss
// EACH-NOT:   shard.all_gather
// One sum over ranks a parameter of the backbone.
// EACH-COUNT-4: shard.all_reduce
// EACH-NOT:   shard.all_reduce
// What is whole on every rank takes the other operand whole, too; sums over
// ranks are made where the other is, or whole.
// EACH-LABEL: func.func @embed
// EACH:       %[[Q:.*]] = pfc.reshape %{{.*}} : tensor<8x4xf32> -> tensor<1x16x2xf32>
// EACH:       %[[WHOLE:.*]] = shard.all_gather %[[Q]] {{.*}} -> tensor<4x16x2xf32>
// EACH-NEXT:  pfc.matmul %[[WHOLE]], %{{.*}} -> tensor<4x16x2xf32>
// EACH:       %[[SUMS:.*]] = pfc.reshape %{{.*}} : tensor<4x4xf32> -> tensor<4x2x2xf32>
// EACH-NEXT:  %[[PART:.*]] = shard.reduce_scatter %[[SUMS]] {{.*}} -> tensor<1x2x2xf32>
// EACH-NEXT:  pfc.matmul %[[Q]], %[[PART]] : {{.*}} -> tensor<1x16x2xf32>
// EACH:       %[[ALL:.*]] = shard.all_reduce %[[SUMS]]
// EACH-NEXT:  pfc.matmul %[[ALL]], %[[ALL]] : {{.*}} -> tensor<4x2x2xf32>

//===- PfcOps.td - The ops of the pfc dialect --------------*- tablegen -*-===//
//
//   State       variable assign output gradient rank_constant
//   Network     scale_pixels conv2d batch_stats merge_stats batch_norm prelu
//               add add_bias reshape slice matmul linear dropout channel_sum
//               sum_groups cast
//   Tokens      layer_stats layer_norm relu6 drop_path split_heads merge_heads
//               softmax sample_tokens gather_tokens restore_tokens
//   Sweep       sweep yield barrier
//   Head        sample_centers gather_rows scatter_rows normalize row_norms
//               adaptive_margins cosine_logits margin softmax_cross_entropy
//   RankHead    sample_local_centers softmax_stats softmax_loss gather_unit_rows
//               margin_softmax target_cosines margin_exp margin_target
//               margin_patch scale_rows
//   Optimizer   moving_average sum_squares clip_factor sgd bias_corrections adamw
//               found_inf update_loss_scale update_rows coast_rows fetch_rows
//               store_rows bucket unbucket chunk_sum_squares
//
// Gradients (*_grad…) stand behind what they are of. Every op states its formula,
// shapes, constraints (C1) …, who makes it and after which pass it is gone.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_OPS
#define PFC_OPS

include "dialects/pfc/ir/ops/State.td"
include "dialects/pfc/ir/ops/Network.td"
include "dialects/pfc/ir/ops/Tokens.td"
include "dialects/pfc/ir/ops/Sweep.td"
include "dialects/pfc/ir/ops/Head.td"
include "dialects/pfc/ir/ops/RankHead.td"
include "dialects/pfc/ir/ops/Optimizer.td"

#endif // PFC_OPS

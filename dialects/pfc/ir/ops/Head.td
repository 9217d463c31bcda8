//===- Head.td - The head as the whole job has it ----------*- tablegen -*-===//
#ifndef PFC_OPS_HEAD
#define PFC_OPS_HEAD

include "dialects/pfc/ir/ops/Base.td"

def Pfc_SampleCentersOp : Pfc_Op<"sample_centers", [Pure, Partitionable,
                                                    Pointwise,
    AllTypesMatch<["labels", "columns"]>]> {
  let summary = "Partial FC sampling: the class centers that take part in a step";
  let description = [{
    The `classes` are split into R = `counts.shape[0]` contiguous shards, as
    evenly as possible (C = q·R + m: the first m shards have q + 1). In each
    shard of n classes with P distinct positives (classes among the labels) the
    sample is

      k = ⌊sample_rate·n⌋ <= P   the positives, all of them
      else                       the positives and k − P others: exactly k

    in ascending order. `draw` says which others:

      keys         those with the smallest (key, class). key of local class i is
                   word i%4 of Philox(seed; i/4, step, shard; purpose
                   SampleCenters). O(n) integer work.
      permutation  the first in the order π(0), π(1), … of a permutation of the
                   shard's classes (runtime/base/ClassPermutation.h) that words 0
                   and 1 of Philox(seed; 0, step, shard) name. O(k) work, and a
                   bit for each class puts them into order.

    Sample rate 1 takes every class, 0 the positives alone. (An et al., "Killing Two Birds with One
    Stone", CVPR'22; arcface_torch keeps all positives likewise.)

    Results, with S = `capacity` slots for each shard: `indices` [R·S], global
    class ids, −1 in unused slots; `counts` [R], used slots; `columns` [B], the
    slot of each row's label.

    (C1) R <= classes; n <= 2^30 for a permutation. (C2) S >= the largest possible count:
    n_max if sample_rate = 1, else min(n_max, max(⌊sample_rate·n_max⌋, min(B, n_max))).
    Example:
    ```mlir
    %indices, %counts, %columns = pfc.sample_centers %labels, %step
        {classes = 10 : i64, sample_rate = 1.0 : f64, seed = 7 : i64, capacity = 3 : i64}
        : tensor<8xi64>, tensor<1xi64> -> tensor<12xi64>, tensor<4xi64>
    ```
    Made by: frontend/graph. Gone after: pfc-partition.
  }];
  let arguments = (ins Pfc_I64:$labels, Pfc_I64:$step, I64Attr:$classes,
                       F64Attr:$sample_rate, I64Attr:$seed, I64Attr:$capacity,
                       DefaultValuedAttr<Pfc_DrawAttr, "::pfc::Draw::Keys">:$draw);
  let results = (outs Pfc_I64:$indices, Pfc_I64:$counts, Pfc_I64:$columns);
  let assemblyFormat = [{
    $labels `,` $step attr-dict `:` type($labels) `,` type($step) `->`
    type($indices) `,` type($counts)
  }];
  let hasVerifier = 1;
}

def Pfc_GatherRowsOp : Pfc_Op<"gather_rows", [Pure, Vjp, Partitionable, Costed,
                                              Rows]> {
  let summary = "Rows of a table: y[j] = indices[j] >= 0 ? table[indices[j]] : 0";
  let description = [{
    Shapes: table [C,D], indices [S], rows [S,D]. A bf16 table's rows may be f32.
    Example: `%w = pfc.gather_rows %table, %indices : tensor<10x64xf32>, tensor<12xi64> -> tensor<12x64xf32>`

    Made by: frontend/graph. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$table, Pfc_I64:$indices);
  let results = (outs Pfc_Float:$rows);
  let assemblyFormat = [{
    $table `,` $indices attr-dict `:` type($table) `,` type($indices) `->`
    type($rows)
  }];
  let hasVerifier = 1;
}

def Pfc_ScatterRowsOp : Pfc_Op<"scatter_rows", [Pure]> {
  let summary = "The dense gradient that gather_rows' vector-Jacobian product is";
  let description = [{
    table_grad = 0; table_grad[indices[j]] += rows[j] for indices[j] >= 0.
    Never executed: pfc-insert-optimizer takes the rows and the indices into
    update_rows, so that no gradient of the table's size exists.
    Example: `%dw = pfc.scatter_rows %rows, %indices : tensor<12x64xf32>, tensor<12xi64> -> tensor<10x64xf32>`

    Made by: pfc-differentiate. Gone after: pfc-insert-optimizer.
  }];
  let arguments = (ins Pfc_Float:$rows, Pfc_I64:$indices);
  let results = (outs Pfc_Float:$table_grad);
  let assemblyFormat = [{
    $rows `,` $indices attr-dict `:` type($rows) `,` type($indices) `->`
    type($table_grad)
  }];
  let hasVerifier = 1;
}

def Pfc_NormalizeOp : Pfc_KernelOp<"normalize", [Vjp, Partitionable, Costed,
                                       AllTypesMatch<["input", "output"]>]> {
  let summary = "Rows of unit length: y = x / max(‖x‖₂, 1e-12)";
  let description = [{
    Shapes: [M,D].
    Example: `%y = pfc.normalize %x : tensor<8x512xf32>`

    Made by: frontend/graph. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$input);
  let results = (outs Pfc_Float:$output);
  let assemblyFormat = "$input attr-dict `:` type($input)";
  let hasVerifier = 1;
}

def Pfc_NormalizeGradOp : Pfc_KernelOp<"normalize_grad",
    [Partitionable, Costed,
     AllTypesMatch<["output_grad", "input", "input_grad"]>]> {
  let summary = "Gradient of normalize: dx = (dy − y·(y·dy)) / max(‖x‖₂, 1e-12), y = x/‖x‖";
  let description = [{
    Shapes: [M,D].
    Example: `%dx = pfc.normalize_grad %dy, %x : tensor<8x512xf32>`

    Made by: pfc-differentiate. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$output_grad, Pfc_Float:$input);
  let results = (outs Pfc_Float:$input_grad);
  let assemblyFormat = "$output_grad `,` $input attr-dict `:` type($input)";
  let hasVerifier = 1;
}

def Pfc_CosineLogitsOp : Pfc_Op<"cosine_logits", [Pure, Vjp, Partitionable,
                                                  Costed]> {
  let summary = "The cosines cos[i,j] = x̂_i·ŵ_j";
  let description = [{
    Shapes: embeddings [B,D], centers [S,D], both with unit rows; result [B,S].
    Example: `%c = pfc.cosine_logits %x, %w : tensor<8x64xf32>, tensor<12x64xf32> -> tensor<8x12xf32>`

    Made by: frontend/graph. Gone after: pfc-fuse-margin-softmax.
  }];
  let arguments = (ins Pfc_Float:$embeddings, Pfc_Float:$centers);
  let results = (outs Pfc_Float:$cosines);
  let assemblyFormat = [{
    $embeddings `,` $centers attr-dict `:` type($embeddings) `,`
    type($centers) `->` type($cosines)
  }];
  let hasVerifier = 1;
}
def Pfc_RowNormsOp : Pfc_KernelOp<"row_norms", [Partitionable, Pointwise]> {
  let summary = "Lengths of rows, without a gradient: y[i] = ‖x[i]‖₂";
  let description = [{
    x [B,D], y [B]. What pfc.adaptive_margins takes for the quality of an image:
    detached, as in AdaFace.
    Example:
    ```mlir
    %y = pfc.row_norms %x : tensor<8x512xf32> -> tensor<8xf32>
    ```
    Made by: frontend/graph. Gone after: convert-pfc-to-linalg.
  }];
  let arguments = (ins Pfc_Float:$input);
  let results = (outs Pfc_F32:$output);
  let assemblyFormat = [{
    $input attr-dict `:` type($input) `->` type($output)
  }];
  let hasVerifier = 1;
}
def Pfc_AdaptiveMarginsOp : Pfc_Op<"adaptive_margins", [Pure, Partitionable,
                                                       Pointwise, Rows,
    AllTypesMatch<["mean", "new_mean", "std", "new_std"]>]> {
  let summary = "AdaFace's margins of a batch, by the length of its embeddings";
  let description = [{
    With n_i = min(max(norms[i], 1e-3), 100), μ their mean over the batch and σ
    their standard deviation (over B − 1), the running statistics are
        mean' = t·μ + (1 − t)·mean,  std' = t·σ + (1 − t)·std,  t = `momentum`
    and with u_i = min(max(h·(n_i − mean')/(std' + 1e-3), −1), 1), the margins
        margins[i] = (m2, m3) = (−m·u_i, m + m·u_i)
    so that an image of high quality (a long embedding) gets its margin on the
    cosine, one of low quality on the angle.

    (Kim et al., AdaFace, CVPR'22; its `t_alpha` is `momentum`.)
    Shapes: norms [B]; mean, std [1]; margins [B,2].
    Example:
    ```mlir
    %margins, %m1, %s1 = pfc.adaptive_margins %n, %m0, %s0
        {m = 0.4 : f64, h = 0.333 : f64, momentum = 0.01 : f64}
        : tensor<8xf32>, tensor<1xf32> -> tensor<8x2xf32>
    ```
    Made by: frontend/graph. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_F32:$norms, Pfc_F32:$mean, Pfc_F32:$std, F64Attr:$m,
                       F64Attr:$h, F64Attr:$momentum);
  let results = (outs Pfc_F32:$margins, Pfc_F32:$new_mean, Pfc_F32:$new_std);
  let assemblyFormat = [{
    $norms `,` $mean `,` $std attr-dict `:` type($norms) `,` type($mean) `->`
    type($margins)
  }];
  let hasVerifier = 1;
}
def Pfc_MarginOp : Pfc_Op<"margin", [Pure, Vjp, Partitionable, Pointwise,
                                     AllTypesMatch<["cosines", "logits"]>]> {
  let summary = "Logits with the margin on each row's own class";
  let description = [{
    z[i,j] = s·ψ(cos[i,j]) at j = columns[i], s·cos[i,j] elsewhere (0 where the
    filter applies); ψ as in #pfc.margin, its cosine clamped to [−1, 1].
    `row_margins`, as pfc.adaptive_margins makes them, are each row's m2 and m3
    in place of the attribute's:
        ψ(c) = cos(min(max(m1·θ + m2[i], ε), π − ε)) − m3[i],  ε = 1e-3
    Shapes: cosines, logits [B,S]; columns [B] (−1: no target here);
    row_margins [B,2].
    Example:
    ```mlir
    %z = pfc.margin %c, %columns margin<m1 = 1.0, m2 = 0.5, m3 = 0.0,
           scale = 64.0, gradient = exact, filter = 0.0> : tensor<8x12xf32>, tensor<8xi64>
    ```
    Made by: frontend/graph. Gone after: pfc-fuse-margin-softmax.
  }];
  let arguments = (ins Pfc_Float:$cosines, Pfc_I64:$columns,
                       Optional<Pfc_F32>:$row_margins,
                       Pfc_MarginAttr:$margin);
  let results = (outs Pfc_Float:$logits);
  let assemblyFormat = [{
    $cosines `,` $columns `margin` $margin
    (`rows` $row_margins^ `:` type($row_margins))? attr-dict `:` type($cosines) `,`
    type($columns)
  }];
  let hasVerifier = 1;
}

def Pfc_MarginGradOp : Pfc_Op<"margin_grad", [Pure, Partitionable, Pointwise,
    AllTypesMatch<["logits_grad", "cosines", "cosines_grad"]>]> {
  let summary = "Gradient of margin: dcos = s·dz·ψ'(cos) at the target, s·dz elsewhere";
  let description = [{
    0 where the filter applied. For `exact`,
    ψ'(c) = m1·sin(m1·θ + m2)/max(sin θ, 1e-6); with row_margins 0 where the
    angle is cut off.
    Example:
    ```mlir
    %dc = pfc.margin_grad %dz, %c, %columns
        margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0>
        : tensor<8x12xf32>, tensor<8xi64>
    ```
    Made by: pfc-differentiate. Gone after: pfc-fuse-margin-softmax.
  }];
  let arguments = (ins Pfc_Float:$logits_grad, Pfc_Float:$cosines,
                       Pfc_I64:$columns, Optional<Pfc_F32>:$row_margins,
                       Pfc_MarginAttr:$margin);
  let results = (outs Pfc_Float:$cosines_grad);
  let assemblyFormat = [{
    $logits_grad `,` $cosines `,` $columns `margin` $margin
    (`rows` $row_margins^ `:` type($row_margins))? attr-dict `:`
    type($cosines) `,` type($columns)
  }];
  let hasVerifier = 1;
}

def Pfc_SoftmaxCrossEntropyOp : Pfc_Op<"softmax_cross_entropy",
    [Pure, Vjp, Partitionable, Pointwise]> {
  let summary = "Mean cross entropy of the softmax over the used columns";
  let description = [{
    Columns of the logits [B, R·S] are R shards of S slots, of which shard r
    uses the first counts[r]. With Z_i = Σ over used j of exp(z[i,j] − shift)
    and t_i = z[i, columns[i]]:

        loss = Σ_i (log Z_i + shift − t_i) / B       stats[i] = (Z_i, t_i)

    Results: loss [1], stats [B,2]. The gradient of the loss is taken as 1: it
    is where differentiation starts.
    Example:
    ```mlir
    %loss, %stats = pfc.softmax_cross_entropy %z, %columns, %counts {shift = 0.0 : f64}
        : tensor<8x12xf32>, tensor<8xi64>, tensor<4xi64> -> tensor<8x2xf32>
    ```
    Made by: frontend/graph. Gone after: pfc-partition (softmax_stats,
    softmax_loss).
  }];
  let arguments = (ins Pfc_Float:$logits, Pfc_I64:$columns, Pfc_I64:$counts,
                       F64Attr:$shift);
  let results = (outs Pfc_Scalar:$loss, Pfc_F32:$stats);
  let assemblyFormat = [{
    $logits `,` $columns `,` $counts attr-dict `:` type($logits) `,`
    type($columns) `,` type($counts) `->` type($stats)
  }];
  let hasVerifier = 1;
}

def Pfc_SoftmaxCrossEntropyGradOp : Pfc_Op<"softmax_cross_entropy_grad",
    [Pure, Partitionable, Pointwise,
     AllTypesMatch<["logits", "logits_grad"]>]> {
  let summary = "Gradient of softmax_cross_entropy: dz[i,j] = (exp(z[i,j] − shift)/Z_i − [j = columns[i]]) / batch";
  let description = [{
    0 in unused columns. `batch` is the number of rows the loss is a mean over.
    With `loss_scale`, a tensor of one, it is the gradient of loss_scale·loss,
    and so are all that follow from it.
    Example:
    ```mlir
    %dz = pfc.softmax_cross_entropy_grad %z, %columns, %counts, %stats scale %s
            {batch = 8 : i64, shift = 0.0 : f64}
            : tensor<8x12xf32>, tensor<8xi64>, tensor<4xi64>, tensor<8x2xf32>
    ```
    Made by: pfc-differentiate; loss_scale by pfc-scale-loss. Gone after:
    pfc-fuse-margin-softmax.
  }];
  let arguments = (ins Pfc_Float:$logits, Pfc_I64:$columns, Pfc_I64:$counts,
                       Pfc_F32:$stats, Optional<Pfc_Scalar>:$loss_scale,
                       F64Attr:$shift, I64Attr:$batch);
  let results = (outs Pfc_Float:$logits_grad);
  let assemblyFormat = [{
    $logits `,` $columns `,` $counts `,` $stats (`scale` $loss_scale^)?
    attr-dict `:` type($logits)
    `,` type($columns) `,` type($counts) `,` type($stats)
  }];
  let hasVerifier = 1;
}

#endif // PFC_OPS_HEAD

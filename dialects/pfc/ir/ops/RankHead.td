//===- RankHead.td - The head on one rank ------------------*- tablegen -*-===//
#ifndef PFC_OPS_RANKHEAD
#define PFC_OPS_RANKHEAD

include "dialects/pfc/ir/ops/Base.td"

def Pfc_SampleLocalCentersOp : Pfc_Op<"sample_local_centers",
                                      [Pure, Costed, Rows,
    AllTypesMatch<["step", "first", "count", "rank", "used"]>, AllTypesMatch<["labels", "columns"]>]> {
  let summary = "What sample_centers does, on one rank's shard";
  let description = [{
    `first` and `count` say which classes the rank owns, `rank` which shard it
    is. indices [S]: local row numbers, −1 in unused slots; used [1]: how many;
    columns [B]: slot of the row's label, −1 where another rank owns it. A
    permutation has a bit for each class besides, by which its draws get into
    order: drawn [⌈shard_size/64⌉], bit c mod 64 of word ⌊c/64⌋, whether the
    sample has class c.
    Example:
    ```mlir
    %indices, %used, %columns = pfc.sample_local_centers %labels, %step, %first, %count, %rank
        {shard_size = 3 : i64, sample_rate = 0.5 : f64, seed = 7 : i64}
        : tensor<8xi64>, tensor<1xi64> -> tensor<3xi64>
    ```
    `shard_size` is the largest shard's size. Integer work, and no array of the
    shard's size but those bits.
    (C1) A permutation, and nothing else, has `drawn`.
    Made by: pfc-partition. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_I64:$labels, Pfc_I64:$step, Pfc_I64:$first,
                       Pfc_I64:$count, Pfc_I64:$rank, I64Attr:$shard_size,
                       F64Attr:$sample_rate, I64Attr:$seed,
                       DefaultValuedAttr<Pfc_DrawAttr, "::pfc::Draw::Keys">:$draw);
  let results = (outs Pfc_I64:$indices, Pfc_I64:$used, Pfc_I64:$columns,
                      Optional<Pfc_I64>:$drawn);
  let assemblyFormat = [{
    $labels `,` $step `,` $first `,` $count `,` $rank attr-dict `:`
    type($labels) `,` type($step) `->` type($indices) (`,` type($drawn)^)?
  }];
  let extraClassDeclaration = [{
    /// The type of `drawn` on a shard of `shardSize` classes; null where no
    /// permutation draws.
    static ::mlir::Type typeOfDrawn(::mlir::MLIRContext *context, Draw draw,
                                    int64_t shardSize);
  }];
  let hasVerifier = 1;
}

def Pfc_SoftmaxStatsOp : Pfc_Op<"softmax_stats", [Pure]> {
  let summary = "One rank's part of softmax_cross_entropy's sums";
  let description = [{
    stats[i] = (Σ over used local j of exp(z[i,j] − shift),
                z[i, columns[i]] or 0 where columns[i] = −1).
    Shapes: logits [B,S], columns [B], count [1], stats [B,2].
    Example: `%s = pfc.softmax_stats %z, %columns, %count {shift = 0.0 : f64} : tensor<8x3xf32>, tensor<8xi64>, tensor<1xi64> -> tensor<8x2xf32>`

    Made by: pfc-partition. Gone after: pfc-fuse-margin-softmax.
  }];
  let arguments = (ins Pfc_Float:$logits, Pfc_I64:$columns, Pfc_I64:$count,
                       F64Attr:$shift);
  let results = (outs Pfc_F32:$stats);
  let assemblyFormat = [{
    $logits `,` $columns `,` $count attr-dict `:` type($logits) `,`
    type($columns) `,` type($count) `->` type($stats)
  }];
  let hasVerifier = 1;
}

def Pfc_SoftmaxLossOp : Pfc_KernelOp<"softmax_loss", [Costed]> {
  let summary = "The mean loss Σ_i (log stats[i,0] + shift − stats[i,1]) / B";
  let description = [{
    stats [B,2] summed over all ranks; loss [1].
    Example: `%loss = pfc.softmax_loss %stats {shift = 0.0 : f64} : tensor<8x2xf32> -> tensor<1xf32>`

    Made by: pfc-partition. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_F32:$stats, F64Attr:$shift);
  let results = (outs Pfc_F32:$loss);
  let assemblyFormat = "$stats attr-dict `:` type($stats) `->` type($loss)";
  let hasVerifier = 1;
}

def Pfc_MarginSoftmaxOp : Pfc_Op<"margin_softmax", [Pure, Costed]> {
  let summary = "Fused cosine logits, margin and softmax sums of one rank";
  let description = [{
    With c = x̂·ŵᵀ:
        E[i,j] = exp(s·c[i,j] − shift) for used j other than columns[i]
                 (0, but counted as exp(−shift) in the sum, where filtered)
        target[i] = c[i, columns[i]] clamped to [−1, 1]   (0 if not owned)
        stats[i] = (Σ_j E[i,j] + exp(s·ψ(target[i]) − shift),  s·ψ(target[i]))
    E is un-normalised: the gradients are linear in it, so neither a maximum nor
    a second pass is needed. |s·c| <= s, so exp cannot overflow while
    s + ln C < 88; `shift` is 0 then, and s + ln C − 88 otherwise. (In fp32 and
    bf16: fp16 has no room for an E.)

    Shapes: embeddings [B,D], centers [S,D], columns [B], count [1]; exps [B,S],
    stats [B,2], targets [B].
    (C1) E is not fp16.
    Example:
    ```mlir
    %e, %stats, %t = pfc.margin_softmax %x, %w, %columns, %count
        margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0>
        {shift = 0.0 : f64} : tensor<8x64xf32>, tensor<3x64xf32>, tensor<8xi64>, tensor<1xi64>
        -> tensor<8x3xbf16>, tensor<8x2xf32>, tensor<8xf32>
    ```
    Made by: pfc-fuse-margin-softmax. Gone after: pfc-tile-head.
  }];
  let arguments = (ins Pfc_Float:$embeddings, Pfc_Float:$centers,
                       Pfc_I64:$columns, Pfc_I64:$count,
                       Optional<Pfc_F32>:$row_margins, Pfc_MarginAttr:$margin,
                       F64Attr:$shift);
  let results = (outs Pfc_Float:$exps, Pfc_F32:$stats, Pfc_F32:$targets);
  let assemblyFormat = [{
    $embeddings `,` $centers `,` $columns `,` $count `margin` $margin
    (`rows` $row_margins^ `:` type($row_margins))? attr-dict `:`
    type($embeddings) `,` type($centers) `,` type($columns) `,` type($count)
    `->` type($exps) `,` type($stats) `,` type($targets)
  }];
  let hasVerifier = 1;
}

def Pfc_MarginSoftmaxGradOp : Pfc_Op<"margin_softmax_grad",
    [Pure, Costed, AttrSizedOperandSegments]> {
  let summary = "Gradients of the fused head from its un-normalised E";
  let description = [{
    With Z_i, t_i = stats[i] (summed over ranks) and, where this rank owns the
    target, g_i = (exp(t_i − shift)/Z_i − 1)·ψ'(target[i]):
        E'[i,j] = E[i,j];  E'[i, columns[i]] = g_i·Z_i
        a_i = s / (batch·Z_i)
        dx̂ = diag(a)·E'·Ŵ          (partial: summed over ranks)
        dŴ = E'ᵀ·diag(a)·X̂
    both times loss_scale [1], where there is one.
    Shapes: dx̂ [B,D], dŴ [S,D].
    Example:
    ```mlir
    %dx, %dw = pfc.margin_softmax_grad %x, %w, %e, %stats, %t, %columns
        margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0>
        {shift = 0.0 : f64, batch = 8 : i64}
        : tensor<8x64xf32>, tensor<3x64xf32>, tensor<8x3xbf16>, tensor<8x2xf32>,
          tensor<8xf32>, tensor<8xi64> -> tensor<8x64xf32>, tensor<3x64xf32>
    ```
    Made by: pfc-fuse-margin-softmax. Gone after: pfc-tile-head.
  }];
  let arguments = (ins Pfc_Float:$embeddings, Pfc_Float:$centers,
                       Pfc_Float:$exps, Pfc_F32:$stats, Pfc_F32:$targets,
                       Pfc_I64:$columns, Optional<Pfc_Scalar>:$loss_scale,
                       Optional<Pfc_F32>:$row_margins,
                       Pfc_MarginAttr:$margin,
                       F64Attr:$shift, I64Attr:$batch);
  let results = (outs Pfc_Float:$embeddings_grad, Pfc_Float:$centers_grad);
  let assemblyFormat = [{
    $embeddings `,` $centers `,` $exps `,` $stats `,` $targets `,` $columns
    (`scale` $loss_scale^)? `margin` $margin
    (`rows` $row_margins^ `:` type($row_margins))? attr-dict `:` type($embeddings) `,` type($centers) `,` type($exps)
    `,` type($stats) `,` type($targets) `,` type($columns) `->`
    type($embeddings_grad) `,` type($centers_grad)
  }];
  let hasVerifier = 1;
}

def Pfc_GatherUnitRowsOp : Pfc_Op<"gather_unit_rows", [Pure, Costed, Rows]> {
  let summary = "What gather_rows and normalize do, in one";
  let description = [{
    y[j] = table[r]/max(‖table[r]‖₂, 1e-12), r = indices[j]; 0 where r < 0.
    Computed in fp32, stored as the products take it.

    Shapes: table [C,D], indices [T], rows [T,D].
    Example: `%w = pfc.gather_unit_rows %table, %indices : tensor<10x64xf32>, tensor<12xi64> -> tensor<12x64xbf16>`

    Made by: pfc-tile-head. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$table, Pfc_I64:$indices);
  let results = (outs Pfc_Float:$rows);
  let assemblyFormat = [{
    $table `,` $indices attr-dict `:` type($table) `,` type($indices) `->`
    type($rows)
  }];
  let hasVerifier = 1;
}

def Pfc_TargetCosinesOp : Pfc_Op<"target_cosines", [Pure, Costed, Rows]> {
  let summary = "The cosine of each row and its own class";
  let description = [{
    t[i] = x̂_i·w/max(‖w‖₂, 1e-12) clamped to [−1, 1], w = table[indices[c]],
    c = columns[i]; 0 where c < 0, which another rank owns. B products of
    vectors, in fp32 whatever the logits' products take.

    Shapes: embeddings [B,D] with unit rows, table [C,D], indices [S], columns,
    targets [B].
    Example: `%t = pfc.target_cosines %x, %table, %indices, %columns : tensor<8x64xbf16>, tensor<10x64xf32>, tensor<12xi64>, tensor<8xi64> -> tensor<8xf32>`

    Made by: pfc-tile-head. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$embeddings, Pfc_Float:$table, Pfc_I64:$indices,
                       Pfc_I64:$columns);
  let results = (outs Pfc_F32:$targets);
  let assemblyFormat = [{
    $embeddings `,` $table `,` $indices `,` $columns attr-dict `:`
    type($embeddings) `,` type($table) `,` type($indices) `,` type($columns)
    `->` type($targets)
  }];
  let hasVerifier = 1;
}

def Pfc_MarginExpOp : Pfc_Op<"margin_exp", [Pure, Costed, Rows]> {
  let summary = "Exponentials of a tile of logits, and their sums";
  let description = [{
    The tile's columns are `first`, `first` + 1, … of the sample. From its
    cosines c, for used columns other than columns[i]:
        E[i,j] = exp(s·c[i,j] − shift)
        new_sums[i] = sums[i] + Σ_j E[i,j]
    E is 0 elsewhere; a filtered one is 0, but counts as exp(−shift). Without
    `sums` the sums begin at 0. In fp32 E overwrites the cosines.

    Shapes: cosines, exps [B,T]; columns, sums [B]; count, first [1].
    Example:
    ```mlir
    %e, %z1 = pfc.margin_exp %c, %columns, %count, %first plus %z : tensor<8xf32>
        margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0>
        {shift = 0.0 : f64} : tensor<8x4xf32>, tensor<8xi64> -> tensor<8x4xbf16>, tensor<8xf32>
    ```
    Made by: pfc-tile-head. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_F32:$cosines, Pfc_I64:$columns, Pfc_Integer:$count,
                       Pfc_Integer:$first, Optional<Pfc_F32>:$sums,
                       Pfc_MarginAttr:$margin, F64Attr:$shift);
  let results = (outs Pfc_Float:$exps, Pfc_F32:$new_sums);
  let assemblyFormat = [{
    $cosines `,` $columns `,` $count `,` $first
    (`plus` $sums^ `:` type($sums))? `margin` $margin attr-dict `:`
    type($cosines) `,` type($columns) `->` type($exps) `,` type($new_sums)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Of E's columns in row `row`, the first that is not in use, and the one
    /// of the row's own class (that first one if it has none here): indices.
    /// `operands` are buffers.
    struct Columns {
      ::mlir::Value used, own;
    };
    Columns buildColumns(::mlir::OpBuilder &builder,
                         ::mlir::ValueRange operands, ::mlir::Value row);
    /// What a cosine of another class's used column becomes: an element of E,
    /// and a term of the row's sum, both f32.
    struct Term {
      ::mlir::Value exp, summand;
    };
    Term buildTerm(::mlir::OpBuilder &builder, ::mlir::Value cosine);
  }];
}

def Pfc_MarginTargetOp : Pfc_Op<"margin_target", [Pure, Pointwise, Rows,
    AllTypesMatch<["sums", "targets"]>]> {
  let summary = "The stats of margin_softmax from the sums of its tiles";
  let description = [{
    stats[i] = (sums[i] + max(exp(s·ψ(targets[i]) − shift), 1e-30),
    s·ψ(targets[i])), or (sums[i], 0) where columns[i] < 0.
    With a scale beyond 80 and few class centers all terms of a row may be too
    small for fp32. The least keeps its sum, and s over it, finite: the target
    then has the gradient of a probability of 0, the others none.
    Shapes: sums, targets, columns [B], stats [B,2].
    Example:
    ```mlir
    %s = pfc.margin_target %z, %t, %columns
        margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0>
        {shift = 0.0 : f64} : tensor<8xf32>, tensor<8xi64> -> tensor<8x2xf32>
    ```
    Made by: pfc-tile-head. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_F32:$sums, Pfc_F32:$targets, Pfc_I64:$columns,
                       Optional<Pfc_F32>:$row_margins,
                       Pfc_MarginAttr:$margin, F64Attr:$shift);
  let results = (outs Pfc_F32:$stats);
  let assemblyFormat = [{
    $sums `,` $targets `,` $columns `margin` $margin
    (`rows` $row_margins^ `:` type($row_margins))? attr-dict `:` type($sums)
    `,` type($columns) `->` type($stats)
  }];
  let extraClassDeclaration = [{
    /// What a target's term is at least.
    static constexpr double leastTerm = 1e-30;
  }];
  let hasVerifier = 1;
}

def Pfc_MarginEmbeddingsGradOp : Pfc_Op<"margin_embeddings_grad",
                                        [Pure, Costed, Rows]> {
  let summary = "From E·Ŵ the dx̂ of margin_softmax_grad, and the row factors a";
  let description = [{
    `products` are E·Ŵ without the targets' columns, which the tiles had set
    aside; so they need no sum over ranks, and come before it. With Z_i, t_i =
    stats[i] and ŵ the unit row of table[indices[columns[i]]]:
        a_i = s/(batch·Z_i)
        dx̂_i = a_i·(products_i + (exp(t_i − shift) − Z_i)·ψ'(targets[i])·ŵ)
    (no second term where columns[i] < 0).

    Shapes: products, embeddings_grad [B,D]; stats [B,2]; targets, columns,
    factors [B]; indices [S]; table [C,D].
    Example:
    ```mlir
    %dx, %a = pfc.margin_embeddings_grad %products, %stats, %t, %columns, %table, %indices
        margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0>
        {shift = 0.0 : f64, batch = 8 : i64}
        : tensor<8x64xf32>, tensor<8x2xf32>, tensor<8xf32>, tensor<8xi64>,
          tensor<10x64xf32>, tensor<12xi64> -> tensor<8x64xbf16>, tensor<8xf32>
    ```
    Made by: pfc-tile-head. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_F32:$products, Pfc_F32:$stats, Pfc_F32:$targets,
                       Pfc_I64:$columns, Pfc_Float:$table, Pfc_I64:$indices,
                       Optional<Pfc_F32>:$row_margins,
                       Pfc_MarginAttr:$margin, F64Attr:$shift, I64Attr:$batch);
  let results = (outs Pfc_Float:$embeddings_grad, Pfc_F32:$factors);
  let assemblyFormat = [{
    $products `,` $stats `,` $targets `,` $columns `,` $table `,` $indices
    `margin` $margin
    (`rows` $row_margins^ `:` type($row_margins))? attr-dict `:` type($products) `,` type($stats) `,`
    type($targets) `,` type($columns) `,` type($table) `,` type($indices) `->`
    type($embeddings_grad) `,` type($factors)
  }];
  let hasVerifier = 1;
}

def Pfc_MarginPatchOp : Pfc_Op<"margin_patch", [Pure, Costed, Rows,
    AllTypesMatch<["exps", "patched"]>]> {
  let summary = "E' of margin_softmax_grad, a tile, in place";
  let description = [{
    The tile's columns are `first`, `first` + 1, …. Writes the elements of
    targets in it, B at most. Shapes: exps [B,T], stats [B,2], targets, columns
    [B], first [1].
    Example:
    ```mlir
    %e1 = pfc.margin_patch %e, %stats, %t, %columns, %first
        margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0>
        {shift = 0.0 : f64} : tensor<8x4xbf16>, tensor<8x2xf32>, tensor<8xf32>, tensor<8xi64>
    ```
    Made by: pfc-tile-head. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$exps, Pfc_F32:$stats, Pfc_F32:$targets,
                       Pfc_I64:$columns, Pfc_Integer:$first,
                       Optional<Pfc_F32>:$row_margins,
                       Pfc_MarginAttr:$margin,
                       F64Attr:$shift);
  let results = (outs Pfc_Float:$patched);
  let assemblyFormat = [{
    $exps `,` $stats `,` $targets `,` $columns `,` $first `margin` $margin
    (`rows` $row_margins^ `:` type($row_margins))? attr-dict `:` type($exps) `,` type($stats) `,` type($targets) `,`
    type($columns)
  }];
  let hasVerifier = 1;
}

def Pfc_MarginCosinesGradOp : Pfc_Op<"margin_cosines_grad",
                                     [Pure, Costed, Rows, AttrSizedOperandSegments]> {
  let summary = "The gradient of a tile's cosines, from E and the stats";
  let description = [{
    Of the tile's columns `first`, `first` + 1, …, with E' and a of
    margin_softmax_grad:
        G[i,j] = loss_scale·a_i·E'[i,j]
    loss_scale is 1 where there is none. |G| <= loss_scale·s/batch·max(1, ψ'):
    what fp16 holds, or the loss scale is too large. In place where E has G's
    elements.

    Shapes: exps, cosines_grad [B,T], stats [B,2], targets, columns [B], first,
    loss_scale [1].
    Example:
    ```mlir
    %g = pfc.margin_cosines_grad %e, %stats, %t, %columns, %first scale %s
        margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0, gradient = exact, filter = 0.0>
        {shift = 0.0 : f64, batch = 8 : i64} : tensor<8x4xbf16>, tensor<8x2xf32>, tensor<8xf32>, tensor<8xi64> -> tensor<8x4xf16>
    ```
    Made by: pfc-tile-head. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$exps, Pfc_F32:$stats, Pfc_F32:$targets,
                       Pfc_I64:$columns, Pfc_Integer:$first,
                       Optional<Pfc_Scalar>:$loss_scale,
                       Optional<Pfc_F32>:$row_margins,
                       Pfc_MarginAttr:$margin, F64Attr:$shift, I64Attr:$batch);
  let results = (outs Pfc_Float:$cosines_grad);
  let assemblyFormat = [{
    $exps `,` $stats `,` $targets `,` $columns `,` $first
    (`scale` $loss_scale^)? `margin` $margin
    (`rows` $row_margins^ `:` type($row_margins))? attr-dict `:` type($exps) `,` type($stats) `,` type($targets) `,`
    type($columns) `->` type($cosines_grad)
  }];
  let hasVerifier = 1;
}

def Pfc_ScaleRowsOp : Pfc_KernelOp<"scale_rows", [Pointwise]> {
  let summary = "Rows times factors: y[i,d] = factors[i]·x[i,d]";
  let description = [{
    Shapes: input, output [B,D] (element types may differ), factors [B].
    Example: `%y = pfc.scale_rows %x, %a : tensor<8x64xf32>, tensor<8xf32> -> tensor<8x64xbf16>`

    Made by: pfc-tile-head. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$input, Pfc_F32:$factors);
  let results = (outs Pfc_Float:$output);
  let assemblyFormat = [{
    $input `,` $factors attr-dict `:` type($input) `,` type($factors) `->`
    type($output)
  }];
  let hasVerifier = 1;
}

#endif // PFC_OPS_RANKHEAD

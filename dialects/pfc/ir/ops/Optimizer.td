//===- Optimizer.td - Updates, and what leads to them ------*- tablegen -*-===//
#ifndef PFC_OPS_OPTIMIZER
#define PFC_OPS_OPTIMIZER

include "dialects/pfc/ir/ops/Base.td"

def Pfc_MovingAverageOp : Pfc_KernelOp<"moving_average",
    [Partitionable, Pointwise,
     AllTypesMatch<["average", "value", "result"]>]> {
  let summary = "Running statistics: r = (1 − momentum)·average + momentum·scale·value";
  let description = [{
    Those of batch norm; `scale` is n/(n − 1) for the variance.
    Example: `%r = pfc.moving_average %average, %mean {momentum = 0.1 : f64, scale = 1.0 : f64} : tensor<1x512xf32>`

    Made by: frontend/graph. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_F32:$average, Pfc_F32:$value, F64Attr:$momentum,
                       F64Attr:$scale);
  let results = (outs Pfc_F32:$result);
  let assemblyFormat = "$average `,` $value attr-dict `:` type($result)";
}

def Pfc_SumSquaresOp : Pfc_KernelOp<"sum_squares", [Partitionable, Costed]> {
  let summary = "Σ x² over all elements, as a tensor of one";
  let description = [{
    Example: `%n = pfc.sum_squares %g : tensor<64x3x3x3xf32> -> tensor<1xf32>`

    Made by: pfc-insert-optimizer. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$input);
  let results = (outs Pfc_F32:$output);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($output)";
  let hasVerifier = 1;
}

def Pfc_ClipFactorOp : Pfc_KernelOp<"clip_factor", [Partitionable, Pointwise,
    AllTypesMatch<["sum_squares", "factor", "norm"]>]> {
  let summary = "Limits a gradient: norm = √sum; factor = min(1, limit/(norm + 1e-6))";
  let description = [{
    As torch.nn.utils.clip_grad_norm_. Shapes: all [1]. With `unscale`, the
    inverse of the loss scale that the gradients have in them: norm =
    unscale·√sum, and the factor takes it out of them, unscale·min(1, …).
    Example: `%f, %norm = pfc.clip_factor %sum unscale %u {limit = 5.0 : f64} : tensor<1xf32>`

    Made by: pfc-insert-optimizer; unscale by pfc-scale-loss. Gone after:
    convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_F32:$sum_squares, Optional<Pfc_Scalar>:$unscale,
                       F64Attr:$limit);
  let results = (outs Pfc_F32:$factor, Pfc_F32:$norm);
  let assemblyFormat = [{
    $sum_squares (`unscale` $unscale^)? attr-dict `:` type($sum_squares)
  }];
  let hasVerifier = 1;
}

def Pfc_FoundInfOp : Pfc_KernelOp<"found_inf", [Partitionable, Pointwise]> {
  let summary = "Above 0 where a sum of squares is Inf or NaN";
  let description = [{
    found = 1 if one of the sums isn't finite, else 0: whether an element of
    the gradients they are sums of overflowed. (Or is above 1.8e19, so that its
    square did; a step with such a gradient is no loss.) Shapes: all [1].

    After pfc-partition each rank looks at its own gradients, also at its part
    of a sharded one, and found is the number of ranks that found some: one
    all_reduce of 4 bytes, after which all ranks agree.
    Example: `%found = pfc.found_inf %backbone, %centers`

    Made by: pfc-scale-loss. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Variadic<Pfc_Scalar>:$sums);
  let results = (outs Pfc_Scalar:$found);
  let assemblyFormat = "$sums attr-dict";
  let hasVerifier = 1;
}

def Pfc_UpdateLossScaleOp : Pfc_KernelOp<"update_loss_scale", [Partitionable,
                                                               Pointwise]> {
  let summary = "Dynamic loss scaling: the scale of the next step";
  let description = [{
    With n = good_steps + 1:
        found > 0        scale' = backoff·scale,  good_steps' = 0,  skipped = 1
        n >= interval    scale' = growth·scale (if fp32 holds it),  good_steps' = 0
        else             scale' = scale,  good_steps' = n
    and unscale = 1/scale. Shapes: all [1].
    (torch.amp.GradScaler; Micikevicius et al., Mixed Precision Training,
    ICLR'18.)
    Example:
    ```mlir
    %unscale, %s1, %n1, %skipped = pfc.update_loss_scale %s, %n, %found {growth = 2.0 : f64, backoff = 0.5 : f64, interval = 2000 : i64}
    ```
    Made by: pfc-scale-loss. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Scalar:$scale, Pfc_Scalar:$good_steps,
                       Pfc_Scalar:$found, F64Attr:$growth, F64Attr:$backoff,
                       I64Attr:$interval);
  let results = (outs Pfc_Scalar:$unscale, Pfc_Scalar:$new_scale,
                      Pfc_Scalar:$new_good_steps, Pfc_Scalar:$skipped);
  let assemblyFormat = "$scale `,` $good_steps `,` $found attr-dict";
  let hasVerifier = 1;
}

def Pfc_SgdOp : Pfc_KernelOp<"sgd", [Partitionable, Pointwise,
    OptimizerOpInterface, AttrSizedOperandSegments,
    AllTypesMatch<["parameter", "momentum", "gradient", "new_parameter",
                   "new_momentum"]>]> {
  let summary = "SGD with momentum and weight decay";
  let description = [{
    v' = mu·v + (clip·g + weight_decay·p);  p' = p − lr·v'
    (torch.optim.SGD; v starts at 0, so the first v' is the gradient.)
    lr; clip, the factor of clip_factor or of update_loss_scale; found_inf:
    tensors of one. Where found_inf > 0 the step is skipped: p' = p, v' = v,
    whatever the gradient holds.
    Example:
    ```mlir
    %p1, %v1 = pfc.sgd %p, %v, %g, %lr clip %f {mu = 0.9 : f64, weight_decay = 5.0e-4 : f64} : tensor<64xf32>
    ```
    Made by: pfc-insert-optimizer. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_F32:$parameter, Pfc_F32:$momentum, Pfc_F32:$gradient,
                       Pfc_Scalar:$lr, Optional<Pfc_Scalar>:$clip,
                       Optional<Pfc_Scalar>:$found_inf, Pfc_Share:$mu,
                       Pfc_NotNegative:$weight_decay);
  let results = (outs Pfc_F32:$new_parameter, Pfc_F32:$new_momentum);
  let assemblyFormat = [{
    $parameter `,` $momentum `,` $gradient `,` $lr (`clip` $clip^)?
    (`unless` $found_inf^)? attr-dict `:` type($parameter)
  }];
}

def Pfc_BiasCorrectionsOp : Pfc_KernelOp<"bias_corrections", [Partitionable,
                                                            Pointwise]> {
  let summary = "What AdamW's moments are divided by, as they begin at 0";
  let description = [{
    c1' = beta1·c1 + (1 − beta1);  c2' = beta2·c2 + (1 − beta2)
    State that begins at 0, so that c' = 1 − βᵗ in the t-th step: the average of
    ones, rounded as the moments are. Where found_inf > 0 both stay, so that a
    skipped step does not count (as torch.amp.GradScaler does not call the
    optimizer then). Shapes: all [1].
    Example: `%c3, %c4 = pfc.bias_corrections %c1, %c2 {beta1 = 0.9 : f64, beta2 = 0.999 : f64}`

    Made by: pfc-insert-optimizer; found_inf by pfc-scale-loss. Gone after:
    convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Scalar:$correction1, Pfc_Scalar:$correction2,
                       Optional<Pfc_Scalar>:$found_inf, Pfc_Share:$beta1,
                       Pfc_Share:$beta2);
  let results = (outs Pfc_Scalar:$new_correction1,
                      Pfc_Scalar:$new_correction2);
  let assemblyFormat = [{
    $correction1 `,` $correction2 (`unless` $found_inf^)? attr-dict
  }];
}

def Pfc_AdamWOp : Pfc_KernelOp<"adamw", [Partitionable, Pointwise,
    OptimizerOpInterface, AttrSizedOperandSegments,
    AllTypesMatch<["parameter", "momentum", "squares", "gradient",
                   "new_parameter", "new_momentum", "new_squares"]>]> {
  let summary = "AdamW: steps by moments of the gradient, decay apart from them";
  let description = [{
    With g = clip·gradient:
        m' = beta1·m + (1 − beta1)·g
        v' = beta2·v + (1 − beta2)·g²
        p' = p − lr·(weight_decay·p + (m'/c1)/(√(v'/c2) + eps))
    m is `momentum`, v `squares`, c1 and c2 those of bias_corrections in this
    step. (torch.optim.AdamW; Loshchilov, Hutter, Decoupled Weight Decay
    Regularization, ICLR'19.) lr, c1, c2, clip, found_inf: tensors of one, the
    last two as for `pfc.sgd`.
    Example:
    ```mlir
    %p1, %m1, %v1 = pfc.adamw %p, %m, %v, %g, %lr corrected %c1, %c2 clip %f {beta1 = 0.9 : f64, beta2 = 0.999 : f64, eps = 1.0e-8 : f64, weight_decay = 0.1 : f64} : tensor<64xf32>
    ```
    Made by: pfc-insert-optimizer. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_F32:$parameter, Pfc_F32:$momentum, Pfc_F32:$squares,
                       Pfc_F32:$gradient, Pfc_Scalar:$lr,
                       Pfc_Scalar:$correction1, Pfc_Scalar:$correction2,
                       Optional<Pfc_Scalar>:$clip,
                       Optional<Pfc_Scalar>:$found_inf, Pfc_Share:$beta1,
                       Pfc_Share:$beta2, Pfc_Positive:$eps, Pfc_NotNegative:$weight_decay);
  let results = (outs Pfc_F32:$new_parameter, Pfc_F32:$new_momentum,
                      Pfc_F32:$new_squares);
  let assemblyFormat = [{
    $parameter `,` $momentum `,` $squares `,` $gradient `,` $lr `corrected`
    $correction1 `,` $correction2 (`clip` $clip^)? (`unless` $found_inf^)?
    attr-dict `:` type($parameter)
  }];
}

// The optimizer's state of a table: the operands behind it.
defvar rowStateDeclaration = [{
  ::mlir::OperandRange getState() {
    return getOperation()->getOperands().slice(1, getSquares() ? 2 : 1);
  }
}];

def Pfc_UpdateRowsOp : Pfc_Op<"update_rows", [Pure, Partitionable, Costed, Rows,
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "SGD or AdamW on the class centers";
  let description = [{
    With r = indices[j] >= 0:
        v'[r] = mu·v[r] + (g_j + weight_decay·w[r]);  w'[r] = w[r] − lr·v'[r]
    where g_j = rows_grad[j], or with `of_unit_rows`, where rows_grad is the
    gradient of ŵ = w/‖w‖, g_j = (rows_grad[j] − ŵ·(ŵ·rows_grad[j]))/‖w‖ as in
    normalize_grad. With `adamw`, m = momentum, beta1 = mu and v = squares:
        m'[r] = beta1·m[r] + (1 − beta1)·g_j
        v'[r] = beta2·v[r] + (1 − beta2)·g_j²
        w'[r] = w[r] − lr·(weight_decay·w[r] + (m'[r]/c1)/(√(v'[r]/c2) + eps))
    with c1, c2 of bias_corrections: they count the job's steps, also those that
    row r took no part in (a tensor has one step count in torch.optim.AdamW, too).
    `sampled`: all other rows and their state stay as they are (the original
    Partial FC). `all`: coast_rows for the others besides (PartialFC_V2's dense
    optimizer); pfc-partition writes the two. With `unscale` it takes the place
    of the factor 1 of rows_grad[j]; where found_inf > 0 no row changes.

    Shapes: table, momentum, squares [C,D]; indices [S], ascending over the used
    ones; count [1], rows of the table in use; rows_grad [S,D]; lr, c1, c2,
    unscale, found_inf [1]. In place. The momentum may be bf16, rounded to
    nearest as it is written: `momentum bf16` stands behind the table's type
    then. Squares are f32: a step changes them by less than bf16's precision.

    A bf16 table is rounded stochastically, as an update is often less than half
    the distance to the next bf16 (Gupta et al., "Deep Learning with Limited
    Numerical Precision", ICML'15): w' has 16 random bits added to its lowest 16,
    then those cut off, so that its expectation is w'. Those of element d of
    class c = first_row + r are the high half of mixBits(p + d·0x9E3779B9), p
    word 0 of Philox(seed; c, c >> 32, step; purpose RoundCenters) and mixBits
    from runtime/base/Philox.h: the same at any world size. NaN and infinity stay
    what they are.

    Before pfc-partition indices are global, and count and first_row absent.
    Example: `%w1, %m1, %v1 = pfc.update_rows sampled %w, %m adamw %v corrected %c1, %c2, %indices, %g, %lr {mu = 0.9 : f64, beta2 = 0.999 : f64, eps = 1.0e-8 : f64, weight_decay = 0.1 : f64} : tensor<10x64xf32>, tensor<4xi64>, tensor<4x64xf32>`

    (C1) `rounded` if and only if the table is bf16. (C2) beta2 and eps if and
    only if `adamw`.
    Made by: pfc-insert-optimizer. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$table, Pfc_Float:$momentum,
                       Optional<Pfc_F32>:$squares,
                       Optional<Pfc_Scalar>:$correction1,
                       Optional<Pfc_Scalar>:$correction2, Pfc_I64:$indices,
                       Pfc_F32:$rows_grad, Pfc_Scalar:$lr,
                       Optional<Pfc_I64>:$count,
                       Optional<Pfc_Scalar>:$unscale,
                       Optional<Pfc_Scalar>:$found_inf,
                       Optional<Pfc_Integer>:$step,
                       Optional<Pfc_Integer>:$first_row,
                       Pfc_RowUpdateAttr:$row_update, UnitAttr:$of_unit_rows,
                       Pfc_Share:$mu, OptionalAttr<Pfc_Share>:$beta2,
                       OptionalAttr<Pfc_Positive>:$eps, Pfc_NotNegative:$weight_decay,
                       DefaultValuedAttr<I64Attr, "0">:$seed);
  let results = (outs Pfc_Float:$new_table, Pfc_Float:$new_momentum,
                      Optional<Pfc_F32>:$new_squares);
  let assemblyFormat = [{
    $row_update $table `,` $momentum
    (`adamw` $squares^ `corrected` $correction1 `,` $correction2)?
    `,` $indices `,` $rows_grad `,` $lr
    (`count` $count^ `:` type($count))? (`unscale` $unscale^)?
    (`unless` $found_inf^)? (`rounded` $step^ (`from` $first_row^)?)?
    attr-dict `:` type($table)
    `` custom<StateTypes>(type($momentum), type($squares), ref($squares),
                          ref(type($table))) `,`
    type($indices) `,` type($rows_grad)
  }];
  let extraClassDeclaration = rowStateDeclaration;
  let hasVerifier = 1;
}

def Pfc_CoastRowsOp : Pfc_Op<"coast_rows", [Pure, Costed, Rows,
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<InferTypeOpInterface>]> {
  let summary = "SGD or AdamW on the class centers that took no part";
  let description = [{
    Every row r < count that is not among the indices has a gradient of zero:
        v'[r] = mu·v[r] + weight_decay·w[r];  w'[r] = w[r] − lr·v'[r]
    or with `adamw` as by update_rows with g = 0. Where found_inf > 0 no row
    changes. A bf16 table is rounded as by update_rows.

    Shapes: table, momentum, squares [C,D]; indices [S], ascending, −1 (unused)
    last; c1, c2, count, lr, found_inf, step, first_row [1]. In place.
    Example: `%w1, %v1 = pfc.coast_rows %w, %v, %indices, %lr, %count {mu = 0.9 : f64, weight_decay = 5.0e-4 : f64} : tensor<10x64xf32>, tensor<4xi64>`

    (C1) `rounded` if and only if the table is bf16. (C2) beta2 and eps if and
    only if `adamw`.
    Made by: pfc-partition, of update_rows `all`. Gone after:
    convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$table, Pfc_Float:$momentum,
                       Optional<Pfc_F32>:$squares,
                       Optional<Pfc_Scalar>:$correction1,
                       Optional<Pfc_Scalar>:$correction2, Pfc_I64:$indices,
                       Pfc_Scalar:$lr, Pfc_Integer:$count,
                       Optional<Pfc_Scalar>:$found_inf,
                       Optional<Pfc_Integer>:$step,
                       Optional<Pfc_Integer>:$first_row, Pfc_Share:$mu,
                       OptionalAttr<Pfc_Share>:$beta2,
                       OptionalAttr<Pfc_Positive>:$eps, Pfc_NotNegative:$weight_decay,
                       DefaultValuedAttr<I64Attr, "0">:$seed);
  let results = (outs Pfc_Float:$new_table, Pfc_Float:$new_momentum,
                      Optional<Pfc_F32>:$new_squares);
  let assemblyFormat = [{
    $table `,` $momentum
    (`adamw` $squares^ `corrected` $correction1 `,` $correction2)?
    `,` $indices `,` $lr `,` $count (`unless` $found_inf^)?
    (`rounded` $step^ (`from` $first_row^)?)? attr-dict `:` type($table)
    `` custom<StateTypes>(type($momentum), type($squares), ref($squares),
                          ref(type($table))) `,` type($indices)
  }];
  let extraClassDeclaration = rowStateDeclaration;
  let hasVerifier = 1;
}

def Pfc_FetchRowsOp : Pfc_Op<"fetch_rows", [Pure, Costed, Rows,
    AllTypesMatch<["indices", "slots"]>]> {
  let summary = "Rows of host state, made where no step has stored them";
  let description = [{
    With r = indices[j] >= 0:
        rows[j] = table[r]; with `init`, where all of table[r] is zero, the
                  initial values of row first_row + r of a variable whose
                  Philox key is `key` (runtime/base/Philox.h, purpose
                  Initialize), as the table's type holds them
        slots[j] = j
    0 and −1 where r < 0. So a table of any size needs no initialization, and a
    file of it has holes where no step has been. `slots` are the indices into
    the rows.

    Shapes: table [C,D]; indices, slots [S]; first_row [1]; rows [S,D].
    Example: `%w, %slots = pfc.fetch_rows %table, %indices, %first init<normal, 0.0, 0.01> {key = 7 : i64} : tensor<10x64xbf16>, tensor<12xi64> -> tensor<12x64xf32>`

    (C1) first_row if and only if init.
    Made by: pfc-stage-centers. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$table, Pfc_I64:$indices,
                       Optional<Pfc_Integer>:$first_row,
                       OptionalAttr<Pfc_InitAttr>:$init,
                       DefaultValuedAttr<I64Attr, "0">:$key);
  let results = (outs Pfc_Float:$rows, Pfc_I64:$slots);
  let assemblyFormat = [{
    $table `,` $indices (`,` $first_row^)? (`init` $init^)? attr-dict `:`
    type($table) `,` type($indices) `->` type($rows)
  }];
  let hasVerifier = 1;
}

def Pfc_StoreRowsOp : Pfc_Op<"store_rows", [Pure, Costed, Rows,
    AttrSizedOperandSegments, AllTypesMatch<["table", "new_table"]>]> {
  let summary = "Puts rows back into host state";
  let description = [{
    new_table[indices[j]] = rows[j] for indices[j] >= 0; the other rows stay. A
    bf16 table of f32 rows is rounded as by update_rows if `rounded`, else to
    nearest.

    Shapes: table [C,D]; indices [S], each once; rows [S,D]; step, first_row
    [1]. In place.
    Example: `%t = pfc.store_rows %table, %indices, %rows rounded %step from %first {seed = 1 : i64} : tensor<10x64xbf16>, tensor<12xi64>, tensor<12x64xf32>`

    Made by: pfc-stage-centers. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$table, Pfc_I64:$indices, Pfc_Float:$rows,
                       Optional<Pfc_Integer>:$step,
                       Optional<Pfc_Integer>:$first_row,
                       DefaultValuedAttr<I64Attr, "0">:$seed);
  let results = (outs Pfc_Float:$new_table);
  let assemblyFormat = [{
    $table `,` $indices `,` $rows (`rounded` $step^ (`from` $first_row^)?)?
    attr-dict `:` type($table) `,` type($indices) `,` type($rows)
  }];
  let hasVerifier = 1;
}

def Pfc_BucketOp : Pfc_Op<"bucket", [Pure]> {
  let summary = "The elements of several tensors, one tensor behind the other";
  let description = [{
    What gradients of many layers are summed over ranks in, and what one
    optimizer kernel updates.

    (C1) The tensors have the bucket's element type, and each a multiple of 64
    bytes. (C2) The bucket has all their elements, in its last dimension.
    Example: `%b = pfc.bucket %x, %y : tensor<8x4xf32>, tensor<16xf32> to tensor<48xf32>`

    Made by: pfc-bucket-updates, pfc-bucket-statistics. Gone after:
    convert-pfc-to-plan (no instruction: the tensors' buffers lie one behind the
    other).
  }];
  let arguments = (ins Variadic<Pfc_Float>:$tensors);
  let results = (outs Pfc_Float:$bucket);
  let assemblyFormat = [{
    $tensors attr-dict `:` type($tensors) `to` type($bucket)
  }];
  let hasVerifier = 1;
}

def Pfc_UnbucketOp : Pfc_Op<"unbucket", [Pure]> {
  let summary = "The tensors of a bucket";
  let description = [{
    (C1), (C2) as for `pfc.bucket`.
    Example: `%x, %y = pfc.unbucket %b : tensor<48xf32> to tensor<8x4xf32>, tensor<16xf32>`

    Made by: pfc-bucket-updates, pfc-bucket-statistics. Gone after:
    convert-pfc-to-plan (no instruction).
  }];
  let arguments = (ins Pfc_Float:$bucket);
  let results = (outs Variadic<Pfc_Float>:$tensors);
  let assemblyFormat = [{
    $bucket attr-dict `:` type($bucket) `to` type($tensors)
  }];
  let hasVerifier = 1;
}

def Pfc_ChunkSumSquaresOp : Pfc_Op<"chunk_sum_squares", [Pure, Costed, Rows]> {
  let summary = "Sums of squares: y[i] = Σ x[j]² over chunk i, elements j of [i·L, (i+1)·L)";
  let description = [{
    Shapes: input [N], output [⌈N/L⌉].
    Example: `%y = pfc.chunk_sum_squares %bucket chunk 16384 : tensor<40000xf32> -> tensor<3xf32>`

    Made by: convert-pfc-to-linalg, of `pfc.sum_squares` of a bucket. Gone
    after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$input, I64Attr:$chunk);
  let results = (outs Pfc_F32:$output);
  let assemblyFormat = [{
    $input `chunk` $chunk attr-dict `:` type($input) `->` type($output)
  }];
  let hasVerifier = 1;
}

#endif // PFC_OPS_OPTIMIZER

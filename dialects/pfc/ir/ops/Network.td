//===- Network.td - Layers of networks and their gradients -*- tablegen -*-===//
#ifndef PFC_OPS_NETWORK
#define PFC_OPS_NETWORK

include "dialects/pfc/ir/ops/Base.td"

def Pfc_ScalePixelsOp : Pfc_KernelOp<"scale_pixels",
                                     [Partitionable, Pointwise]> {
  let summary = "Bytes 0..255 to floats: y = x/127.5 − 1";
  let description = [{
    Example: `%x = pfc.scale_pixels %images : tensor<64x56x56x1xui8> -> tensor<64x56x56x1xf32>`

    Made by: frontend/graph. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins StaticShapeTensorOf<[UI8]>:$input);
  let results = (outs Pfc_Float:$output);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($output)";
  let hasVerifier = 1;
}

class Pfc_ConvOp<string mnemonic, list<Trait> traits = []>
    : Pfc_Op<mnemonic, !listconcat([Pure, Partitionable, Costed], traits)>;

def Pfc_Conv2dOp : Pfc_ConvOp<"conv2d", [Vjp]> {
  let summary = "2-D convolution, NHWC activations, OHWI filters";
  let description = [{
    The channels are in G groups, each convolved by itself: a filter sees the
    C/G input channels of its group, of which c₀(o) = ⌊o·G/O⌋·C/G is the first.

        y[b,i,j,o] = Σ_{u,v,c} x[b, i·stride + u − padding, j·stride + v − padding, c₀(o) + c]·w[o,u,v,c]

    Shapes: input [B,H,W,C], filter [O,K,K,C/G], output
    [B, (H + 2·padding − K)/stride + 1, …, O]. G follows from them: 1 is the
    usual convolution, C = O one filter a channel ("depthwise"). Sums in fp32.

    (C1) filter channels divide the input's, and so many groups divide the
    filters. (C2) output shape as above.
    Example:
    ```mlir
    %y = pfc.conv2d %x, %w {stride = 2 : i64, padding = 1 : i64}
           : tensor<8x56x56x64xf32>, tensor<128x3x3x64xf32> -> tensor<8x28x28x128xf32>
    %z = pfc.conv2d %y, %depthwise {stride = 1 : i64, padding = 1 : i64}
           : tensor<8x28x28x128xf32>, tensor<128x3x3x1xf32> -> tensor<8x28x28x128xf32>
    ```
    Made by: frontend/graph. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$input, Pfc_Float:$filter, I64Attr:$stride,
                       I64Attr:$padding);
  let results = (outs Pfc_Float:$output);
  let assemblyFormat = [{
    $input `,` $filter attr-dict `:` type($input) `,` type($filter) `->`
    type($output)
  }];
  let hasVerifier = 1;
}

def Pfc_Conv2dInputGradOp : Pfc_ConvOp<"conv2d_input_grad"> {
  let summary = "Gradient of conv2d with respect to its input";
  let description = [{
    dx[b,i,j,c] = Σ over the outputs that read x[b,i,j,c] of dy·w.
    Example:
    ```mlir
    %dx = pfc.conv2d_input_grad %dy, %w {stride = 2 : i64, padding = 1 : i64}
            : tensor<8x28x28x128xf32>, tensor<128x3x3x64xf32> -> tensor<8x56x56x64xf32>
    ```
    Made by: pfc-differentiate. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$output_grad, Pfc_Float:$filter,
                       I64Attr:$stride, I64Attr:$padding);
  let results = (outs Pfc_Float:$input_grad);
  let assemblyFormat = [{
    $output_grad `,` $filter attr-dict `:` type($output_grad) `,`
    type($filter) `->` type($input_grad)
  }];
  let hasVerifier = 1;
}

def Pfc_Conv2dFilterGradOp : Pfc_ConvOp<"conv2d_filter_grad"> {
  let summary = "Gradient of conv2d with respect to its filter";
  let description = [{
    dw[o,u,v,c] = Σ_{b,i,j} dy[b,i,j,o]·x[b, i·stride + u − padding, …, c₀(o) + c].
    A sum over the batch: partial on a split batch.
    Example:
    ```mlir
    %dw = pfc.conv2d_filter_grad %x, %dy {stride = 2 : i64, padding = 1 : i64}
            : tensor<8x56x56x64xf32>, tensor<8x28x28x128xf32> -> tensor<128x3x3x64xf32>
    ```
    Made by: pfc-differentiate. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$input, Pfc_Float:$output_grad,
                       I64Attr:$stride, I64Attr:$padding);
  let results = (outs Pfc_Float:$filter_grad);
  let assemblyFormat = [{
    $input `,` $output_grad attr-dict `:` type($input) `,`
    type($output_grad) `->` type($filter_grad)
  }];
  let hasVerifier = 1;
}

def Pfc_BatchStatsOp : Pfc_KernelOp<"batch_stats", [Partitionable, Costed, Sweepable,
    AllTypesMatch<["mean", "variance"]>]> {
  let summary = "Mean and variance of each channel, for each group of rows";
  let description = [{
    The batch is cut into G = `mean.shape[0]` equal groups of consecutive rows;
    over the n = B·H·W/G elements of each group and channel

        mean[g,c] = Σ x / n        var[g,c] = Σ (x − mean[g,c])² / n

    G is the world size where each rank normalises with its own statistics (as
    under DistributedDataParallel); after pfc-partition G = 1. Computed in fp32
    for each image, then merged (Chan et al. 1979): no cancellation.

    Shapes: input [B,…,C]; mean, var [G,C]. (C1) G divides B.
    Example:
    ```mlir
    %mean, %var = pfc.batch_stats %x : tensor<8x7x7x512xf32> -> tensor<1x512xf32>
    ```
    Made by: frontend/graph. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$input);
  let results = (outs Pfc_F32:$mean, Pfc_F32:$variance);
  let assemblyFormat = [{
    $input attr-dict `:` type($input) `->` type($mean)
  }];
  let hasVerifier = 1;
}

def Pfc_MergeStatsOp : Pfc_KernelOp<"merge_stats",
                                    [Partitionable, Pointwise,
    AllTypesMatch<["mean", "variance"]>, AllTypesMatch<["merged_mean", "merged_variance"]>]> {
  let summary = "Statistics of equal groups to those of all their elements";
  let description = [{
    mean' = Σ_g mean[g]/G,  var' = Σ_g (var[g] + (mean[g] − mean')²)/G.
    Shapes: [G,C] → [1,C]. `train.sync_batch_norm` puts it behind batch_stats;
    partitioned, its operands are gathered from all ranks.
    Example: `%m, %v = pfc.merge_stats %mean, %var : tensor<4x512xf32> -> tensor<1x512xf32>`

    Made by: frontend/graph. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_F32:$mean, Pfc_F32:$variance);
  let results = (outs Pfc_F32:$merged_mean, Pfc_F32:$merged_variance);
  let assemblyFormat = [{
    $mean `,` $variance attr-dict `:` type($mean) `->` type($merged_mean)
  }];
  let hasVerifier = 1;
}

def Pfc_BatchNormOp : Pfc_KernelOp<"batch_norm",
                                   [Vjp, Partitionable, Pointwise, Sweepable,
    AllTypesMatch<["mean", "variance"]>, AllTypesMatch<["gamma", "beta"]>, AllTypesMatch<["input", "output"]>]> {
  let summary = "Applies batch normalisation with given statistics";
  let description = [{
    y = (x − mean[g,c])·rsqrt(var[g,c] + eps)·gamma[c] + beta[c]

    with g the row's group (see batch_stats). With `training` the statistics
    are those of x itself and the gradient accounts for it (Ioffe & Szegedy
    2015); without, they are constants.

    Shapes: input [B,…,C]; mean, var [G,C]; gamma, beta [C].
    Example:
    ```mlir
    %y = pfc.batch_norm %x, %mean, %var, %gamma, %beta {eps = 1.0e-5 : f64, training}
           : tensor<8x7x7x512xf32>, tensor<1x512xf32>, tensor<512xf32>
    ```
    Made by: frontend/graph. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$input, Pfc_F32:$mean, Pfc_F32:$variance,
                       Pfc_F32:$gamma, Pfc_F32:$beta, F64Attr:$eps,
                       UnitAttr:$training);
  let results = (outs Pfc_Float:$output);
  let assemblyFormat = [{
    $input `,` $mean `,` $variance `,` $gamma `,` $beta attr-dict `:`
    type($input) `,` type($mean) `,` type($gamma)
  }];
  let hasVerifier = 1;
}

def Pfc_BatchNormGradStatsOp : Pfc_KernelOp<"batch_norm_grad_stats",
                                            [Partitionable, Costed, Sweepable,
    AllTypesMatch<["input", "output_grad"]>, AllTypesMatch<["mean", "variance", "gamma_grad", "beta_grad"]>]> {
  let summary = "Gradients of gamma and beta, for each group of rows";
  let description = [{
    With x̂ = (x − mean)·rsqrt(var + eps):
        dgamma[g,c] = Σ dy·x̂        dbeta[g,c] = Σ dy
    over the elements of group g. Shapes: output_grad, input [B,…,C]; the rest
    [G,C].
    Example:
    ```mlir
    %dgamma, %dbeta = pfc.batch_norm_grad_stats %dy, %x, %mean, %var
        {eps = 1.0e-5 : f64} : tensor<8x7x7x512xf32>, tensor<1x512xf32>
    ```
    Made by: pfc-differentiate. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$output_grad, Pfc_Float:$input, Pfc_F32:$mean,
                       Pfc_F32:$variance, F64Attr:$eps);
  let results = (outs Pfc_F32:$gamma_grad, Pfc_F32:$beta_grad);
  let assemblyFormat = [{
    $output_grad `,` $input `,` $mean `,` $variance attr-dict `:`
    type($input) `,` type($mean)
  }];
  let hasVerifier = 1;
}

def Pfc_BatchNormGradOp : Pfc_KernelOp<"batch_norm_grad",
                                       [Partitionable, Pointwise, Sweepable,
    AllTypesMatch<["input", "output_grad", "input_grad"]>, AllTypesMatch<["mean", "variance", "gamma_grad", "beta_grad"]>]> {
  let summary = "Gradient of batch_norm with respect to its input";
  let description = [{
    training:  dx = gamma·rsqrt(var + eps)·(dy − dbeta[g]/n − x̂·dgamma[g]/n)
    else:      dx = gamma·rsqrt(var + eps)·dy

    `count` is n, the elements a statistic was taken over. Shapes as in
    batch_norm; dgamma, dbeta [G,C].
    Example:
    ```mlir
    %dx = pfc.batch_norm_grad %dy, %x, %mean, %var, %gamma, %dgamma, %dbeta
            {eps = 1.0e-5 : f64, count = 392 : i64, training}
            : tensor<8x7x7x512xf32>, tensor<1x512xf32>, tensor<512xf32>
    ```
    Made by: pfc-differentiate. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$output_grad, Pfc_Float:$input, Pfc_F32:$mean,
                       Pfc_F32:$variance, Pfc_F32:$gamma, Pfc_F32:$gamma_grad,
                       Pfc_F32:$beta_grad, F64Attr:$eps, I64Attr:$count,
                       UnitAttr:$training);
  let results = (outs Pfc_Float:$input_grad);
  let assemblyFormat = [{
    $output_grad `,` $input `,` $mean `,` $variance `,` $gamma `,` $gamma_grad
    `,` $beta_grad attr-dict `:` type($input) `,` type($mean) `,` type($gamma)
  }];
  let hasVerifier = 1;
}

def Pfc_PReluOp : Pfc_KernelOp<"prelu", [Vjp, Partitionable, Pointwise, Sweepable,
                                         AllTypesMatch<["input", "output"]>]> {
  let summary = "Parametric ReLU: y = x > 0 ? x : slope[c]·x";
  let description = [{
    Shapes: input [B,…,C], slope [C]. He et al., ICCV'15.
    Example: `%y = pfc.prelu %x, %a : tensor<8x7x7x64xf32>, tensor<64xf32>`

    Made by: frontend/graph. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$input, Pfc_F32:$slope);
  let results = (outs Pfc_Float:$output);
  let assemblyFormat = [{
    $input `,` $slope attr-dict `:` type($input) `,` type($slope)
  }];
  let hasVerifier = 1;
}

def Pfc_PReluGradOp : Pfc_KernelOp<"prelu_grad", [Partitionable, Pointwise, Sweepable,
    AllTypesMatch<["output_grad", "input", "input_grad"]>]> {
  let summary = "Gradient of prelu: dx = x > 0 ? dy : slope[c]·dy";
  let description = [{
    Example: `%dx = pfc.prelu_grad %dy, %x, %a : tensor<8x7x7x64xf32>, tensor<64xf32>`

    Made by: pfc-differentiate. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$output_grad, Pfc_Float:$input,
                       Pfc_F32:$slope);
  let results = (outs Pfc_Float:$input_grad);
  let assemblyFormat = [{
    $output_grad `,` $input `,` $slope attr-dict `:` type($input) `,`
    type($slope)
  }];
  let hasVerifier = 1;
}

def Pfc_PReluSlopeGradOp : Pfc_KernelOp<"prelu_slope_grad",
    [Partitionable, Costed, Sweepable, AllTypesMatch<["output_grad", "input"]>]> {
  let summary = "Gradient of prelu's slopes: dslope[c] = Σ over elements with x <= 0 of dy·x";
  let description = [{
    A sum over the batch: partial on a split batch.
    Example: `%da = pfc.prelu_slope_grad %dy, %x : tensor<8x7x7x64xf32> -> tensor<64xf32>`

    Made by: pfc-differentiate. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$output_grad, Pfc_Float:$input);
  let results = (outs Pfc_F32:$slope_grad);
  let assemblyFormat = [{
    $output_grad `,` $input attr-dict `:` type($input) `->` type($slope_grad)
  }];
  let hasVerifier = 1;
}

def Pfc_AddOp : Pfc_KernelOp<"add", [Vjp, Partitionable, Pointwise, Sweepable,
                                     SameOperandsAndResultType]> {
  let summary = "Element-wise sum";
  let description = [{
    Example: `%z = pfc.add %x, %y : tensor<8x7x7x64xf32>`

    Made by: frontend/graph (residuals), pfc-differentiate (a value used
    twice). Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$lhs, Pfc_Float:$rhs);
  let results = (outs Pfc_Float:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}

def Pfc_ReshapeOp : Pfc_Op<"reshape", [Pure, Vjp, Partitionable, Pointwise]> {
  let summary = "The same elements in the same order under another shape";
  let description = [{
    Rows of dimension 0 become as many, or each becomes several, or several
    become one: what is split along it stays so.

    (C1) equal element counts; (C2) one dimension 0 is a multiple of the other.
    Example:
    ```mlir
    %y = pfc.reshape %x : tensor<8x7x7x512xf32> -> tensor<8x25088xf32>
    %q = pfc.reshape %p : tensor<8x16x144x32xf32> -> tensor<128x144x32xf32>
    ```
    Made by: frontend/graph. Gone after: convert-pfc-to-plan (no instruction).
  }];
  let arguments = (ins Pfc_Any:$input);
  let results = (outs Pfc_Any:$output);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($output)";
  let hasVerifier = 1;
}

def Pfc_SliceOp : Pfc_Op<"slice", [Pure]> {
  let summary = "Some rows of a tensor, in place: y[j] = x[from + j]";
  let description = [{
    Rows are of dimension 0.

    (C1) The same extents but for dimension 0, the same element type. (C2)
    `from` >= 0, and x has `from` rows and those of y. (C3) What lies before y
    is a multiple of 64 bytes.
    Example: `%y = pfc.slice %x from 1024 : tensor<5000xi64> -> tensor<1024xi64>`

    Made by: pfc-tile-head. Gone after: convert-pfc-to-plan (no instruction).
  }];
  let arguments = (ins Pfc_Any:$input, I64Attr:$from);
  let results = (outs Pfc_Any:$output);
  let assemblyFormat = [{
    $input `from` $from attr-dict `:` type($input) `->` type($output)
  }];
  let hasVerifier = 1;
}

def Pfc_MatmulOp : Pfc_Op<"matmul", [Pure, Vjp, Partitionable, Costed]> {
  let summary = "Matrix product op(lhs)·op(rhs), summed in fp32";
  let description = [{
    lhs is [M,K], or [K,M] with `transpose_lhs`; rhs is [K,N], or [N,K] with
    `transpose_rhs`; result [M,N]. With `addend` the product is added to it.
    All three with a dimension G in front: a product for each g.

    (C1) contracted extents agree. (C2) result shape is [M,N]. (C3) An addend
    and its result are f32 of one type. (C4) Of products for each g, all G agree,
    and there is no addend.
    Example:
    ```mlir
    %y = pfc.matmul %x, %w {transpose_rhs}
           : tensor<8x25088xf32>, tensor<512x25088xf32> -> tensor<8x512xf32>
    %s = pfc.matmul %e, %v plus %y : tensor<8x512xf32>
           : tensor<8x100xf32>, tensor<100x512xf32> -> tensor<8x512xf32>
    %a = pfc.matmul %q, %k {transpose_rhs}
           : tensor<128x144x32xf32>, tensor<128x144x32xf32> -> tensor<128x144x144xf32>
    ```
    Made by: frontend/graph, pfc-differentiate, pfc-partition, pfc-tile-head.
    Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$lhs, Pfc_Float:$rhs,
                       Optional<Pfc_F32>:$addend, UnitAttr:$transpose_lhs,
                       UnitAttr:$transpose_rhs);
  let results = (outs Pfc_Float:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs (`plus` $addend^ `:` type($addend))? attr-dict `:` type($lhs)
    `,` type($rhs) `->` type($result)
  }];
  let builders = [
    OpBuilder<(ins "::mlir::Type":$type, "::mlir::Value":$lhs,
                   "::mlir::Value":$rhs, CArg<"bool", "false">:$transposeLhs,
                   CArg<"bool", "false">:$transposeRhs), [{
      build($_builder, $_state, type, lhs, rhs, /*addend=*/::mlir::Value(),
            transposeLhs, transposeRhs);
    }]>
  ];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Whether it is a product for each g.
    bool isBatched() {
      return ::llvm::cast<::mlir::RankedTensorType>(getResult().getType())
                 .getRank() == 3;
    }
  }];
}

def Pfc_LinearOp : Pfc_Op<"linear", [Pure, Vjp, Partitionable, Costed]> {
  let summary = "The fully connected layer without its bias: y = x·wᵀ";
  let description = [{
    Shapes: input [B,K], weight [N,K], output [B,N]. Becomes `matmul` in
    pfc-partition.
    Example: `%y = pfc.linear %x, %w : tensor<8x25088xf32>, tensor<512x25088xf32> -> tensor<8x512xf32>`

    Made by: frontend/graph. Gone after: pfc-partition.
  }];
  let arguments = (ins Pfc_Float:$input, Pfc_Float:$weight);
  let results = (outs Pfc_Float:$output);
  let assemblyFormat = [{
    $input `,` $weight attr-dict `:` type($input) `,` type($weight) `->`
    type($output)
  }];
  let hasVerifier = 1;
}

def Pfc_AddBiasOp : Pfc_KernelOp<"add_bias", [Vjp, Partitionable, Pointwise, Sweepable,
                                     AllTypesMatch<["input", "output"]>]> {
  let summary = "Adds each channel's bias: y = x + bias[c]";
  let description = [{
    Shapes: input [B,…,C], bias [C].
    Example: `%y = pfc.add_bias %x, %b : tensor<8x512xf32>, tensor<512xf32>`

    Made by: frontend/graph. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$input, Pfc_F32:$bias);
  let results = (outs Pfc_Float:$output);
  let assemblyFormat = [{
    $input `,` $bias attr-dict `:` type($input) `,` type($bias)
  }];
  let hasVerifier = 1;
}

def Pfc_ChannelSumOp : Pfc_KernelOp<"channel_sum", [Partitionable, Costed, Sweepable]> {
  let summary = "Sums over all but the last dimension: y[c] = Σ x[…,c]";
  let description = [{
    A sum over the batch: partial on a split batch.
    Example: `%db = pfc.channel_sum %dy : tensor<8x512xf32> -> tensor<512xf32>`

    Made by: pfc-differentiate. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$input);
  let results = (outs Pfc_F32:$output);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($output)";
  let hasVerifier = 1;
}

def Pfc_SumGroupsOp : Pfc_KernelOp<"sum_groups", [Partitionable, Pointwise]> {
  let summary = "Sum over groups: y[c] = scale · Σ_g x[g,c]";
  let description = [{
    Shapes: [G,C] → [C]. Partial where the groups are split over ranks.
    Example: `%y = pfc.sum_groups %x {scale = 0.5 : f64} : tensor<2x64xf32> -> tensor<64xf32>`

    Made by: pfc-differentiate. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_F32:$input, F64Attr:$scale);
  let results = (outs Pfc_F32:$output);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($output)";
  let hasVerifier = 1;
}

def Pfc_DropoutOp : Pfc_KernelOp<"dropout", [Vjp, Partitionable, Pointwise,
                                     AllTypesMatch<["input", "output"]>]> {
  let summary = "Zeroes a fraction `rate` of the elements, scales the others";
  let description = [{
    y = keep ? x/(1 − rate) : 0. Element e of global row i (row_offset + local
    row) of K is kept where u >= rate, with u in [0,1) of word j%4 of
    Philox(seed; j/4 low word, step, layer; purpose Dropout), j = i·K + e: the
    same at any world size.

    Shapes: input [B,K]; step, row_offset [1].
    Example:
    ```mlir
    %y = pfc.dropout %x, %step, offset %row : tensor<1xi64>
           {rate = 0.4 : f64, seed = 1 : i64, layer = 0 : i64} : tensor<8x25088xf32>, tensor<1xi64>
    ```
    Made by: frontend/graph; its gradient is itself on dy. Gone after:
    convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$input, Pfc_I64:$step,
                       Optional<Pfc_I64>:$row_offset, F64Attr:$rate,
                       I64Attr:$seed, I64Attr:$layer);
  let results = (outs Pfc_Float:$output);
  let assemblyFormat = [{
    $input `,` $step (`,` `offset` $row_offset^ `:` type($row_offset))? attr-dict `:` type($input) `,` type($step)
  }];
  let hasVerifier = 1;
}

def Pfc_CastOp : Pfc_KernelOp<"cast", [Pointwise, Sweepable]> {
  let summary = "Converts the element type, to nearest even";
  let description = [{
    Example: `%y = pfc.cast %x : tensor<8x512xf32> -> tensor<8x512xbf16>`

    Made by: pfc-mixed-precision. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$input);
  let results = (outs Pfc_Float:$output);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($output)";
  let hasVerifier = 1;
}

#endif // PFC_OPS_NETWORK

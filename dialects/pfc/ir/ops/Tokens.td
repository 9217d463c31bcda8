//===- Tokens.td - What vision transformers have besides ---*- tablegen -*-===//
#ifndef PFC_OPS_TOKENS
#define PFC_OPS_TOKENS

include "dialects/pfc/ir/ops/Base.td"

def Pfc_LayerStatsOp : Pfc_KernelOp<"layer_stats", [Partitionable, Costed,
    AllTypesMatch<["mean", "variance"]>]> {
  let summary = "Mean and variance of each token's channels";
  let description = [{
    Over the C channels of each position,

        mean[b,…] = Σ_c x / C        var[b,…] = Σ_c (x − mean)² / C

    in one pass: sums of δ and δ², with δ the distance from the first channel,
    which loses at most log2(C) bits of the variance.

    Shapes: input [B,…,C]; mean, var [B,…].
    Example:
    ```mlir
    %mean, %var = pfc.layer_stats %x : tensor<8x144x1x512xf32> -> tensor<8x144x1xf32>
    ```
    Made by: frontend/graph. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$input);
  let results = (outs Pfc_F32:$mean, Pfc_F32:$variance);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($mean)";
  let hasVerifier = 1;
}

def Pfc_LayerNormOp : Pfc_KernelOp<"layer_norm",
    [Vjp, Partitionable, Pointwise, Sweepable,
     AllTypesMatch<["mean", "variance"]>, AllTypesMatch<["gamma", "beta"]>,
     AllShapesMatch<["input", "output"]>]> {
  let summary = "Applies layer normalisation with the input's own statistics";
  let description = [{
    y = (x − mean[b,…])·rsqrt(var[b,…] + eps)·gamma[c] + beta[c]

    with the statistics of layer_stats; the gradient accounts for their being
    x's (Ba et al., Layer Normalization, 2016).

    Shapes: input, output [B,…,C] (element types may differ: of a residual
    stream in fp32 it makes what a product takes); mean, var [B,…]; gamma, beta
    [C].
    Example:
    ```mlir
    %y = pfc.layer_norm %x, %mean, %var, %gamma, %beta {eps = 1.0e-5 : f64}
           : tensor<8x144x1x512xf32>, tensor<8x144x1xf32>, tensor<512xf32> -> tensor<8x144x1x512xbf16>
    ```
    Made by: frontend/graph. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$input, Pfc_F32:$mean, Pfc_F32:$variance,
                       Pfc_F32:$gamma, Pfc_F32:$beta, F64Attr:$eps);
  let results = (outs Pfc_Float:$output);
  let assemblyFormat = [{
    $input `,` $mean `,` $variance `,` $gamma `,` $beta attr-dict `:`
    type($input) `,` type($mean) `,` type($gamma) `->` type($output)
  }];
  let hasVerifier = 1;
}

def Pfc_LayerNormGradStatsOp : Pfc_KernelOp<"layer_norm_grad_stats",
    [Partitionable, Costed, AllShapesMatch<["input", "output_grad"]>,
     AllTypesMatch<["mean", "variance", "sum", "projection"]>]> {
  let summary = "What a token's gradient has along its statistics";
  let description = [{
    With x̂ = (x − mean)·rsqrt(var + eps), for each position
        sum = Σ_c gamma·dy        projection = Σ_c gamma·dy·x̂
    Shapes and types as in layer_norm, dy being its output's; sum, projection
    [B,…].
    Example:
    ```mlir
    %sum, %projection = pfc.layer_norm_grad_stats %dy, %x, %mean, %var, %gamma
        {eps = 1.0e-5 : f64} : tensor<8x144x1x512xbf16>, tensor<8x144x1x512xf32>,
        tensor<8x144x1xf32>, tensor<512xf32>
    ```
    Made by: pfc-differentiate. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$output_grad, Pfc_Float:$input, Pfc_F32:$mean,
                       Pfc_F32:$variance, Pfc_F32:$gamma, F64Attr:$eps);
  let results = (outs Pfc_F32:$sum, Pfc_F32:$projection);
  let assemblyFormat = [{
    $output_grad `,` $input `,` $mean `,` $variance `,` $gamma attr-dict `:`
    type($output_grad) `,` type($input) `,` type($mean) `,` type($gamma)
  }];
  let hasVerifier = 1;
}

def Pfc_LayerNormGradOp : Pfc_KernelOp<"layer_norm_grad",
    [Partitionable, Pointwise, Sweepable,
     AllShapesMatch<["input", "output_grad"]>,
     AllTypesMatch<["input", "input_grad"]>,
     AllTypesMatch<["mean", "variance", "sum", "projection"]>]> {
  let summary = "Gradient of layer_norm with respect to its input";
  let description = [{
    dx = rsqrt(var + eps)·(gamma·dy − (sum + x̂·projection)/C)

    Operands as in layer_norm_grad_stats, which made sum and projection.
    Example:
    ```mlir
    %dx = pfc.layer_norm_grad %dy, %x, %mean, %var, %gamma, %sum, %projection
            {eps = 1.0e-5 : f64} : tensor<8x144x1x512xbf16>, tensor<8x144x1x512xf32>,
            tensor<8x144x1xf32>, tensor<512xf32>
    ```
    Made by: pfc-differentiate. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$output_grad, Pfc_Float:$input, Pfc_F32:$mean,
                       Pfc_F32:$variance, Pfc_F32:$gamma, Pfc_F32:$sum,
                       Pfc_F32:$projection, F64Attr:$eps);
  let results = (outs Pfc_Float:$input_grad);
  let assemblyFormat = [{
    $output_grad `,` $input `,` $mean `,` $variance `,` $gamma `,` $sum `,`
    $projection attr-dict `:` type($output_grad) `,` type($input) `,`
    type($mean) `,` type($gamma)
  }];
  let hasVerifier = 1;
}

def Pfc_LayerNormGainGradOp : Pfc_KernelOp<"layer_norm_gain_grad",
    [Partitionable, Costed, Sweepable,
     AllShapesMatch<["input", "output_grad"]>,
     AllTypesMatch<["mean", "variance"]>]> {
  let summary = "Gradient of layer_norm's gain: dgamma[c] = Σ over the positions of dy·x̂";
  let description = [{
    A sum over the batch: partial on a split batch. Operands as in
    layer_norm_grad_stats. (dbeta is a channel_sum.)
    Example:
    ```mlir
    %dgamma = pfc.layer_norm_gain_grad %dy, %x, %mean, %var {eps = 1.0e-5 : f64}
        : tensor<8x144x1x512xbf16>, tensor<8x144x1x512xf32>, tensor<8x144x1xf32> -> tensor<512xf32>
    ```
    Made by: pfc-differentiate. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$output_grad, Pfc_Float:$input, Pfc_F32:$mean,
                       Pfc_F32:$variance, F64Attr:$eps);
  let results = (outs Pfc_F32:$gamma_grad);
  let assemblyFormat = [{
    $output_grad `,` $input `,` $mean `,` $variance attr-dict `:`
    type($output_grad) `,` type($input) `,` type($mean) `->` type($gamma_grad)
  }];
  let hasVerifier = 1;
}

def Pfc_Relu6Op : Pfc_KernelOp<"relu6", [Vjp, Partitionable, Pointwise, Sweepable,
                                         SameOperandsAndResultType]> {
  let summary = "ReLU up to 6: y = min(max(x, 0), 6)";
  let description = [{
    Example: `%y = pfc.relu6 %x : tensor<8x144x1x2048xf32>`

    Made by: frontend/graph. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$input);
  let results = (outs Pfc_Float:$output);
  let assemblyFormat = "$input attr-dict `:` type($output)";
}

def Pfc_Relu6GradOp : Pfc_KernelOp<"relu6_grad", [Partitionable, Pointwise, Sweepable,
                                                  SameOperandsAndResultType]> {
  let summary = "Gradient of relu6: dx = 0 < x < 6 ? dy : 0";
  let description = [{
    Example: `%dx = pfc.relu6_grad %dy, %x : tensor<8x144x1x2048xf32>`

    Made by: pfc-differentiate. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$output_grad, Pfc_Float:$input);
  let results = (outs Pfc_Float:$input_grad);
  let assemblyFormat = "$output_grad `,` $input attr-dict `:` type($input_grad)";
}

def Pfc_DropPathOp : Pfc_KernelOp<"drop_path", [Vjp, Partitionable, Pointwise, Sweepable,
                                     AllTypesMatch<["input", "output"]>]> {
  let summary = "Zeroes a fraction `rate` of the images, scales the others";
  let description = [{
    Stochastic depth (Huang et al., ECCV'16): y = keep ? x/(1 − rate) : 0, for
    all of an image alike. Global row i (row_offset + local row) is kept where
    u >= rate, with u in [0,1) of word i%4 of Philox(seed; i/4, step, layer;
    purpose DropPath): the same at any world size.

    Shapes: input [B,…]; step, row_offset [1].
    Example: `%y = pfc.drop_path %x, %step {rate = 0.1 : f64, seed = 1 : i64, layer = 3 : i64} : tensor<8x144x1x512xf32>`

    Made by: frontend/graph; its gradient is itself on dy. Gone after:
    convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$input, Pfc_Integer:$step,
                       Optional<Pfc_Integer>:$row_offset, F64Attr:$rate,
                       I64Attr:$seed, I64Attr:$layer);
  let results = (outs Pfc_Float:$output);
  let assemblyFormat = [{
    $input `,` $step (`offset` $row_offset^)? attr-dict `:` type($input)
  }];
  let hasVerifier = 1;
}

def Pfc_SplitHeadsOp : Pfc_Op<"split_heads", [Pure, Vjp, Partitionable, Pointwise, Rows]> {
  let summary = "Tokens' channels to heads of attention";
  let description = [{
    With n results, h = `heads` and T positions,

        part_m[b·h + i, t, e] = x[b, t, (m·h + i)·d + e],   m < n

    Shapes: input [B,…,n·h·d], where … are T positions; parts [B·h,T,d]. As
    torch's qkv.reshape(B, T, 3, h, d).permute(2, 0, 3, 1, 4) for n = 3.

    (C1) shapes as above.
    Example:
    ```mlir
    %q, %k, %v = pfc.split_heads %qkv {heads = 8 : i64}
      : tensor<4x144x1x1536xf32> -> tensor<32x144x64xf32>, tensor<32x144x64xf32>, tensor<32x144x64xf32>
    ```
    Made by: frontend/graph; pfc-differentiate, of merge_heads. Gone after:
    convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$input, I64Attr:$heads);
  let results = (outs Variadic<Pfc_Float>:$parts);
  let assemblyFormat = [{
    $input attr-dict `:` type($input) `->` type($parts)
  }];
  let hasVerifier = 1;
}

def Pfc_MergeHeadsOp : Pfc_Op<"merge_heads", [Pure, Vjp, Partitionable, Pointwise, Rows]> {
  let summary = "Heads of attention to tokens' channels";
  let description = [{
    The inverse of split_heads: y[b, t, (m·h + i)·d + e] = part_m[b·h + i, t, e].

    (C1) shapes as for split_heads.
    Example: `%y = pfc.merge_heads %o {heads = 8 : i64} : tensor<32x144x64xf32> -> tensor<4x144x1x512xf32>`

    Made by: frontend/graph; pfc-differentiate, of split_heads. Gone after:
    convert-pfc-to-plan.
  }];
  let arguments = (ins Variadic<Pfc_Float>:$parts, I64Attr:$heads);
  let results = (outs Pfc_Float:$output);
  let assemblyFormat = [{
    $parts attr-dict `:` type($parts) `->` type($output)
  }];
  let hasVerifier = 1;
}

def Pfc_SoftmaxOp : Pfc_Op<"softmax", [Pure, Vjp, Partitionable, Costed, Rows]> {
  let summary = "Softmax over the last dimension: y = softmax(scale·x)";
  let description = [{
    y[…,j] = exp(scale·x[…,j] − m)/Σ_j exp(scale·x[…,j] − m),  m = scale·max_j x

    Shapes: input, output [B,…,N] (element types may differ). (C1) scale > 0.
    Example: `%p = pfc.softmax %s {scale = 0.125 : f64} : tensor<32x144x144xf32> -> tensor<32x144x144xbf16>`

    Made by: frontend/graph. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$input, F64Attr:$scale);
  let results = (outs Pfc_Float:$output);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($output)";
  let hasVerifier = 1;
}

def Pfc_SoftmaxGradOp : Pfc_Op<"softmax_grad", [Pure, Partitionable, Costed, Rows,
    AllShapesMatch<["output_grad", "output", "input_grad"]>]> {
  let summary = "Gradient of softmax: dx = scale·y·(dy − Σ_j y[…,j]·dy[…,j])";
  let description = [{
    y is softmax's result.
    Example: `%dx = pfc.softmax_grad %dy, %y {scale = 0.125 : f64} : tensor<32x144x144xf32>, tensor<32x144x144xbf16> -> tensor<32x144x144xf32>`

    Made by: pfc-differentiate. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$output_grad, Pfc_Float:$output, F64Attr:$scale);
  let results = (outs Pfc_Float:$input_grad);
  let assemblyFormat = [{
    $output_grad `,` $output attr-dict `:` type($output_grad) `,` type($output)
    `->` type($input_grad)
  }];
}

def Pfc_SampleTokensOp : Pfc_Op<"sample_tokens", [Pure, Partitionable, Pointwise, Rows,
                                                  AllTypesMatch<["keys", "slots"]>]> {
  let summary = "The tokens of each image that take part in a step";
  let description = [{
    Masking of tokens in training (He et al., Masked Autoencoders, CVPR'22): of
    an image's T tokens K are kept. Token t of global row i (row_offset + local
    row) has as its key word j%4 of Philox(seed; j/4, step, 0; purpose
    SampleTokens), j = i·T + t; those with the K smallest keys, of equal ones
    the first, are kept, in the order of their keys:

        kept[i, r] = t,  slots[i, t] = r   where t is the r-th, r < K
        slots[i, t] = −1                   else

    the same at any world size. Shapes: step, row_offset [1]; kept [B,K]; keys,
    slots [B,T]. (C1) K <= T.
    Example: `%kept, %slots, %keys = pfc.sample_tokens %step {seed = 1 : i64} : tensor<8x129xi64>, tensor<8x144xi64>`

    Made by: frontend/graph. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Integer:$step, Optional<Pfc_Integer>:$row_offset,
                       I64Attr:$seed);
  let results = (outs Pfc_I64:$kept, Pfc_I64:$slots, Pfc_I64:$keys);
  let assemblyFormat = [{
    $step (`offset` $row_offset^)? attr-dict `:` type($kept) `,` type($slots)
  }];
  let hasVerifier = 1;
}

def Pfc_GatherTokensOp : Pfc_Op<"gather_tokens", [Pure, Vjp, Partitionable, Pointwise, Rows]> {
  let summary = "Some of an image's tokens: y[b,k] = x[b, kept[b,k]]";
  let description = [{
    Shapes: input [B,T,1,C]; kept [B,K], slots [B,T] of sample_tokens, of which
    the gradient takes the latter; output [B,K,1,C].
    Example: `%y = pfc.gather_tokens %x, %kept, %slots : tensor<8x144x1x512xf32>, tensor<8x129xi64>, tensor<8x144xi64> -> tensor<8x129x1x512xf32>`

    Made by: frontend/graph; pfc-differentiate, of restore_tokens. Gone after:
    convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$input, Pfc_I64:$kept, Pfc_I64:$slots);
  let results = (outs Pfc_Float:$output);
  let assemblyFormat = [{
    $input `,` $kept `,` $slots attr-dict `:` type($input) `,` type($kept) `,`
    type($slots) `->` type($output)
  }];
  let hasVerifier = 1;
}

def Pfc_RestoreTokensOp : Pfc_Op<"restore_tokens", [Pure, Vjp, Partitionable, Pointwise, Rows]> {
  let summary = "Puts tokens where they were, a mask token where none is";
  let description = [{
    y[b,t] = slots[b,t] >= 0 ? x[b, slots[b,t]] : mask

    Shapes: input [B,K,1,C]; kept, slots as in gather_tokens; mask [C], without
    which it is zero; output [B,T,1,C].
    Example: `%y = pfc.restore_tokens %x, %kept, %slots mask %m : tensor<512xf32> : tensor<8x129x1x512xf32>, tensor<8x129xi64>, tensor<8x144xi64> -> tensor<8x144x1x512xf32>`

    Made by: frontend/graph; pfc-differentiate, of gather_tokens. Gone after:
    convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$input, Pfc_I64:$kept, Pfc_I64:$slots,
                       Optional<Pfc_F32>:$mask);
  let results = (outs Pfc_Float:$output);
  let assemblyFormat = [{
    $input `,` $kept `,` $slots (`mask` $mask^ `:` type($mask))? attr-dict `:`
    type($input) `,` type($kept) `,` type($slots) `->` type($output)
  }];
  let hasVerifier = 1;
}

def Pfc_MaskTokenGradOp : Pfc_KernelOp<"mask_token_grad", [Partitionable, Pointwise]> {
  let summary = "Gradient of the mask token: dmask[c] = Σ over the positions with slots < 0 of dy";
  let description = [{
    A sum over the batch: partial on a split batch. Shapes: output_grad
    [B,T,1,C]; slots [B,T]; mask_grad [C].
    Example: `%dmask = pfc.mask_token_grad %dy, %slots : tensor<8x144x1x512xf32>, tensor<8x144xi64> -> tensor<512xf32>`

    Made by: pfc-differentiate. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$output_grad, Pfc_I64:$slots);
  let results = (outs Pfc_F32:$mask_grad);
  let assemblyFormat = [{
    $output_grad `,` $slots attr-dict `:` type($output_grad) `,` type($slots)
    `->` type($mask_grad)
  }];
  let hasVerifier = 1;
}

#endif // PFC_OPS_TOKENS

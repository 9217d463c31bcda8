//===- PfcOps.td - The ops of the pfc dialect --------------*- tablegen -*-===//
//
//   State       variable assign output gradient rank_constant
//   Network     scale_pixels conv2d batch_stats merge_stats batch_norm prelu
//               add reshape linear dropout
//   Tokens      layer_stats layer_norm relu6 drop_path split_heads merge_heads
//               softmax sample_tokens gather_tokens restore_tokens
//   Head        sample_centers gather_rows normalize row_norms adaptive_margins
//               cosine_logits margin softmax_cross_entropy
//   Gradients   *_grad*, channel_sum, sum_groups, scatter_rows, matmul
//   Optimizer   moving_average sum_squares clip_factor sgd update_rows
//               bias_corrections adamw found_inf update_loss_scale
//               bucket unbucket chunk_sum_squares
//   One rank's  sample_local_centers softmax_stats softmax_loss
//               fetch_rows store_rows
//               margin_softmax margin_softmax_grad margin_exp margin_patch
//               margin_cosines_grad scale_rows cast sweep yield barrier
//
// Every op states its formula, shapes, constraints (C1) …, who makes it and
// after which pass it is gone.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_OPS
#define PFC_OPS

include "dialects/pfc/ir/PfcDialect.td"
include "dialects/pfc/ir/PfcEnums.td"
include "dialects/pfc/ir/PfcInterfaces.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

// Of at least one dimension and one element.
class Pfc_TensorOf<list<Type> elements> : ConfinedType<
    StaticShapeTensorOf<elements>,
    [CPred<"!::llvm::cast<::mlir::ShapedType>($_self).getShape().empty() && "
           "::llvm::all_of(::llvm::cast<::mlir::ShapedType>($_self).getShape(), "
           "[](int64_t extent) { return extent > 0; })">],
    StaticShapeTensorOf<elements>.summary # " with elements",
    "::mlir::RankedTensorType">;
def Pfc_Float : Pfc_TensorOf<[F32, BF16, F16, F64]>;
def Pfc_F32 : Pfc_TensorOf<[F32]>;
def Pfc_I64 : Pfc_TensorOf<[I64]>;
// One f32, whose type need not be written.
def Pfc_Scalar : Type<
    CPred<"$_self == ::mlir::RankedTensorType::get({1}, "
          "::mlir::Float32Type::get($_self.getContext()))">,
    "tensor of one 32-bit float", "::mlir::RankedTensorType">,
    BuildableType<"::mlir::RankedTensorType::get({1}, "
                  "$_builder.getF32Type())">;
// One i64, likewise.
def Pfc_Integer : Type<
    CPred<"$_self == ::mlir::RankedTensorType::get({1}, "
          "::mlir::IntegerType::get($_self.getContext(), 64))">,
    "tensor of one 64-bit integer", "::mlir::RankedTensorType">,
    BuildableType<"::mlir::RankedTensorType::get({1}, "
                  "$_builder.getI64Type())">;
def Pfc_Any : Pfc_TensorOf<[F32, BF16, F16, F64, I64, UI8, I8]>;

// How an op takes part in the passes.
def Vjp : DeclareOpInterfaceMethods<DifferentiableOpInterface>;
def Partitionable : DeclareOpInterfaceMethods<PartitionableOpInterface>;
def Costed : DeclareOpInterfaceMethods<CostOpInterface, ["getCost"]>;
def Pointwise : DeclareOpInterfaceMethods<CostOpInterface>;
def Body : DeclareOpInterfaceMethods<KernelBodyOpInterface>;
def Rows : DeclareOpInterfaceMethods<RowKernelOpInterface>;
// On activations, element by element (Sweep.h).
def Sweepable : NativeOpTrait<"Sweepable"> {
  let cppNamespace = "::pfc";
}

class Pfc_Op<string mnemonic, list<Trait> traits = []>
    : Op<Pfc_Dialect, mnemonic, traits>;

// A pure op whose generated code is linalg.
class Pfc_KernelOp<string mnemonic, list<Trait> traits = []>
    : Pfc_Op<mnemonic, !listconcat([Pure, Body], traits)>;

//===----------------------------------------------------------------------===//
// State
//===----------------------------------------------------------------------===//

def Pfc_VariableOp : Pfc_Op<"variable", [Pure, Partitionable]> {
  let summary = "Reads persistent state as it was when the step began";
  let description = [{
    `name` is the field's state-dict name. `rows`, given on state whose rows
    (dimension 0) are split over the ranks, is the logical number of rows; the
    local tensor has ⌈rows/R⌉, of which the last may be unused.

    `host` state lies in the host's memory. It is zero when a job begins, and
    fetch_rows and store_rows alone touch it.

    (C1) The init of a `sharded` variable does not depend on the world size:
    element values are functions of (seed, name, global index).

    Example:
    ```mlir
    %w = pfc.variable "conv1.weight" parameter init<normal, 0.0, 0.1>
           {state_dict = #pfc.export<view = [64, 3, 3, 3] perm = [0, 3, 1, 2] shape = [64, 3, 3, 3]>}
           : tensor<64x3x3x3xf32>
    %c = pfc.variable "head.weight" parameter init<normal, 0.0, 0.01> {sharded, rows = 1000 : i64} : tensor<1000x512xf32>
    ```
    Made by: frontend/graph, pfc-insert-optimizer. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins StrAttr:$name, Pfc_RoleAttr:$role, Pfc_InitAttr:$init,
                       OptionalAttr<Pfc_ExportAttr>:$state_dict,
                       OptionalAttr<I64Attr>:$rows,
                       UnitAttr:$sharded, UnitAttr:$host);
  let results = (outs Pfc_Any:$value);
  let assemblyFormat = "$name $role `init` $init attr-dict `:` type($value)";
}

def Pfc_AssignOp : Pfc_Op<"assign", [Partitionable]> {
  let summary = "Writes persistent state for the next step";
  let description = [{
    Example: `pfc.assign "conv1.weight", %new : tensor<64x3x3x3xf32>`

    (C1) A variable of that name and type is read in the same function (checked
    by pfc-verify-partitioned).
    Made by: pfc-insert-optimizer, frontend/graph (running statistics). Gone
    after: convert-pfc-to-plan.
  }];
  let arguments = (ins StrAttr:$name, Pfc_Any:$value);
  let assemblyFormat = "$name `,` $value attr-dict `:` type($value)";
}

def Pfc_OutputOp : Pfc_Op<"output", [Partitionable]> {
  let summary = "Names a value the host reads after the step";
  let description = [{
    Example: `pfc.output "loss", %loss : tensor<1xf32>`

    Made by: frontend/graph, pfc-insert-optimizer. Gone after:
    convert-pfc-to-plan.
  }];
  let arguments = (ins StrAttr:$name, Pfc_Any:$value);
  let assemblyFormat = "$name `,` $value attr-dict `:` type($value)";
}

def Pfc_GradientOp : Pfc_Op<"gradient"> {
  let summary = "Names the gradient of the loss with respect to a parameter";
  let description = [{
    Example: `pfc.gradient "conv1.weight", %dw : tensor<64x3x3x3xf32>`

    (C1) A parameter of that name and type is read in the same function.
    Made by: pfc-differentiate. Gone after: pfc-insert-optimizer.
  }];
  let arguments = (ins StrAttr:$name, Pfc_Float:$value);
  let assemblyFormat = "$name `,` $value attr-dict `:` type($value)";
}

def Pfc_RankConstantOp : Pfc_Op<"rank_constant", [Pure]> {
  let summary = "An integer that depends on the rank";
  let description = [{
    value(rank) = base + per_rank·rank + (rank < threshold ? below : 0)
                + per_capped_rank·min(rank, threshold)

    The first of 10 classes on rank r of 4 (q = 2, m = 2):
    ```mlir
    %first = pfc.rank_constant base 0 per_rank 2 threshold 2 below 0 per_capped_rank 1 : tensor<1xi64>
    ```
    Made by: pfc-partition. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins I64Attr:$base, I64Attr:$per_rank, I64Attr:$threshold,
                       I64Attr:$below, I64Attr:$per_capped_rank);
  let results = (outs Pfc_I64:$value);
  let assemblyFormat = [{
    `base` $base `per_rank` $per_rank `threshold` $threshold `below` $below
    `per_capped_rank` $per_capped_rank attr-dict `:` type($value)
  }];
  let extraClassDeclaration = [{
    /// The value on `rank`.
    int64_t evaluate(int64_t rank);
  }];
}

//===----------------------------------------------------------------------===//
// Network
//===----------------------------------------------------------------------===//

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
  let summary = "y = x > 0 ? x : slope[c]·x";
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
  let summary = "dx = x > 0 ? dy : slope[c]·dy";
  let description = "Made by: pfc-differentiate. Gone after: convert-pfc-to-plan.";
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
  let summary = "dslope[c] = Σ over elements with x <= 0 of dy·x";
  let description = [{
    A sum over the batch: partial on a split batch.
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
  let summary = "y[j] = x[from + j]: some rows of a tensor, in place";
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
  let summary = "y = x·wᵀ, the fully connected layer without its bias";
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
  let summary = "y = x + bias[c]";
  let description = [{
    Shapes: input [B,…,C], bias [C].
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
  let summary = "y[c] = Σ over all but the last dimension of x";
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
  let summary = "y[c] = scale · Σ_g x[g,c]";
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

def Pfc_CastOp : Pfc_KernelOp<"cast", [Pointwise]> {
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

//===----------------------------------------------------------------------===//
// Tokens: what vision transformers have beside the layers above
//===----------------------------------------------------------------------===//

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
     AllTypesMatch<["input", "output"]>]> {
  let summary = "Applies layer normalisation with the input's own statistics";
  let description = [{
    y = (x − mean[b,…])·rsqrt(var[b,…] + eps)·gamma[c] + beta[c]

    with the statistics of layer_stats; the gradient accounts for their being
    x's (Ba et al., Layer Normalization, 2016).

    Shapes: input [B,…,C]; mean, var [B,…]; gamma, beta [C].
    Example:
    ```mlir
    %y = pfc.layer_norm %x, %mean, %var, %gamma, %beta {eps = 1.0e-5 : f64}
           : tensor<8x144x1x512xf32>, tensor<8x144x1xf32>, tensor<512xf32>
    ```
    Made by: frontend/graph. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$input, Pfc_F32:$mean, Pfc_F32:$variance,
                       Pfc_F32:$gamma, Pfc_F32:$beta, F64Attr:$eps);
  let results = (outs Pfc_Float:$output);
  let assemblyFormat = [{
    $input `,` $mean `,` $variance `,` $gamma `,` $beta attr-dict `:`
    type($input) `,` type($mean) `,` type($gamma)
  }];
  let hasVerifier = 1;
}

def Pfc_LayerNormGradStatsOp : Pfc_KernelOp<"layer_norm_grad_stats",
    [Partitionable, Costed, AllTypesMatch<["input", "output_grad"]>,
     AllTypesMatch<["mean", "variance", "sum", "projection"]>]> {
  let summary = "What a token's gradient has along its statistics";
  let description = [{
    With x̂ = (x − mean)·rsqrt(var + eps), for each position
        sum = Σ_c gamma·dy        projection = Σ_c gamma·dy·x̂
    Shapes as in layer_norm; sum, projection [B,…].
    Made by: pfc-differentiate. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$output_grad, Pfc_Float:$input, Pfc_F32:$mean,
                       Pfc_F32:$variance, Pfc_F32:$gamma, F64Attr:$eps);
  let results = (outs Pfc_F32:$sum, Pfc_F32:$projection);
  let assemblyFormat = [{
    $output_grad `,` $input `,` $mean `,` $variance `,` $gamma attr-dict `:`
    type($input) `,` type($mean) `,` type($gamma)
  }];
  let hasVerifier = 1;
}

def Pfc_LayerNormGradOp : Pfc_KernelOp<"layer_norm_grad",
    [Partitionable, Pointwise, Sweepable,
     AllTypesMatch<["input", "output_grad", "input_grad"]>,
     AllTypesMatch<["mean", "variance", "sum", "projection"]>]> {
  let summary = "Gradient of layer_norm with respect to its input";
  let description = [{
    dx = rsqrt(var + eps)·(gamma·dy − (sum + x̂·projection)/C)

    Operands as in layer_norm_grad_stats, which made sum and projection.
    Made by: pfc-differentiate. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$output_grad, Pfc_Float:$input, Pfc_F32:$mean,
                       Pfc_F32:$variance, Pfc_F32:$gamma, Pfc_F32:$sum,
                       Pfc_F32:$projection, F64Attr:$eps);
  let results = (outs Pfc_Float:$input_grad);
  let assemblyFormat = [{
    $output_grad `,` $input `,` $mean `,` $variance `,` $gamma `,` $sum `,`
    $projection attr-dict `:` type($input) `,` type($mean) `,` type($gamma)
  }];
  let hasVerifier = 1;
}

def Pfc_LayerNormGainGradOp : Pfc_KernelOp<"layer_norm_gain_grad",
    [Partitionable, Costed, Sweepable,
     AllTypesMatch<["input", "output_grad"]>,
     AllTypesMatch<["mean", "variance"]>]> {
  let summary = "dgamma[c] = Σ over the positions of dy·x̂";
  let description = [{
    A sum over the batch: partial on a split batch. Operands as in
    layer_norm_grad_stats. (dbeta is a channel_sum.)
    Made by: pfc-differentiate. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$output_grad, Pfc_Float:$input, Pfc_F32:$mean,
                       Pfc_F32:$variance, F64Attr:$eps);
  let results = (outs Pfc_F32:$gamma_grad);
  let assemblyFormat = [{
    $output_grad `,` $input `,` $mean `,` $variance attr-dict `:`
    type($input) `,` type($mean) `->` type($gamma_grad)
  }];
  let hasVerifier = 1;
}

def Pfc_Relu6Op : Pfc_KernelOp<"relu6", [Vjp, Partitionable, Pointwise, Sweepable,
                                         SameOperandsAndResultType]> {
  let summary = "y = min(max(x, 0), 6)";
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
  let summary = "dx = 0 < x < 6 ? dy : 0";
  let description = "Made by: pfc-differentiate. Gone after: convert-pfc-to-plan.";
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
  let summary = "y = softmax(scale·x) over the last dimension";
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
  let summary = "dx = scale·y·(dy − Σ_j y[…,j]·dy[…,j])";
  let description = [{
    y is softmax's result.
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
  let summary = "y[b,k] = x[b, kept[b,k]]: some of an image's tokens";
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
  let summary = "dmask[c] = Σ over the positions with slots < 0 of dy";
  let description = [{
    A sum over the batch: partial on a split batch. Shapes: output_grad
    [B,T,1,C]; slots [B,T]; mask_grad [C].
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

//===----------------------------------------------------------------------===//
// Fused
//===----------------------------------------------------------------------===//

def Pfc_SweepOp : Pfc_KernelOp<"sweep", [Costed, IsolatedFromAbove,
    SingleBlock]> {
  let summary = "One pass over activations that does several ops";
  let description = [{
    Means what its body means, in whose ops nothing else is hidden: each acts on
    the activations [B,…,C] element by element, or sums over them. An element is
    read once, goes through all of them in registers, rounded as each op's
    result type says, and is written where the body yields it. Sums are formed
    in fp32, first for each image, then over the images in order.

    (C1) The body's arguments have the inputs' types, what it yields those of
    the outputs. (C2) Its ops are all over activations of one shape, of three
    dimensions or more. (C3) None reads what another one sums: that is known
    when the pass is over.

    Example:
    ```mlir
    %y, %mean, %var = pfc.sweep(%x, %m, %v, %g, %b, %shortcut) {
    ^bb0(%0: tensor<8x7x7x64xbf16>, %1: tensor<1x64xf32>, %2: tensor<1x64xf32>,
         %3: tensor<64xf32>, %4: tensor<64xf32>, %5: tensor<8x7x7x64xbf16>):
      %6 = pfc.batch_norm %0, %1, %2, %3, %4 {eps = 1.0e-5 : f64, training} : tensor<8x7x7x64xbf16>, tensor<1x64xf32>, tensor<64xf32>
      %7 = pfc.add %6, %5 : tensor<8x7x7x64xbf16>
      %8, %9 = pfc.batch_stats %7 : tensor<8x7x7x64xbf16> -> tensor<1x64xf32>
      pfc.yield %7, %8, %9 : tensor<8x7x7x64xbf16>, tensor<1x64xf32>, tensor<1x64xf32>
    } : (…) -> (tensor<8x7x7x64xbf16>, tensor<1x64xf32>, tensor<1x64xf32>)
    ```
    Made by: pfc-fuse-pointwise. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Variadic<Pfc_Any>:$inputs);
  let results = (outs Variadic<Pfc_Float>:$outputs);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    `(` $inputs `)` $body attr-dict `:` functional-type($inputs, $outputs)
  }];
  let extraClassDeclaration = [{
    /// The values that its terminator yields, one a result.
    ::mlir::OperandRange getYielded();
  }];
  let hasVerifier = 1;
}

def Pfc_BarrierOp : Pfc_Op<"barrier", [Pure, AllTypesMatch<["input", "output"]>]> {
  let summary = "The same value, for what comes after another";
  let description = [{
    What reads it is computed behind `dependence`, and is not the same as what
    was computed from `input` before: common subexpressions are not found across
    a barrier. (XLA's optimization_barrier, as jax.checkpoint uses it.)

    Example:
    ```mlir
    %x1 = pfc.barrier %x after %dy : tensor<8x7x7x64xf32>, tensor<8x7x7x64xf32>
    ```
    Made by: pfc-recompute. Gone after: convert-pfc-to-plan (no instruction).
  }];
  let arguments = (ins Pfc_Float:$input, Pfc_Any:$dependence);
  let results = (outs Pfc_Float:$output);
  let assemblyFormat = [{
    $input `after` $dependence attr-dict `:` type($input) `,` type($dependence)
  }];
}

def Pfc_YieldOp : Pfc_Op<"yield", [Pure, Terminator, HasParent<"SweepOp">]> {
  let summary = "The results of a sweep's body";
  let description = "Made by: pfc-fuse-pointwise. Gone after: convert-pfc-to-plan.";
  let arguments = (ins Variadic<Pfc_Float>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
}

//===----------------------------------------------------------------------===//
// Head: logical ops
//===----------------------------------------------------------------------===//

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

    `draw` says which others:

      keys         those with the smallest (key, class), and the sample is in
                   ascending order. key of local class i is word i%4 of
                   Philox(seed; i/4, step, shard; purpose SampleCenters).
                   O(n) integer work.
      permutation  the first in the order π(0), π(1), … of a permutation of the
                   shard's classes (runtime/base/ClassPermutation.h) that words 0
                   and 1 of Philox(seed; 0, step, shard) name. They stand in that
                   order behind the positives, which ascend. O(k·log P) work.

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
  let summary = "y[j] = indices[j] >= 0 ? table[indices[j]] : 0";
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
    Shapes: [M,D]. Example: `%y = pfc.normalize %x : tensor<8x512xf32>`

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
  let summary = "dx = (dy − y·(y·dy)) / max(‖x‖₂, 1e-12), y = x/‖x‖";
  let description = [{
    Shapes: [M,D]. Made by: pfc-differentiate. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_Float:$output_grad, Pfc_Float:$input);
  let results = (outs Pfc_Float:$input_grad);
  let assemblyFormat = "$output_grad `,` $input attr-dict `:` type($input)";
  let hasVerifier = 1;
}

def Pfc_CosineLogitsOp : Pfc_Op<"cosine_logits", [Pure, Vjp, Partitionable,
                                                  Costed]> {
  let summary = "cos[i,j] = x̂_i·ŵ_j";
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
  let summary = "y[i] = ‖x[i]‖₂, without a gradient";
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
  let summary = "dcos = s·dz·ψ'(cos) at the target, s·dz elsewhere";
  let description = [{
    0 where the filter applied. For `exact`,
    ψ'(c) = m1·sin(m1·θ + m2)/max(sin θ, 1e-6); with row_margins 0 where the
    angle is cut off.
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
  let summary = "dz[i,j] = (exp(z[i,j] − shift)/Z_i − [j = columns[i]]) / batch";
  let description = [{
    0 in unused columns. `batch` is the number of rows the loss is a mean over.
    With `loss_scale`, a tensor of one, it is the gradient of loss_scale·loss,
    and so are all that follow from it.
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

//===----------------------------------------------------------------------===//
// Head: one rank's ops
//===----------------------------------------------------------------------===//

def Pfc_SampleLocalCentersOp : Pfc_Op<"sample_local_centers",
                                      [Pure, Costed, Rows,
    AllTypesMatch<["step", "first", "count", "rank", "used"]>, AllTypesMatch<["labels", "columns"]>]> {
  let summary = "sample_centers on one rank's shard";
  let description = [{
    `first` and `count` say which classes the rank owns, `rank` which shard it
    is. indices [S]: local row numbers, −1 in unused slots; used [1]: how many;
    columns [B]: slot of the row's label, −1 where another rank owns it.
    Example:
    ```mlir
    %indices, %used, %columns = pfc.sample_local_centers %labels, %step, %first, %count, %rank
        {shard_size = 3 : i64, sample_rate = 0.5 : f64, seed = 7 : i64}
        : tensor<8xi64>, tensor<1xi64> -> tensor<3xi64>
    ```
    `shard_size` is the largest shard's size. Integer work, and no array of the
    shard's size.
    Made by: pfc-partition. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Pfc_I64:$labels, Pfc_I64:$step, Pfc_I64:$first,
                       Pfc_I64:$count, Pfc_I64:$rank, I64Attr:$shard_size,
                       F64Attr:$sample_rate, I64Attr:$seed,
                       DefaultValuedAttr<Pfc_DrawAttr, "::pfc::Draw::Keys">:$draw);
  let results = (outs Pfc_I64:$indices, Pfc_I64:$used, Pfc_I64:$columns);
  let assemblyFormat = [{
    $labels `,` $step `,` $first `,` $count `,` $rank attr-dict `:`
    type($labels) `,` type($step) `->` type($indices)
  }];
  let hasVerifier = 1;
}

def Pfc_SoftmaxStatsOp : Pfc_Op<"softmax_stats", [Pure]> {
  let summary = "One rank's part of softmax_cross_entropy's sums";
  let description = [{
    stats[i] = (Σ over used local j of exp(z[i,j] − shift),
                z[i, columns[i]] or 0 where columns[i] = −1).
    Shapes: logits [B,S], columns [B], count [1], stats [B,2].
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
  let summary = "loss = Σ_i (log stats[i,0] + shift − stats[i,1]) / B";
  let description = [{
    stats [B,2] summed over all ranks; loss [1].
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
  let summary = "gather_rows and normalize in one";
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
    stats[i] = (sums[i] + exp(s·ψ(targets[i]) − shift), s·ψ(targets[i])), or
    (sums[i], 0) where columns[i] < 0.
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
  let hasVerifier = 1;
}

def Pfc_MarginEmbeddingsGradOp : Pfc_Op<"margin_embeddings_grad",
                                        [Pure, Costed, Rows]> {
  let summary = "dx̂ of margin_softmax_grad from E·Ŵ, and the row factors a";
  let description = [{
    `products` are E·Ŵ without the targets' columns, which the tiles had set
    aside; so they need no sum over ranks, and come before it. With Z_i, t_i =
    stats[i] and ŵ the unit row of table[indices[columns[i]]]:
        a_i = s/(batch·Z_i)
        dx̂_i = a_i·(products_i + (exp(t_i − shift) − Z_i)·ψ'(targets[i])·ŵ)
    (no second term where columns[i] < 0).

    Shapes: products, embeddings_grad [B,D]; stats [B,2]; targets, columns,
    factors [B]; indices [S]; table [C,D].
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
  let summary = "y[i,d] = factors[i]·x[i,d]";
  let description = [{
    Shapes: input, output [B,D] (element types may differ), factors [B].
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

//===----------------------------------------------------------------------===//
// Optimizer
//===----------------------------------------------------------------------===//

def Pfc_MovingAverageOp : Pfc_KernelOp<"moving_average",
    [Partitionable, Pointwise,
     AllTypesMatch<["average", "value", "result"]>]> {
  let summary = "r = (1 − momentum)·average + momentum·scale·value";
  let description = [{
    Running statistics of batch norm; `scale` is n/(n − 1) for the variance.
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
  let summary = "norm = √sum; factor = min(1, limit/(norm + 1e-6))";
  let description = [{
    As torch.nn.utils.clip_grad_norm_. Shapes: all [1]. With `unscale`, the
    inverse of the loss scale that the gradients have in them: norm =
    unscale·√sum, and the factor takes it out of them, unscale·min(1, …).
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
                       Optional<Pfc_Scalar>:$found_inf, F64Attr:$mu,
                       F64Attr:$weight_decay);
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
                       Optional<Pfc_Scalar>:$found_inf, F64Attr:$beta1,
                       F64Attr:$beta2);
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
                       Optional<Pfc_Scalar>:$found_inf, F64Attr:$beta1,
                       F64Attr:$beta2, F64Attr:$eps, F64Attr:$weight_decay);
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
                       F64Attr:$mu, OptionalAttr<F64Attr>:$beta2,
                       OptionalAttr<F64Attr>:$eps, F64Attr:$weight_decay,
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
                       Optional<Pfc_Integer>:$first_row, F64Attr:$mu,
                       OptionalAttr<F64Attr>:$beta2,
                       OptionalAttr<F64Attr>:$eps, F64Attr:$weight_decay,
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
  let summary = "y[i] = Σ x[j]² over chunk i, elements j of [i·L, (i+1)·L)";
  let description = [{
    Shapes: input [N], output [⌈N/L⌉].
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

#endif // PFC_OPS

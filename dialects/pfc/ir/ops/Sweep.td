//===- Sweep.td - Several ops in one pass over activations -*- tablegen -*-===//
#ifndef PFC_OPS_SWEEP
#define PFC_OPS_SWEEP

include "dialects/pfc/ir/ops/Base.td"

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
    } : (tensor<8x7x7x64xbf16>, tensor<1x64xf32>, tensor<1x64xf32>, tensor<64xf32>,
         tensor<64xf32>, tensor<8x7x7x64xbf16>)
        -> (tensor<8x7x7x64xbf16>, tensor<1x64xf32>, tensor<1x64xf32>)
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
  let description = [{
    Example:
    ```mlir
    %y = pfc.sweep(%x) {
    ^bb0(%0: tensor<8x144x1x512xf32>):
      %1 = pfc.relu6 %0 : tensor<8x144x1x512xf32>
      pfc.yield %1 : tensor<8x144x1x512xf32>
    } : (tensor<8x144x1x512xf32>) -> tensor<8x144x1x512xf32>
    ```
    Made by: pfc-fuse-pointwise. Gone after: convert-pfc-to-plan.
  }];
  let arguments = (ins Variadic<Pfc_Float>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
}

#endif // PFC_OPS_SWEEP

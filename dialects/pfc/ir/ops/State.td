//===- State.td - State, and what a step reads and says ----*- tablegen -*-===//
#ifndef PFC_OPS_STATE
#define PFC_OPS_STATE

include "dialects/pfc/ir/ops/Base.td"

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

    Example: the first of 10 classes on rank r of 4 (q = 2, m = 2):
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

#endif // PFC_OPS_STATE

//===- PlanAttrs.td - Attributes and types of the dialect --*- tablegen -*-===//
#ifndef PLAN_ATTRS
#define PLAN_ATTRS

include "dialects/plan/ir/PlanDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class Plan_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::pfc::plan";
  let genSpecializedAttr = 0;
}

// The numbers are those of plan.fbs.
def Plan_ConvKind : Plan_Enum<"ConvKind", "what a convolution computes", [
  I32EnumAttrCase<"Forward", 0, "forward">,
  I32EnumAttrCase<"BackwardData", 1, "backward_data">,
  I32EnumAttrCase<"BackwardWeights", 2, "backward_weights">]>;
def Plan_ConvKindAttr : EnumAttr<Plan_Dialect, Plan_ConvKind, "conv_kind">;

def Plan_CollectiveKind : Plan_Enum<"CollectiveKind", "what ranks exchange", [
  I32EnumAttrCase<"AllReduceSum", 0, "all_reduce_sum">,
  I32EnumAttrCase<"AllGather", 1, "all_gather">,
  I32EnumAttrCase<"ReduceScatterSum", 2, "reduce_scatter_sum">]>;
def Plan_CollectiveKindAttr
    : EnumAttr<Plan_Dialect, Plan_CollectiveKind, "collective_kind">;

def Plan_CostAttr : AttrDef<Plan_Dialect, "Cost"> {
  let mnemonic = "cost";
  let summary = "What one execution of an instruction costs a rank";
  let description = [{
    Exact integers: floating-point operations; bytes read from and written to
    memory; bytes this rank sends to others.

    Example: `#plan.cost<flops = 1024, read = 96, written = 32, sent = 0>`
  }];
  let parameters = (ins "uint64_t":$flops, "uint64_t":$read,
                        "uint64_t":$written, "uint64_t":$sent);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Plan_TensorMapAttr : AttrDef<Plan_Dialect, "TensorMap"> {
  let mnemonic = "tensor_map";
  let summary = "How a kernel copies boxes of a matrix to shared memory";
  let description = [{
    A kernel that has one copies `rows` x `columns` elements of argument
    `argument`, a matrix, at a time (PTX ISA, "Tensors", tiled mode): zeros for
    what lies beyond the matrix, and the 16-byte chunks of a row exchanged as
    128-byte swizzling does.

    Example: `#plan.tensor_map<argument = 0, rows = 128, columns = 64>`
  }];
  let parameters = (ins "int64_t":$argument, "int64_t":$rows,
                        "int64_t":$columns);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Plan_TransferType : TypeDef<Plan_Dialect, "Transfer"> {
  let mnemonic = "transfer";
  let summary = "A collective on its way";
}

#endif // PLAN_ATTRS

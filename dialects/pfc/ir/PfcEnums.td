//===- PfcEnums.td - Attributes of the pfc dialect ---------*- tablegen -*-===//
#ifndef PFC_ENUMS
#define PFC_ENUMS

include "dialects/pfc/ir/PfcDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class Pfc_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::pfc";
  let genSpecializedAttr = 0;
}

def Pfc_Role : Pfc_Enum<"Role", "what a variable is to the optimizer", [
  I32EnumAttrCase<"Parameter", 0, "parameter">,
  I32EnumAttrCase<"Buffer", 1, "buffer">,
  I32EnumAttrCase<"OptimizerState", 2, "optimizer_state">]>;
def Pfc_RoleAttr : EnumAttr<Pfc_Dialect, Pfc_Role, "role">;

def Pfc_InitKind : Pfc_Enum<"InitKind", "distribution of initial values", [
  I32EnumAttrCase<"Constant", 0, "constant">,
  I32EnumAttrCase<"Normal", 1, "normal">,
  I32EnumAttrCase<"Uniform", 2, "uniform">]>;

def Pfc_MarginGradient : Pfc_Enum<"MarginGradient",
                                  "how the margin is differentiated", [
  I32EnumAttrCase<"Exact", 0, "exact">,
  I32EnumAttrCase<"StraightThrough", 1, "straight_through">]>;

def Pfc_Draw : Pfc_Enum<"Draw", "how class centers beside the positives are drawn", [
  I32EnumAttrCase<"Keys", 0, "keys">,
  I32EnumAttrCase<"Permutation", 1, "permutation">]>;
def Pfc_DrawAttr : EnumAttr<Pfc_Dialect, Pfc_Draw, "draw">;

def Pfc_RowUpdate : Pfc_Enum<"RowUpdate",
                             "which class centers the optimizer touches", [
  I32EnumAttrCase<"Sampled", 0, "sampled">,
  I32EnumAttrCase<"All", 1, "all">]>;
def Pfc_RowUpdateAttr : EnumAttr<Pfc_Dialect, Pfc_RowUpdate, "row_update">;

class Pfc_Attr<string name, string attrMnemonic>
    : AttrDef<Pfc_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def Pfc_InitAttr : Pfc_Attr<"Init", "init"> {
  let summary = "Initial values of a variable";
  let description = [{
    `constant`: every element is `a`. `normal`: mean `a`, standard deviation
    `b`. `uniform`: in [a, b). Example: `#pfc.init<normal, 0.0, 0.01>`.
  }];
  let parameters = (ins EnumParameter<Pfc_InitKind>:$kind,
                        "::pfc::Real":$a, "::pfc::Real":$b);
  let assemblyFormat = "`<` $kind `,` $a `,` $b `>`";
}

def Pfc_ExportAttr : Pfc_Attr<"Export", "export"> {
  let summary = "How the field's state dict stores a variable";
  let description = [{
    Reshape to `view`, transpose by `perm`, reshape to `shape`. A convolution
    kept as OHWI is exported as OIHW:
    `#pfc.export<view = 64, 3, 3, 3, perm = 0, 3, 1, 2, shape = 64, 3, 3, 3>`.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$view,
                        ArrayRefParameter<"int32_t">:$perm,
                        ArrayRefParameter<"int64_t">:$shape);
  let assemblyFormat = [{
    `<` `view` `=` `[` $view `]` `perm` `=` `[` $perm `]`
        `shape` `=` `[` $shape `]` `>`
  }];
}

def Pfc_MarginAttr : Pfc_Attr<"Margin", "margin"> {
  let summary = "The margin on the target's logit";
  let description = [{
    With c = cos θ of a row and its own class center,

        ψ(c) = cos(m1·θ + m2) − m3                 target logit = s·ψ(c)

    ArcFace is (1, m2, 0), CosFace (1, 0, m3), SphereFace (m1, 0, 0); others
    combine. `gradient` is `exact`, ψ'(c) = m1·sin(m1·θ + m2)/sin θ, or
    `straight_through`, ψ'(c) = 1, as arcface_torch computes. `filter` > 0
    replaces the cosine of every *other* class by 0, without a gradient, where
    it exceeds the threshold (inter-class filtering); 0 means no filter.
    Sources: Deng et al., ArcFace (CVPR'19); Wang et al., CosFace (CVPR'18).

    Example: `#pfc.margin<m1 = 1.0, m2 = 0.5, m3 = 0.0, scale = 64.0,
    gradient = exact, filter = 0.0>`.
  }];
  let parameters = (ins "::pfc::Real":$m1, "::pfc::Real":$m2,
                        "::pfc::Real":$m3,
                        "::pfc::Real":$scale,
                        EnumParameter<Pfc_MarginGradient>:$gradient,
                        "::pfc::Real":$filter);
  let assemblyFormat = "`<` struct(params) `>`";
  let extraClassDeclaration = [{
    /// Whether ψ(c) = c − m3: no arc cosine is needed.
    bool isAdditiveCosine() const { return getM1().value == 1.0 && getM2().value == 0.0; }
  }];
}

#endif // PFC_ENUMS

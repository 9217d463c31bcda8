//===- Base.td - What ops are declared with ----------------*- tablegen -*-===//
#ifndef PFC_OPS_BASE
#define PFC_OPS_BASE

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

// Numbers in a range, which a NaN is not.
class Pfc_RealWhere<string condition, string range> : ConfinedAttr<F64Attr, [
    AttrConstraint<CPred<"[](double value) { return " # condition # "; }("
                         "::llvm::cast<::mlir::FloatAttr>($_self)"
                         ".getValueAsDouble())">, range>]>;
def Pfc_Share : Pfc_RealWhere<"value >= 0 && value < 1", "in [0, 1)">;
def Pfc_Positive : Pfc_RealWhere<"value > 0", "above 0">;
def Pfc_NotNegative : Pfc_RealWhere<"value >= 0", "0 or above">;

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

#endif // PFC_OPS_BASE

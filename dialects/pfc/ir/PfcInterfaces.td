//===- PfcInterfaces.td - How ops take part in passes ------*- tablegen -*-===//
//
// Passes ask ops these questions instead of switching on op types, so that a
// new op is one entry in ops/*.td and its methods, and touches no pass.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_INTERFACES
#define PFC_INTERFACES

include "mlir/IR/OpBase.td"

def DifferentiableOpInterface : OpInterface<"DifferentiableOpInterface"> {
  let cppNamespace = "::pfc";
  let description = [{
    The op builds its own vector-Jacobian product: from the gradients of its
    results (null where none flows), the gradients of its operands.
  }];
  let methods = [
    InterfaceMethod<[{
      `operandGradients` comes sized like the operands and null; fill what is
      differentiable.
    }],
    "::llvm::LogicalResult", "buildVjp",
    (ins "::mlir::OpBuilder &":$builder,
         "::mlir::ValueRange":$resultGradients,
         "::llvm::MutableArrayRef<::mlir::Value>":$operandGradients)>
  ];
}

def PartitionableOpInterface : OpInterface<"PartitionableOpInterface"> {
  let cppNamespace = "::pfc";
  let description = [{
    The op builds what one rank does of it. It asks the partitioner for its
    operands in the form it needs (which inserts collectives) and states the
    form of its results. See Partitioner.h.
  }];
  let methods = [
    InterfaceMethod<"Builds the local op(s) at the partitioner's builder.",
    "::llvm::LogicalResult", "partition",
    (ins "::pfc::Partitioner &":$partitioner)>
  ];
}

def CostOpInterface : OpInterface<"CostOpInterface"> {
  let cppNamespace = "::pfc";
  let description = [{
    What one execution costs, as exact integers: floating-point operations,
    bytes read and written.
  }];
  let methods = [
    InterfaceMethod<"FLOPs and bytes of one execution.",
    "::pfc::OpCost", "getCost", (ins), /*methodBody=*/"",
    /*defaultImplementation=*/[{
      return ::pfc::pointwiseCost($_op.getOperation(), 1);
    }]>
  ];
}

def KernelBodyOpInterface : OpInterface<"KernelBodyOpInterface"> {
  let cppNamespace = "::pfc";
  let description = [{
    The op becomes generated code: `linalg.generic` ops on tensors whose
    dimension 0 is parallel, which the compiler fuses with their neighbours,
    outlines and vectorises.
  }];
  let methods = [
    InterfaceMethod<"Builds the body; `results` in the order of op results.",
    "::llvm::LogicalResult", "buildKernelBody",
    (ins "::mlir::OpBuilder &":$builder,
         "::llvm::SmallVectorImpl<::mlir::Value> &":$results)>
  ];
}

def RowKernelOpInterface : OpInterface<"RowKernelOpInterface"> {
  let cppNamespace = "::pfc";
  let description = [{
    The op becomes generated code with data-dependent addresses (gathers,
    scatters, sampling), written as scf/memref/arith on buffers. A kernel runs
    `buildRow` for each row of its outer parallel loop.
  }];
  let methods = [
    InterfaceMethod<"Iterations of the outer parallel loop; 1 is serial.",
    "int64_t", "getRowExtent", (ins)>,
    InterfaceMethod<[{
      Index of the operand whose buffer result `result` overwrites in place, or
      -1 for a buffer of its own.
    }],
    "int", "getInPlaceOperand", (ins "unsigned":$result)>,
    InterfaceMethod<"Emits iteration `row`.",
    "::llvm::LogicalResult", "buildRow",
    (ins "::mlir::OpBuilder &":$builder,
         "::mlir::ValueRange":$operands, "::mlir::ValueRange":$results,
         "::mlir::Value":$row)>
  ];
}

def OptimizerOpInterface : OpInterface<"OptimizerOpInterface"> {
  let cppNamespace = "::pfc";
  let description = [{
    One step of an optimizer on a whole parameter, element by element. Operands
    are the parameter, its state, the gradient, then tensors of one; results the
    new parameter and state, in that order.
  }];
  let methods = [
    InterfaceMethod<"The gradient, with the factor `clip` on it.",
    "::mlir::Value", "getGradient", (ins)>,
    InterfaceMethod<"The factor; null: 1.", "::mlir::Value", "getClip", (ins)>,
    InterfaceMethod<"To set the factor.",
    "::mlir::MutableOperandRange", "getClipMutable", (ins)>,
    InterfaceMethod<"To set what skips the step where it is above 0.",
    "::mlir::MutableOperandRange", "getFoundInfMutable", (ins)>
  ];
  let extraSharedClassDeclaration = [{
    /// The parameter and its state, of which the results are the new ones.
    ::mlir::OperandRange getVariables() {
      return $_op->getOperands().take_front($_op->getNumResults());
    }
  }];
}

#endif // PFC_INTERFACES

//===- PlanInterfaces.td - Questions to an instruction -----*- tablegen -*-===//
#ifndef PLAN_INTERFACES
#define PLAN_INTERFACES

include "mlir/IR/OpBase.td"

def InstructionOpInterface : OpInterface<"InstructionOpInterface"> {
  let cppNamespace = "::pfc::plan";
  let description = [{
    The op is an instruction of a program. Its operands are the buffers it reads
    and writes; those of `plan.wait`, what it waits for.
  }];
  let methods = [
    InterfaceMethod<[{
      Whether operand `operand` is written. What is written may be read as
      well; what isn't is only read.
    }],
    "bool", "writesOperand", (ins "unsigned":$operand)>,
    InterfaceMethod<"The predicted cost, or null.",
    "::pfc::plan::CostAttr", "getPredictedCost", (ins), /*methodBody=*/[{
      return $_op.getCostAttr();
    }]>
  ];
}

#endif // PLAN_INTERFACES

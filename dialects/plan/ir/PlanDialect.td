//===- PlanDialect.td - What a rank executes ---------------*- tablegen -*-===//
//
//   pfc dialect ─▶ variable, program { launch matmul conv … }, @kernels
//                                                        (convert-pfc-to-plan)
//               ─▶ reordered, with waits          (plan-schedule-collectives)
//               ─▶ + offsets, plan.arena_bytes           (plan-assign-memory)
//               ─▶ proved: no two live buffers overlap   (plan-verify-memory)
//               ─▶ @kernels become kernel ops and plan.kernel_ir
//                                                        (codegen-llvm)
//                  or plan.kernel_cuda                   (codegen-cuda)
//               ─▶ bytes of a plan file                  (translate/)
//
//   PlanDialect.td     this file: the dialect
//   PlanAttrs.td       kinds of convolution and collective, costs, transfers
//   PlanInterfaces.td  what memory planning asks an instruction
//   PlanOps.td         the ops
//
//===----------------------------------------------------------------------===//
#ifndef PLAN_DIALECT
#define PLAN_DIALECT

include "mlir/IR/OpBase.td"

def Plan_Dialect : Dialect {
  let name = "plan";
  let cppNamespace = "::pfc::plan";
  let summary = "What every rank executes, one to one with the plan file";
  let description = [{
    A module is one variant (one precision) of a plan file: its persistent
    state (`plan.variable`), its programs (`plan.program`: "train_step",
    "embed") and its generated kernels.

    A program is a straight list. Its values are *buffers*: memrefs of static
    shape and identity layout that stand for bytes of one arena per rank.
    `plan.input`, `plan.state`, `plan.rank_constant` and `plan.alloc` name
    buffers, `plan.view` renames one, and the instructions (`launch`, `matmul`,
    `conv`, `copy`, `collective`, `wait`) read and write them in order. State has the
    start of the arena to itself; the programs share the rest, as only one runs
    at a time and nothing but state survives it. `host` state lies behind that,
    in the last `plan.host_bytes` of the arena, which are the host's memory.

        module {
          shard.grid @ranks(shape = 2)
          plan.variable @w parameter init <normal, 0.0, 0.1> : memref<16x8xf32>
          plan.program @embed batch 4 {
            %images = plan.input "images" : memref<4x8xf32>
            %w = plan.state @w : memref<16x8xf32>
            %y = plan.alloc : memref<4x16xf32>
            plan.matmul %images, %w, %y {transpose_rhs}
                : memref<4x8xf32>, memref<16x8xf32>, memref<4x16xf32>
            plan.output "embeddings", %y : memref<4x16xf32>
          }
        }

    Module attributes: `plan.arena_bytes` and, with `host` state,
    `plan.host_bytes` (made by plan-assign-memory), and the
    text of every kernel, `plan.kernel_ir` in LLVM IR (made by codegen-llvm) or
    `plan.kernel_cuda` in CUDA C++ (made by codegen-cuda). The number of ranks
    is the shape of the module's `shard.grid`, 1 without one.
    A location that is a NameLoc names the layer in the plan file.
  }];
  let dependentDialects = [
    "::pfc::PfcDialect", "::mlir::shard::ShardDialect",
    "::mlir::func::FuncDialect"
  ];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let hasOperationAttrVerify = 1;
}

#endif // PLAN_DIALECT

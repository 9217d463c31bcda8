//===- PfcDialect.td - The training-step dialect -----------*- tablegen -*-===//
//
//   spec ─▶ variable, conv2d … softmax_cross_entropy      (frontend/graph)
//        ─▶ + *_grad, scatter_rows                        (pfc-differentiate)
//        ─▶ + sgd, update_rows, assign                    (pfc-insert-optimizer)
//        ─▶ local shapes, rank_constant, shard.all_*      (pfc-partition)
//        ─▶ cast                                          (pfc-mixed-precision)
//        ─▶ margin_softmax, margin_softmax_grad           (pfc-fuse-margin-softmax)
//        ─▶ sweep                                         (pfc-fuse-pointwise)
//        ─▶ plan dialect                                  (convert-pfc-to-plan)
//
//   PfcDialect.td     this file: the dialect
//   PfcEnums.td       margin, roles, initializers
//   PfcInterfaces.td  how ops take part in passes
//   PfcOps.td         the ops, which ops/ has by what they are for
//   verify/           their constraints, by file of ops/
//   Vjp.cpp           their gradients
//   partition/        what one rank does of each
//   Costs.cpp         FLOPs and bytes
//   *Kernels.cpp      their generated code, by family: linalg (KernelBuilder.h)
//                     or, with addresses that depend on data, loops (RowCode.h)
//   SamplingKernel.h  the sampler's, from the texts in kernels/
//   Sweep.h           which of them may share a pass over activations;
//   SweepKernel.cpp   the code of that
//
//===----------------------------------------------------------------------===//
#ifndef PFC_DIALECT
#define PFC_DIALECT

include "mlir/IR/OpBase.td"

def Pfc_Dialect : Dialect {
  let name = "pfc";
  let cppNamespace = "::pfc";
  let summary = "What one training step of a face-recognition network means";
  let description = [{
    Value-semantics ops on ranked, statically shaped tensors. Until
    `pfc-partition` shapes are *logical*: the whole job's batch and all classes.
    After it they are one rank's, and the cluster is the module's one
    `shard.grid`, with collectives as `shard.all_gather`, `shard.all_reduce` and
    `shard.reduce_scatter` along dimension 0.

    A step is `func.func @train_step`; the inference of one batch is
    `func.func @embed`. Arguments carry `pfc.input = "images" | "labels" |
    "lr" | "step"`. Persistent state is read with `pfc.variable` and written
    with `pfc.assign`: a variable reads as it was when the step began, wherever
    the op stands. What the host reads is named by `pfc.output`.

    Symbols: B batch rows, H, W, C height, width, channels (activations are
    NHWC), D embedding size, S class centers (columns of the logits) on a rank,
    R ranks. Scalars are tensors of one element.
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mlir::shard::ShardDialect"];
}

#endif // PFC_DIALECT

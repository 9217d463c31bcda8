//===- GraphBuilder.h - A spec becomes a module -----------------*- C++ -*-===//
//
//   module attributes {pfc.spec = "the resolved spec"} {
//     shard.grid @ranks(shape = R)
//     func.func @train_step(images, labels, lr, step)   forward, loss
//     func.func @embed(images)                          images to embeddings
//   }
//
// Shapes are the whole job's: the batch is batch_per_rank · world_size, W has
// all classes. The passes add the rest of the step.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_FRONTEND_GRAPH_GRAPHBUILDER_H
#define PFC_FRONTEND_GRAPH_GRAPHBUILDER_H

#include "frontend/spec/SpecParser.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace pfc {

/// Loads the dialects it needs. Returns null after an error at the spec's
/// location when the module doesn't verify.
mlir::OwningOpRef<mlir::ModuleOp> buildGraph(const LoadedSpec &loaded,
                                             mlir::MLIRContext &context);

} // namespace pfc

#endif // PFC_FRONTEND_GRAPH_GRAPHBUILDER_H

//===- HeadBuilder.h - Embeddings and labels to the loss --------*- C++ -*-===//
#ifndef PFC_FRONTEND_GRAPH_HEADBUILDER_H
#define PFC_FRONTEND_GRAPH_HEADBUILDER_H

#include "frontend/spec/SpecParser.h"
#include "mlir/IR/Builders.h"

namespace pfc {

/// Partial FC: samples class centers, then normalised softmax with a margin.
/// embeddings [B,D], labels [B], step [1] -> loss [1].
mlir::Value buildHead(mlir::OpBuilder &builder, const LoadedSpec &loaded,
                      mlir::Value embeddings, mlir::Value labels,
                      mlir::Value step);

/// Slots for sampled centers on each rank: the most a step can need, or a few
/// more.
int64_t sampleCapacity(const TrainSpec &spec);

/// What is subtracted from every logit before exp, so that a sum of `classes`
/// terms stays below fp32's largest number: |logit| ≤ scale and exp(88) fits,
/// so usually 0.
double logitShift(double scale, int64_t classes);

} // namespace pfc

#endif // PFC_FRONTEND_GRAPH_HEADBUILDER_H

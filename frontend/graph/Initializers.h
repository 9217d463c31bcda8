//===- Initializers.h - First values of weights -----------------*- C++ -*-===//
//
// What the field's PyTorch code initialises each kind of weight with, as
// attributes. The numbers themselves are drawn by the runtime, keyed by (seed,
// name, element), so that they don't depend on the number of ranks.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_FRONTEND_GRAPH_INITIALIZERS_H
#define PFC_FRONTEND_GRAPH_INITIALIZERS_H

#include "dialects/pfc/ir/PfcDialect.h"

namespace pfc {

InitAttr constantInit(mlir::MLIRContext *context, double value);
/// N(0, 0.1²): convolutions of iresnet.
InitAttr convolutionInit(mlir::MLIRContext *context);
/// N(0, 2/fanOut): torch's kaiming_normal with mode "fan_out", of a weight with
/// `fanOut` outputs times taps, whatever its groups (He et al., ICCV 2015).
InitAttr kaimingInit(mlir::MLIRContext *context, int64_t fanOut);
/// U(−1/√fanIn, 1/√fanIn): weight and bias of a linear layer. It is what
/// torch.nn.Linear's kaiming_uniform with a = √5 comes to.
InitAttr linearInit(mlir::MLIRContext *context, int64_t fanIn);
/// N(0, 0.02²): linear layers and places of a vision transformer. (The field's
/// are cut off at ±2, which is at a hundred deviations.)
InitAttr transformerInit(mlir::MLIRContext *context);
/// N(0, 0.01²): class centers.
InitAttr centersInit(mlir::MLIRContext *context);

/// A convolution kept as OHWI, exported as OIHW.
ExportAttr convolutionExport(mlir::MLIRContext *context, int64_t out,
                             int64_t kernel, int64_t in);
/// A linear weight over features kept in (h, w, c) order, exported in torch's
/// (c, h, w) order.
ExportAttr flattenedExport(mlir::MLIRContext *context, int64_t out,
                           int64_t height, int64_t width, int64_t channels);
/// A linear weight of tokens, kept as 1×1 filters [out,1,1,in], exported as
/// [out,in].
ExportAttr tokenLinearExport(mlir::MLIRContext *context, int64_t out,
                             int64_t in);
/// `elements` kept as a vector, exported as `shape`.
ExportAttr vectorExport(mlir::MLIRContext *context, int64_t elements,
                        llvm::ArrayRef<int64_t> shape);
/// Statistics kept as [1, channels], exported as [channels].
ExportAttr statisticsExport(mlir::MLIRContext *context, int64_t channels);

} // namespace pfc

#endif // PFC_FRONTEND_GRAPH_INITIALIZERS_H

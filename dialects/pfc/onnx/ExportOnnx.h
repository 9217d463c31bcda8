//===- ExportOnnx.h - @embed becomes an ONNX model --------------*- C++ -*-===//
//
//   func.func @embed ──┐
//   state dict ────────┴▶ ModelProto, opset 17
//
//   images      f32 [batch, channels, height, width], (pixel − 127.5) / 127.5
//   embeddings  f32 [batch, embedding size], not normalised
//
// as arcface_torch exports them: ONNX is NCHW and its filters OIHW, which is
// how the state dict has them, so no weight changes. One op of the graph is one
// node, under the layer's name, behind what transposes its operands; the batch
// is free.
//
//===----------------------------------------------------------------------===//
#ifndef DIALECTS_PFC_ONNX_EXPORTONNX_H
#define DIALECTS_PFC_ONNX_EXPORTONNX_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <optional>
#include <string>
#include <vector>

namespace pfc {

/// A tensor of the state dict, fp32.
struct OnnxWeight {
  std::vector<int64_t> shape;
  std::string bytes;
};

/// By its name; nothing where there is none.
using OnnxWeights =
    llvm::function_ref<std::optional<OnnxWeight>(llvm::StringRef)>;

/// The bytes of the model. Errors are diagnostics at the op that ONNX has no
/// node for, or whose weights are missing or of another shape.
mlir::FailureOr<std::string> exportOnnx(mlir::func::FuncOp embed,
                                        OnnxWeights weights);

} // namespace pfc

#endif // DIALECTS_PFC_ONNX_EXPORTONNX_H

//===- OnnxInterpreter.h - What an ONNX model means, in float64 -*- C++ -*-===//
//
// The operators that an exported network has, by their definitions in ONNX's
// operator reference (opset 17): one loop each.
//
//===----------------------------------------------------------------------===//
#ifndef TEST_TOOLS_PFC_CHECK_ONNX_ONNXINTERPRETER_H
#define TEST_TOOLS_PFC_CHECK_ONNX_ONNXINTERPRETER_H

#include <cstdint>
#include <onnx/onnx_pb.h>
#include <vector>

namespace pfc::test {

struct OnnxTensor {
  std::vector<int64_t> shape;
  std::vector<double> values; ///< row-major
};

/// The model's one output for its one input. Throws for an operator or an
/// attribute that it doesn't know.
OnnxTensor interpretOnnx(const onnx::ModelProto &model,
                         const OnnxTensor &input);

} // namespace pfc::test

#endif // TEST_TOOLS_PFC_CHECK_ONNX_ONNXINTERPRETER_H

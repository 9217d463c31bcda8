#include "runtime/device/cuda/CudnnGraph.h"

#include "runtime/base/Error.h"
#include "runtime/device/Device.h"

namespace pfc::rt::cuda {
namespace {

/// Engines asked for; cuDNN has some dozens for a convolution.
constexpr int64_t enginesAsked = 64;

cudnnDataType_t cudnnType(plan::fb::DType dtype) {
  switch (dtype) {
  case plan::fb::DType_F32:
    return CUDNN_DATA_FLOAT;
  case plan::fb::DType_BF16:
    return CUDNN_DATA_BFLOAT16;
  case plan::fb::DType_F16:
    return CUDNN_DATA_HALF;
  default:
    fail("cuDNN convolutions take f32, bf16 and f16, not {}", dtypeName(dtype));
  }
}

int64_t outputExtent(int64_t extent, const plan::fb::Conv &op) {
  return (extent + 2 * op.padding() - op.kernel()) / op.stride() + 1;
}

/// A dense tensor whose channels (inputs, of a weight) are neighbours.
CudnnDescriptor tensor(int64_t id, plan::fb::DType dtype, int64_t n, int64_t c,
                       int64_t h, int64_t w) {
  CudnnDescriptor result(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  result.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, id);
  result.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE,
             cudnnType(dtype));
  result.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, int64_t{16});
  result.set(CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64,
             std::vector<int64_t>{n, c, h, w});
  result.set(CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64,
             std::vector<int64_t>{c * h * w, 1, c * w, c});
  result.finalize();
  return result;
}

CudnnDescriptor describe(const plan::fb::Conv &op) {
  auto both = [](int64_t value) { return std::vector<int64_t>{value, value}; };
  CudnnDescriptor result(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  result.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, int64_t{2});
  result.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE,
             CUDNN_DATA_FLOAT);
  result.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE,
             CUDNN_CROSS_CORRELATION);
  result.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64,
             both(op.padding()));
  result.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64,
             both(op.padding()));
  result.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, both(1));
  result.set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64,
             both(op.stride()));
  result.finalize();
  return result;
}

/// cuDNN's names for the parts of an operation, by direction.
struct OperationNames {
  cudnnBackendDescriptorType_t type;
  cudnnBackendAttributeName_t alpha, beta, convolution, input, weight, output;
};

OperationNames namesOf(plan::fb::ConvKind kind) {
  switch (kind) {
  case plan::fb::ConvKind_Forward:
    return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y};
  case plan::fb::ConvKind_BackwardData:
    return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY};
  default:
    return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY};
  }
}

/// The type of a tensor: the operation's result has another than its operands.
plan::fb::DType typeOf(plan::fb::ConvKind result, const plan::fb::Conv &op,
                       plan::fb::DType operands, plan::fb::DType results) {
  return op.kind() == result ? results : operands;
}

#if CUDNN_VERSION >= 90800
constexpr auto heuristicsOfChip = CUDNN_ATTR_ENGINEHEUR_DEVICEPROP;
constexpr auto executionOnChip = CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP;
#else // no chip can be described
constexpr cudnnBackendAttributeName_t heuristicsOfChip = {},
                                      executionOnChip = {};
#endif

} // namespace

std::vector<CudnnDescriptor>
CudnnDescriptor::children(cudnnBackendAttributeName_t name,
                          cudnnBackendDescriptorType_t type,
                          int64_t room) const {
  std::vector<CudnnDescriptor> all;
  std::vector<cudnnBackendDescriptor_t> pointers;
  for (int64_t i = 0; i < room; ++i) {
    all.emplace_back(type);
    pointers.push_back(all.back().descriptor);
  }
  int64_t count = 0;
  check(cudnn().cudnnBackendGetAttribute(descriptor, name,
                                         CUDNN_TYPE_BACKEND_DESCRIPTOR, room,
                                         &count, pointers.data()),
        "cudnnBackendGetAttribute");
  while (static_cast<int64_t>(all.size()) > count)
    all.pop_back();
  return all;
}

CudnnGraph::CudnnGraph(const plan::fb::Conv &op, plan::fb::DType operand,
                       plan::fb::DType result, const CudnnTarget &target)
    : target(target),
      input(tensor(
          inputId, typeOf(plan::fb::ConvKind_BackwardData, op, operand, result),
          op.batch(), op.in_channels(), op.in_height(), op.in_width())),
      // That channels are in groups shows in those that a weight has.
      weight(tensor(
          weightId,
          typeOf(plan::fb::ConvKind_BackwardWeights, op, operand, result),
          op.out_channels(), op.in_channels() / op.groups(), op.kernel(),
          op.kernel())),
      output(tensor(
          outputId, typeOf(plan::fb::ConvKind_Forward, op, operand, result),
          op.batch(), op.out_channels(), outputExtent(op.in_height(), op),
          outputExtent(op.in_width(), op))),
      convolution(describe(op)), operation(namesOf(op.kind()).type) {
  OperationNames names = namesOf(op.kind());
  operation.set(names.convolution, convolution);
  operation.set(names.input, input);
  operation.set(names.weight, weight);
  operation.set(names.output, output);
  operation.set(names.alpha, CUDNN_TYPE_FLOAT, 1.0f);
  operation.set(names.beta, CUDNN_TYPE_FLOAT, 0.0f);
  supported = operation.tryFinalize() == CUDNN_STATUS_SUCCESS;
  if (!supported)
    return;
  if (target.handle)
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE,
              target.handle);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation);
  supported = graph.tryFinalize() == CUDNN_STATUS_SUCCESS;
}

std::vector<CudnnDescriptor>
CudnnGraph::engines(cudnnBackendHeurMode_t mode) const {
  if (!supported)
    return {};
  CudnnDescriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, mode);
  if (target.chip)
    heuristics.set(heuristicsOfChip, *target.chip);
  if (heuristics.tryFinalize() != CUDNN_STATUS_SUCCESS)
    return {};
  return heuristics.children(CUDNN_ATTR_ENGINEHEUR_RESULTS,
                             CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, enginesAsked);
}

CudnnDescriptor CudnnGraph::executionOf(const CudnnDescriptor &engine) const {
  CudnnDescriptor execution(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  if (target.chip)
    execution.set(executionOnChip, *target.chip);
  else
    execution.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE,
                  target.handle);
  execution.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, engine);
  return execution;
}

} // namespace pfc::rt::cuda

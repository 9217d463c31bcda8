//===- Cudnn.cpp - Convolutions, forward and both backward ------------------=//
//
// Each convolution is a cuDNN graph of one operation. Tensors are described by
// N, C, H, W with the strides of NHWC, and weights, which the plan stores as
// OHWI, by O, I, H, W with theirs. cuDNN lists engines for it, fastest first by
// its own prediction; the first is taken that
// - gives the same bits every time,
// - sums in fp32 without Winograd's rounding, and for fp32 operands without
//   rounding them to TF32,
// - wants no more scratch memory than is allowed.
//
//===----------------------------------------------------------------------===//
#include "runtime/device/cuda/Cudnn.h"

#include "runtime/base/Error.h"
#include "runtime/device/cuda/CudnnDescriptor.h"

namespace pfc::rt::cuda {
namespace {

constexpr int64_t inputId = 1, weightId = 2, outputId = 3;
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

CudnnDescriptor convolution(const plan::fb::Conv &op) {
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

/// The element types of the three tensors: two operands and the result.
struct Types {
  plan::fb::DType input, weight, output;

  Types(plan::fb::ConvKind kind, plan::fb::DType operand,
        plan::fb::DType result)
      : input(operand), weight(operand), output(operand) {
    (kind == plan::fb::ConvKind_Forward        ? output
     : kind == plan::fb::ConvKind_BackwardData ? input
                                               : weight) = result;
  }
};

/// The graph of one operation: what engines are found for. That channels are in
/// groups cuDNN sees by those that a weight has.
class Graph {
public:
  Graph(const plan::fb::Conv &op, const Types &types, cudnnHandle_t handle)
      : input(tensor(inputId, types.input, op.batch(), op.in_channels(),
                     op.in_height(), op.in_width())),
        weight(tensor(weightId, types.weight, op.out_channels(),
                      op.in_channels() / op.groups(), op.kernel(),
                      op.kernel())),
        output(tensor(outputId, types.output, op.batch(), op.out_channels(),
                      outputExtent(op.in_height(), op),
                      outputExtent(op.in_width(), op))),
        convolutionShape(convolution(op)), operation(namesOf(op.kind()).type) {
    OperationNames names = namesOf(op.kind());
    operation.set(names.convolution, convolutionShape);
    operation.set(names.input, input);
    operation.set(names.weight, weight);
    operation.set(names.output, output);
    operation.set(names.alpha, CUDNN_TYPE_FLOAT, 1.0f);
    operation.set(names.beta, CUDNN_TYPE_FLOAT, 0.0f);
    supported = operation.tryFinalize() == CUDNN_STATUS_SUCCESS;
    if (!supported)
      return;
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, handle);
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation);
    supported = graph.tryFinalize() == CUDNN_STATUS_SUCCESS;
  }

  /// Engines with their settings, fastest first. None where cuDNN does not
  /// support the operation.
  std::vector<CudnnDescriptor> engines(cudnnBackendHeurMode_t mode) const {
    if (!supported)
      return {};
    CudnnDescriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
    heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, mode);
    if (heuristics.tryFinalize() != CUDNN_STATUS_SUCCESS)
      return {};
    return heuristics.children(CUDNN_ATTR_ENGINEHEUR_RESULTS,
                               CUDNN_BACKEND_ENGINECFG_DESCRIPTOR,
                               enginesAsked);
  }

private:
  CudnnDescriptor input, weight, output, convolutionShape, operation;
  CudnnDescriptor graph{CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR};
  bool supported = false; ///< as far as was asked
};

/// Whether an engine's arithmetic is what the plan says.
bool isExact(const CudnnDescriptor &engineSettings, bool fp32) {
  auto engines = engineSettings.children(CUDNN_ATTR_ENGINECFG_ENGINE,
                                         CUDNN_BACKEND_ENGINE_DESCRIPTOR, 1);
  if (engines.empty())
    return false;
  auto notes = engines[0].get<cudnnBackendNumericalNote_t>(
      CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
      CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
  auto has = [&](cudnnBackendNumericalNote_t note) {
    return std::find(notes.begin(), notes.end(), note) != notes.end();
  };
  if (has(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC) ||
      has(CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION) ||
      has(CUDNN_NUMERICAL_NOTE_WINOGRAD))
    return false;
  return !fp32 || (!has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE) &&
                   !has(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS));
}

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

/// A convolution of one shape, ready to execute on any tensors.
class CudnnPlan {
public:
  CudnnPlan(const plan::fb::Conv &op, plan::fb::DType operand,
            plan::fb::DType result, cudnnHandle_t handle)
      : graph(op, Types(op.kind(), operand, result), handle),
        fp32(operand == plan::fb::DType_F32), handle(handle) {}

  /// Takes the first engine that will do; false where there is none.
  bool findEngine(uint64_t workspaceLimit) {
    for (auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK})
      for (CudnnDescriptor &engine : graph.engines(mode))
        if (isExact(engine, fp32) && accept(engine, workspaceLimit)) {
          settings = std::make_unique<CudnnDescriptor>(std::move(engine));
          return true;
        }
    return false;
  }

  cudnnBackendDescriptor_t execution() const { return plan->get(); }
  uint64_t workspaceBytes() const { return wanted; }

private:
  /// Whether the engine works, within the limit.
  bool accept(const CudnnDescriptor &engine, uint64_t workspaceLimit) {
    CudnnDescriptor candidate(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    candidate.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, handle);
    candidate.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, engine);
    if (candidate.tryFinalize() != CUDNN_STATUS_SUCCESS)
      return false;
    wanted = static_cast<uint64_t>(
        candidate
            .get<int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                          CUDNN_TYPE_INT64, 1)
            .at(0));
    if (wanted > workspaceLimit)
      return false;
    plan = std::make_unique<CudnnDescriptor>(std::move(candidate));
    return true;
  }

  Graph graph; // each outlives what was made from it
  bool fp32;
  cudnnHandle_t handle;
  std::unique_ptr<CudnnDescriptor> settings, plan;
  uint64_t wanted = 0;
};

namespace {

class ConvTask : public Task {
public:
  /// `narrow`, if given, is where the result goes instead of its buffer.
  ConvTask(std::shared_ptr<CudnnPlan> plan, const plan::fb::Conv &op,
           std::byte *lhs, std::byte *rhs, std::byte *result,
           cudnnHandle_t handle, const DeviceMemory &workspace,
           const DeviceMemory *narrow)
      : plan(std::move(plan)), handle(handle), workspace(workspace),
        narrow(narrow) {
    switch (op.kind()) {
    case plan::fb::ConvKind_Forward:
      ids = {inputId, weightId, outputId};
      break;
    case plan::fb::ConvKind_BackwardData:
      ids = {outputId, weightId, inputId};
      break;
    default:
      ids = {inputId, outputId, weightId};
    }
    tensors = {lhs, rhs, result};
  }

  void execute() override {
    if (!arguments)
      bind();
    check(cudnn().cudnnBackendExecute(handle, plan->execution(),
                                      arguments->get()),
          "cudnnBackendExecute");
  }

private:
  /// Once every task was made: scratch memory has its size, and stays.
  void bind() {
    if (narrow)
      tensors[2] = reinterpret_cast<void *>(narrow->address());
    arguments = std::make_unique<CudnnDescriptor>(
        CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    arguments->set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, ids);
    arguments->set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR,
                   tensors);
    arguments->set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR,
                   reinterpret_cast<void *>(workspace.address()));
    arguments->finalize();
  }

  std::shared_ptr<CudnnPlan> plan;
  std::vector<int64_t> ids;
  std::vector<void *> tensors; // lhs, rhs, result
  cudnnHandle_t handle;
  const DeviceMemory &workspace, *narrow;
  std::unique_ptr<CudnnDescriptor> arguments;
};

/// A convolution into scratch memory, and its result as fp32.
class WidenedConvTask : public Task {
public:
  WidenedConvTask(std::unique_ptr<Task> convolution,
                  std::unique_ptr<Task> widening)
      : convolution(std::move(convolution)), widening(std::move(widening)) {}

  void execute() override {
    convolution->execute();
    widening->execute();
  }

private:
  std::unique_ptr<Task> convolution, widening;
};

std::string describe(const plan::fb::Conv &op, plan::fb::DType operand,
                     plan::fb::DType result) {
  return fmt::format(
      "{} {} convolution of {}x{}x{}x{} to {} channels, kernel {}, stride {}, "
      "padding {}, groups {}, into {}",
      dtypeName(operand), plan::fb::EnumNameConvKind(op.kind()), op.batch(),
      op.in_height(), op.in_width(), op.in_channels(), op.out_channels(),
      op.kernel(), op.stride(), op.padding(), op.groups(), dtypeName(result));
}

} // namespace

Cudnn::Cudnn(const Chip &chip, CUstream stream, DeviceMemory &workspace,
             uint64_t workspaceLimit)
    : workspace(workspace), workspaceLimit(workspaceLimit),
      widening(chip, stream) {
  check(cudnn().cudnnCreate(&handle), "cudnnCreate");
  check(cudnn().cudnnSetStream(handle, reinterpret_cast<cudaStream_t>(stream)),
        "cudnnSetStream");
}

Cudnn::~Cudnn() {
  plans.clear();
  cudnn().cudnnDestroy(handle);
}

std::shared_ptr<CudnnPlan> Cudnn::planFor(const plan::fb::Conv &op,
                                          plan::fb::DType operand,
                                          plan::fb::DType result) {
  std::string key = describe(op, operand, result);
  auto known = plans.find(key);
  if (known != plans.end())
    return known->second;
  auto plan = std::make_shared<CudnnPlan>(op, operand, result, handle);
  if (!plan->findEngine(workspaceLimit))
    plan = nullptr;
  else
    workspace.reserve(plan->workspaceBytes());
  plans[key] = plan;
  return plan;
}

std::unique_ptr<Task> Cudnn::makeConv(const plan::fb::Conv &op,
                                      const BufferView &lhs,
                                      const BufferView &rhs,
                                      const BufferView &result) {
  auto makeTask = [&](std::shared_ptr<CudnnPlan> plan,
                      const DeviceMemory *target) {
    return std::make_unique<ConvTask>(std::move(plan), op, lhs.data, rhs.data,
                                      result.data, handle, workspace, target);
  };
  if (auto plan = planFor(op, lhs.dtype, result.dtype))
    return makeTask(std::move(plan), nullptr);
  bool narrows =
      result.dtype == plan::fb::DType_F32 && lhs.dtype != result.dtype;
  auto plan = narrows ? planFor(op, lhs.dtype, lhs.dtype) : nullptr;
  require(plan != nullptr,
          "cuDNN has no engine on this chip that always gives the same bits, "
          "with at most {} of scratch memory, for a {}",
          bytesText(workspaceLimit), describe(op, lhs.dtype, result.dtype));
  narrow.reserve(static_cast<uint64_t>(result.elements()) *
                 byteWidth(lhs.dtype));
  return std::make_unique<WidenedConvTask>(
      makeTask(std::move(plan), &narrow),
      widening.makeTask(lhs.dtype, narrow, result));
}

} // namespace pfc::rt::cuda

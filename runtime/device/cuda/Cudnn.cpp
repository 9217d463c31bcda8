//===- Cudnn.cpp - Convolutions, forward and both backward ------------------=//
#include "runtime/device/cuda/Cudnn.h"

#include "runtime/base/Error.h"
#include "runtime/device/EngineSurvey.h"

namespace pfc::rt::cuda {
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
    cudnnStatus_t status = cudnn().cudnnBackendExecute(
        handle, plan->execution(), arguments->get());
    if (status != CUDNN_STATUS_SUCCESS)
      fail("cudnnBackendExecute: {}; PFC_CUDNN_WITHOUT={} leaves this engine "
           "of cuDNN out",
           statusText(status), plan->engineNumber());
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

} // namespace

Cudnn::Cudnn(const Chip &chip, CUstream stream, DeviceMemory &workspace,
             uint64_t workspaceLimit)
    : workspace(workspace), workspaceLimit(workspaceLimit),
      widening(chip, stream) {
  check(cudnn().cudnnCreate(&handle), "cudnnCreate");
  check(cudnn().cudnnSetStream(handle, reinterpret_cast<cudaStream_t>(stream)),
        "cudnnSetStream");
  planner.emplace(CudnnTarget{handle}, workspaceLimit);
}

Cudnn::~Cudnn() {
  planner.reset(); // its plans are the handle's
  cudnn().cudnnDestroy(handle);
}

std::unique_ptr<Task> Cudnn::makeConv(const plan::fb::Conv &op,
                                      const BufferView &lhs,
                                      const BufferView &rhs,
                                      const BufferView &result) {
  PlannedConvolution planned = planner->plan(op, lhs.dtype, result.dtype);
  require(planned.plan != nullptr,
          "cuDNN has no engine on this chip that always gives the same bits, "
          "with at most {} of scratch memory, for a {}",
          bytesText(workspaceLimit),
          describeConvolution(op, lhs.dtype, result.dtype));
  workspace.reserve(planned.plan->workspaceBytes());
  auto convolution = std::make_unique<ConvTask>(
      planned.plan, op, lhs.data, rhs.data, result.data, handle, workspace,
      planned.widened ? &narrow : nullptr);
  if (!planned.widened)
    return convolution;
  narrow.reserve(static_cast<uint64_t>(result.elements()) *
                 byteWidth(lhs.dtype));
  return std::make_unique<WidenedConvTask>(
      std::move(convolution), widening.makeTask(lhs.dtype, narrow, result));
}

} // namespace pfc::rt::cuda

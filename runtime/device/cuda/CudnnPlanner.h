//===- CudnnPlanner.h - Which engine computes a convolution -----*- C++ -*-===//
//
// cuDNN lists engines for a convolution, fastest first by its own prediction;
// the first is taken that
// - gives the same bits every time,
// - sums in fp32 without Winograd's rounding, and for fp32 operands without
//   rounding them to TF32,
// - wants no more scratch memory than is allowed.
// Of 16-bit operands the prediction begins with engines that transpose them and
// don't use tensor cores for some shapes (1×1 with a stride on sm_90, three
// channels on sm_100): they are taken where there is no other.
// $PFC_CUDNN_WITHOUT, "67,65", leaves out engines with these numbers, should
// one be broken on some chip.
//
// An fp32 result of 16-bit operands that cuDNN has no engine for is rounded to
// the operands' type once, as PyTorch's autocast does.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_CUDA_CUDNNPLANNER_H
#define PFC_RUNTIME_DEVICE_CUDA_CUDNNPLANNER_H

#include "runtime/device/cuda/CudnnGraph.h"

#include <map>
#include <memory>
#include <set>
#include <string>

namespace pfc::rt::cuda {

/// A convolution of one shape, ready to execute on any tensors.
class CudnnPlan {
public:
  /// Numbers of engines that are not taken.
  using Numbers = std::set<int64_t>;

  CudnnPlan(const plan::fb::Conv &op, plan::fb::DType operand,
            plan::fb::DType result, const CudnnTarget &target)
      : graph(op, operand, result, target),
        fp32(operand == plan::fb::DType_F32), grouped(op.groups() > 1) {}

  /// Takes the first engine that will do; false where there is none.
  bool findEngine(uint64_t workspaceLimit, const Numbers &without);

  cudnnBackendDescriptor_t execution() const { return plan->get(); }
  uint64_t workspaceBytes() const { return wanted; }
  bool usesTensorCores() const { return tensorCores; }
  /// cuDNN's, among those for the direction.
  int64_t engineNumber() const;

private:
  bool accept(const CudnnDescriptor &engine, uint64_t workspaceLimit);

  CudnnGraph graph; // each outlives what was made from it
  bool fp32, grouped, tensorCores = false;
  std::unique_ptr<CudnnDescriptor> settings, plan;
  uint64_t wanted = 0;
};

/// What a convolution is executed by.
struct PlannedConvolution {
  std::shared_ptr<CudnnPlan> plan; ///< null: by nothing
  bool widened = false; ///< its result has the operands' type, and is widened
};

/// Plans a shape once.
class CudnnPlanner {
public:
  /// Engines that want more than `workspaceLimit` bytes are not taken.
  CudnnPlanner(const CudnnTarget &target, uint64_t workspaceLimit);

  PlannedConvolution plan(const plan::fb::Conv &op, plan::fb::DType operand,
                          plan::fb::DType result);

private:
  std::shared_ptr<CudnnPlan> planFor(const plan::fb::Conv &op,
                                     plan::fb::DType operand,
                                     plan::fb::DType result);

  CudnnTarget target;
  uint64_t workspaceLimit;
  CudnnPlan::Numbers without;                              // $PFC_CUDNN_WITHOUT
  std::map<std::string, std::shared_ptr<CudnnPlan>> plans; // null: none fits
};

} // namespace pfc::rt::cuda

#endif // PFC_RUNTIME_DEVICE_CUDA_CUDNNPLANNER_H

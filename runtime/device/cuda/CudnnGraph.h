//===- CudnnGraph.h - A convolution as cuDNN knows it -----------*- C++ -*-===//
//
// A graph of one operation. Tensors are described by N, C, H, W with the
// strides of NHWC, and weights, which the plan stores as OHWI, by O, I, H, W
// with theirs.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_CUDA_CUDNNGRAPH_H
#define PFC_RUNTIME_DEVICE_CUDA_CUDNNGRAPH_H

#include "runtime/device/cuda/CudnnDescriptor.h"
#include "runtime/plan/plan_generated.h"

namespace pfc::rt::cuda {

/// Whose engines are asked for.
struct CudnnTarget {
  cudnnHandle_t handle = nullptr; ///< of a chip that is here; or null, and
  const CudnnDescriptor *chip = nullptr; ///< one that is described
};

/// The tensors' numbers in the graph.
constexpr int64_t inputId = 1, weightId = 2, outputId = 3;

class CudnnGraph {
public:
  /// The two operands are of one type.
  CudnnGraph(const plan::fb::Conv &op, plan::fb::DType operand,
             plan::fb::DType result, const CudnnTarget &target);

  /// Engines with their settings, fastest first, as cuDNN predicts. None where
  /// it does not support the operation.
  std::vector<CudnnDescriptor> engines(cudnnBackendHeurMode_t mode) const;
  /// What executes an engine; not finalized.
  CudnnDescriptor executionOf(const CudnnDescriptor &engine) const;

private:
  CudnnTarget target;
  CudnnDescriptor input, weight, output, convolution, operation;
  CudnnDescriptor graph{CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR};
  bool supported = false; ///< as far as was asked
};

} // namespace pfc::rt::cuda

#endif // PFC_RUNTIME_DEVICE_CUDA_CUDNNGRAPH_H

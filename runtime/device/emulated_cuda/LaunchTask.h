//===- LaunchTask.h - A grid's blocks, shared by system threads -*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_EMULATED_CUDA_LAUNCHTASK_H
#define PFC_RUNTIME_DEVICE_EMULATED_CUDA_LAUNCHTASK_H

#include "runtime/device/Device.h"
#include "runtime/device/emulated_cuda/BlockRunner.h"

namespace pfc::rt::emulated {

class LaunchTask : public Task {
public:
  /// One runner a system thread.
  LaunchTask(LaunchShape shape,
             std::vector<std::unique_ptr<BlockRunner>> &runners)
      : shape(std::move(shape)), runners(runners) {}

  /// Throws what the first block that does wrong did.
  void execute() override;

private:
  LaunchShape shape;
  std::vector<std::unique_ptr<BlockRunner>> &runners;
};

} // namespace pfc::rt::emulated

#endif // PFC_RUNTIME_DEVICE_EMULATED_CUDA_LAUNCHTASK_H

//===- Transfer.h - Work on a stream beside the device's --------*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_CUDA_TRANSFER_H
#define PFC_RUNTIME_DEVICE_CUDA_TRANSFER_H

#include "runtime/device/Device.h"
#include "runtime/device/cuda/Stream.h"

#include <memory>

namespace pfc::rt::cuda {

class StartTransfer : public Task {
public:
  StartTransfer(std::unique_ptr<Task> work, CUstream device, CUstream own,
                std::shared_ptr<Event> done)
      : work(std::move(work)), device(device), own(own), done(std::move(done)) {
  }

  void execute() override {
    ready.record(device);
    ready.holdBack(own);
    work->execute();
    done->record(own);
  }

private:
  std::unique_ptr<Task> work;
  CUstream device, own;
  Event ready;
  std::shared_ptr<Event> done;
};

class FinishTransfer : public Task {
public:
  FinishTransfer(CUstream device, std::shared_ptr<Event> done)
      : device(device), done(std::move(done)) {}

  void execute() override { done->holdBack(device); }

private:
  CUstream device;
  std::shared_ptr<Event> done;
};

/// Of `work`, which enqueues on `own`: events hold it back until the stream
/// `device` has made what it reads, and hold `device` back until it is done.
/// Both are recorded into a CUDA graph like the rest of a step.
inline EnqueuedTransfer makeTransfer(std::unique_ptr<Task> work,
                                     CUstream device, CUstream own) {
  auto done = std::make_shared<Event>();
  return {std::make_unique<StartTransfer>(std::move(work), device, own, done),
          std::make_unique<FinishTransfer>(device, done)};
}

} // namespace pfc::rt::cuda

#endif // PFC_RUNTIME_DEVICE_CUDA_TRANSFER_H

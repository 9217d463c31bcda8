//===- Stream.h - Streams and events, owned ---------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_CUDA_STREAM_H
#define PFC_RUNTIME_DEVICE_CUDA_STREAM_H

#include "runtime/device/cuda/Status.h"

namespace pfc::rt::cuda {

/// A point in a stream that others can wait for; without timing.
class Event {
public:
  Event() {
    check(driver().cuEventCreate(&event, CU_EVENT_DISABLE_TIMING),
          "cuEventCreate");
  }
  ~Event() {
    if (event)
      driver().cuEventDestroy(event);
  }
  Event(Event &&other) noexcept : event(other.event) { other.event = nullptr; }
  Event &operator=(Event &&) = delete;

  void record(CUstream stream) {
    check(driver().cuEventRecord(event, stream), "cuEventRecord");
  }
  /// What is enqueued on `stream` from now on comes after this event.
  void holdBack(CUstream stream) const {
    check(driver().cuStreamWaitEvent(stream, event, CU_EVENT_WAIT_DEFAULT),
          "cuStreamWaitEvent");
  }
  bool happened() const {
    CUresult status = driver().cuEventQuery(event);
    if (status != CUDA_ERROR_NOT_READY)
      check(status, "cuEventQuery");
    return status == CUDA_SUCCESS;
  }
  void wait() const {
    check(driver().cuEventSynchronize(event), "cuEventSynchronize");
  }

private:
  CUevent event = nullptr;
};

/// A stream that does not wait for the default one.
class Stream {
public:
  enum class Priority {
    First, ///< its blocks go to a multiprocessor before those of the others
    Last
  };
  explicit Stream(Priority priority = Priority::First) {
    int last = 0, first = 0; // 0 and -5, as it were
    check(driver().cuCtxGetStreamPriorityRange(&last, &first),
          "cuCtxGetStreamPriorityRange");
    check(driver().cuStreamCreateWithPriority(
              &stream, CU_STREAM_NON_BLOCKING,
              priority == Priority::First ? first : last),
          "cuStreamCreateWithPriority");
  }
  ~Stream() { driver().cuStreamDestroy(stream); }
  Stream(const Stream &) = delete;
  Stream &operator=(const Stream &) = delete;

  CUstream get() const { return stream; }

private:
  CUstream stream = nullptr;
};

} // namespace pfc::rt::cuda

#endif // PFC_RUNTIME_DEVICE_CUDA_STREAM_H

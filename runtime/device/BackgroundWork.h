//===- BackgroundWork.h - Transfers on a thread -----------------*- C++ -*-===//
#ifndef PFC_RUNTIME_DEVICE_BACKGROUNDWORK_H
#define PFC_RUNTIME_DEVICE_BACKGROUNDWORK_H

#include "runtime/device/Device.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace pfc::rt {

/// For devices that work in host memory: a thread does what is started, in that
/// order, while the device computes. What a piece of work throws, its finish
/// throws.
class BackgroundWork {
public:
  BackgroundWork();
  /// Waits for what was started.
  ~BackgroundWork();
  BackgroundWork(const BackgroundWork &) = delete;
  BackgroundWork &operator=(const BackgroundWork &) = delete;

  /// Of `work`, which each start does once.
  EnqueuedTransfer make(std::function<void()> work);

private:
  struct Item {
    std::function<void()> work;
    bool done = true;
    std::exception_ptr error = nullptr;
    EnqueuedTransfer::Time begin = {}, end = {};
  };
  class Start;
  class Finish;

  void start(std::shared_ptr<Item> item);
  void finish(Item &item);
  void run();

  std::mutex mutex; // of all below, and of Item::done and ::error
  std::condition_variable changed;
  std::deque<std::shared_ptr<Item>> started;
  bool ending = false;
  std::thread worker;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_DEVICE_BACKGROUNDWORK_H

//===- Device.h - What executes a rank's instructions -----------*- C++ -*-===//
//
// A device is a plug-in (libpfc_device_<name>.so) that owns a rank's arena and
// turns plan instructions into tasks. Work has three stages, as in a plan's
// life: *prepare* (a task is made: shapes checked against libraries, kernels
// looked up, workspaces sized), *initialize* (the arena is filled), *execute*
// (only enqueues; allocates nothing).
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_DEVICE_H
#define PFC_RUNTIME_DEVICE_DEVICE_H

#include "runtime/device/Capabilities.h"
#include "runtime/plan/Shape.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace pfc::rt {

/// A buffer of the arena, resolved: address, element type, shape.
struct BufferView {
  std::byte *data = nullptr;
  plan::fb::DType dtype = plan::fb::DType_F32;
  std::vector<int64_t> shape;

  int64_t elements() const {
    int64_t n = 1;
    for (int64_t extent : shape)
      n *= extent;
    return n;
  }
  uint64_t bytes() const {
    return static_cast<uint64_t>(elements()) * byteWidth(dtype);
  }
};

/// One prepared instruction.
class Task {
public:
  virtual ~Task() = default;
  /// Enqueues the work; may throw Error.
  virtual void execute() = 0;
  /// The same as the plan's instruction says it, whatever does it in a step.
  virtual void executeAlone() { execute(); }
  /// Whether executing only enqueues, so that Device::record may take it.
  virtual bool recordable() const { return true; }
};

/// What goes on beside the device's other work, in two tasks: a collective, or
/// a launch that copies between the host's memory and the device's.
struct EnqueuedTransfer {
  /// The transfer, on a stream or thread of its own, after what the device was
  /// given before. Only enqueues.
  std::unique_ptr<Task> start;
  /// What the device is given from now on comes after it. Enqueues that on a
  /// stream, waits for a thread.
  std::unique_ptr<Task> finish;
  using Time = std::chrono::steady_clock::time_point;
  /// When the last one began and ended, asked after `finish`; empty where it
  /// goes on on a stream.
  std::function<std::pair<Time, Time>()> ran = {};
};

/// Where a device does a plan's branches (plan.fbs): what it is given goes on
/// beside the device's other work, one after the other.
class BranchDevice {
public:
  virtual ~BranchDevice() = default;
  /// As Device's; the same bits.
  virtual std::unique_ptr<Task> makeLaunch(const plan::fb::Launch &op,
                                           std::vector<BufferView> args) = 0;
  virtual std::unique_ptr<Task> makeMatmul(const plan::fb::Matmul &op,
                                           BufferView lhs, BufferView rhs,
                                           BufferView out) = 0;
  virtual std::unique_ptr<Task> makeCopy(BufferView source,
                                         BufferView target) = 0;
  /// What the branch is given from then on comes after what the device was
  /// given before.
  virtual std::unique_ptr<Task> makeFork() = 0;
  /// What the device is given from then on comes after what the branch was
  /// given before.
  virtual std::unique_ptr<Task> makeJoin() = 0;
};

/// A rank's arena. All of it is zero at first.
struct Arena {
  std::byte *device = nullptr; ///< 64-byte aligned, device-resident
  /// Of the plan's `host_bytes`, page-aligned; kernels can address it.
  std::byte *host = nullptr;
};

/// Bytes of the host's part of an arena.
struct HostExtent {
  bool written;   ///< or nobody has: they are zero, and need not be read
  uint64_t bytes; ///< that this is said of
};

/// Bytes on their way from the arena to the host.
class Download {
public:
  virtual ~Download() = default;
  /// Whether they have arrived.
  virtual bool ready() const = 0;
  /// Waits for them; they live as long as this object.
  virtual const std::byte *wait() = 0;
};

class BackgroundWork;

class Device : public Capabilities {
public:
  Device();
  ~Device() override;

  /// The versions of what computes, which all ranks must share: "LLVM 22.1.8,
  /// oneDNN 2.6.3".
  virtual std::string libraries() const { return describe(); }

  /// The rank's arena, of `bytes` of the device's memory and `hostBytes` of the
  /// host's. Called once; the device keeps it until it is destroyed.
  virtual Arena allocateArena(uint64_t bytes, uint64_t hostBytes = 0) = 0;
  /// Zeros in all of the host's part.
  virtual void clearHostMemory() = 0;
  /// What the `bytes` from `at` on, in the host's part, begin with. Here: all
  /// may have been written.
  virtual HostExtent hostExtent([[maybe_unused]] const std::byte *at,
                                uint64_t bytes) const {
    return {true, bytes};
  }

  /// Compiles the variant's kernels for the chip found.
  virtual void loadKernels(const plan::fb::Variant &variant) = 0;

  virtual std::unique_ptr<Task> makeLaunch(const plan::fb::Launch &op,
                                           std::vector<BufferView> args) = 0;
  /// The same beside other work. Nothing else touches what it writes, or writes
  /// what it reads, until it has finished. Here: on a thread.
  virtual EnqueuedTransfer makeTransfer(const plan::fb::Launch &op,
                                        std::vector<BufferView> args);
  virtual std::unique_ptr<Task> makeMatmul(const plan::fb::Matmul &op,
                                           BufferView lhs, BufferView rhs,
                                           BufferView out) = 0;
  virtual std::unique_ptr<Task> makeConv(const plan::fb::Conv &op,
                                         BufferView lhs, BufferView rhs,
                                         BufferView result) = 0;
  virtual std::unique_ptr<Task> makeCopy(BufferView source,
                                         BufferView target) = 0;

  /// Null: the device does one thing after the other.
  virtual BranchDevice *branch() { return nullptr; }

  /// Host memory -> arena, after what was enqueued before. Returns when `host`
  /// may change.
  virtual void upload(const void *host, BufferView target) = 0;
  /// Arena -> host memory; returns when done.
  virtual void download(BufferView source, void *host) = 0;
  /// Arena -> host memory, after what was enqueued before. Here: at once.
  virtual std::unique_ptr<Download> startDownload(BufferView source);

  /// What `enqueue` enqueues, as one task that can be executed many times (a
  /// CUDA graph); nothing of it is executed now. Null: tasks are executed one
  /// by one.
  virtual std::unique_ptr<Task>
  record([[maybe_unused]] const std::function<void()> &enqueue) {
    return nullptr;
  }

  /// The CUstream that work is enqueued on. Null: tasks are done when execute()
  /// returns, and the arena is host memory.
  virtual void *stream() const { return nullptr; }
  /// What no other chip is called, on any machine; empty without a stream.
  virtual std::string chip() const { return {}; }

  /// Whether everything enqueued has finished; throws what it failed with.
  virtual bool idle() { return true; }
  /// Waits until everything enqueued has finished.
  virtual void synchronize() = 0;

protected:
  /// Waits for what goes on on a thread: before a device gives back what it
  /// works in.
  void finishTransfers();

private:
  std::unique_ptr<BackgroundWork> transfers; // made when needed
};

/// What a rank may use of its machine.
struct DeviceOptions {
  int threads = 0;   ///< 0: all processors of the machine / ranks on it
  int localRank = 0; ///< among the ranks on this machine: which GPU
  /// Where to map a file of what may be larger than memory; empty: the system's
  /// folder for temporary files.
  std::string folder = {};
};

/// Opens the plug-in for `name` ("cpu", "cuda", "emulated-cuda"); throws an
/// Error that says what is missing.
std::unique_ptr<Device> openDevice(const std::string &name,
                                   const DeviceOptions &options);

/// The symbol every plug-in exports: extern "C" Device *pfc_create_device(...)
using CreateDeviceFunction = Device *(const DeviceOptions *);

} // namespace pfc::rt

#endif // PFC_RUNTIME_DEVICE_DEVICE_H

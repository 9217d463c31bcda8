//===- Fiber.h - A stack of its own to run on -------------------*- C++ -*-===//
//
// What a CUDA thread becomes when it has to wait for others: a function that
// can be left in its middle and entered again there. On x86-64 a switch is a
// dozen instructions; elsewhere ucontext does it.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_EMULATED_CUDA_FIBER_H
#define PFC_RUNTIME_DEVICE_EMULATED_CUDA_FIBER_H

#include <cstddef>

#ifndef __x86_64__
#include <ucontext.h>
#endif

namespace pfc::rt::emulated {

/// A place to continue: the processor's state, saved on a stack.
class Context {
public:
  /// Makes this the start of entry(argument) on the stack given. `entry` must
  /// not return.
  void start(std::byte *stack, size_t bytes, void (*entry)(void *),
             void *argument);

  /// Leaves `from` here, continues `to` where it was left.
  static void swap(Context &from, Context &to);

private:
#ifdef __x86_64__
  void *stackPointer = nullptr;
#else
  ucontext_t context;
#endif

#ifdef __SANITIZE_ADDRESS__ // which has to be told which stack is in use
  void arrive();
  static void enter(void *context);

  const void *stack = nullptr; ///< its lowest byte
  size_t stackBytes = 0;
  void *fakeFrames = nullptr;
  Context *cameFrom = nullptr;
  void (*entry)(void *) = nullptr;
  void *argument = nullptr;
#endif
  /// What start and swap do, as far as the processor is concerned.
  void prepare(std::byte *stack, size_t bytes, void (*entry)(void *),
               void *argument);
  static void exchange(Context &from, Context &to);
};

/// Memory for stacks, each with a page below it that faults.
class Stacks {
public:
  explicit Stacks(size_t count);
  ~Stacks();
  Stacks(const Stacks &) = delete;
  Stacks &operator=(const Stacks &) = delete;

  std::byte *stack(size_t index) const;
  /// Not the same for all: the ends that are in use would share the same few
  /// lines of the processor's cache.
  size_t size(size_t index) const { return bytes - index % 8 * 512; }
  bool owns(const void *address) const {
    return static_cast<size_t>(static_cast<const std::byte *>(address) - base) <
           mapped;
  }

private:
  static constexpr size_t bytes = 128 << 10;

  std::byte *base;
  size_t mapped;
};

} // namespace pfc::rt::emulated

#endif // PFC_RUNTIME_DEVICE_EMULATED_CUDA_FIBER_H

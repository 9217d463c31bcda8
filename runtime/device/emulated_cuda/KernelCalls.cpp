//===- KernelCalls.cpp - What compiled kernels call -------------------------=//
//
// The functions of EmulationAbi.h, and those that a compiler's thread sanitizer
// calls before every access of memory. The sanitizer's own library is never
// linked: its calls, which GCC and clang insert into the kernels alike, are how
// the unchanged text of a plan gets its accesses checked. They take the address
// of the access; the address they return to is that of the access in the code.
// The names are the compilers'.
//
//===----------------------------------------------------------------------===//
#include "runtime/device/emulated_cuda/BlockRunner.h"

#include <atomic>
#include <cstring>

namespace pfc::rt::emulated {
namespace {

void check(const void *address, uint64_t bytes, Access kind,
           const void *caller) {
  // Outside kernels: a constructor of the kernels' library.
  if (BlockRunner *runner = BlockRunner::current())
    runner->checkAccess(address, bytes, kind, caller);
}

/// An access that the compiler took to be aligned to its size.
void checkAligned(const void *address, uint64_t bytes, Access kind,
                  const void *caller) {
  if (BlockRunner *runner = BlockRunner::current()) {
    runner->checkAlignment(address, bytes, caller);
    runner->checkAccess(address, bytes, kind, caller);
  }
}

template <typename T, typename Change>
T change(T *address, const void *caller, Change change) {
  // Where accesses are not checked, nobody knows what was written before.
  if (BlockRunner *runner = BlockRunner::current();
      runner && runner->shape().views)
    checkAligned(address, sizeof(T), Access::Atomic, caller);
  std::atomic_ref<T> atomic(*address);
  T old = atomic.load(std::memory_order_relaxed);
  while (!atomic.compare_exchange_weak(old, change(old)))
    ;
  return old;
}

} // namespace
} // namespace pfc::rt::emulated

using pfc::rt::emulated::Access;
using pfc::rt::emulated::BlockRunner;
using pfc::rt::emulated::change;
using pfc::rt::emulated::check;
using pfc::rt::emulated::checkAligned;

#define PFC_CALLER __builtin_return_address(0)

namespace pfc::emulation {

unsigned threadIndex() { return BlockRunner::current()->threadIndex(); }
unsigned blockIndex() { return BlockRunner::current()->blockIndex(); }
unsigned blockSize() { return BlockRunner::current()->shape().threads; }
unsigned gridSize() { return BlockRunner::current()->shape().blocks; }

void syncThreads(unsigned line) { BlockRunner::current()->syncThreads(line); }

unsigned long long exchange(Collective kind, unsigned mask,
                            unsigned long long value, int argument, int width,
                            unsigned line) {
  BlockRunner *runner = BlockRunner::current();
  runner->runningOffer() = {kind, mask, value, argument, width, line, 0};
  return runner->exchange();
}

void exchangeAll(Collective kind, void *pointer, unsigned line) {
  exchange(kind, ~0u, reinterpret_cast<uint64_t>(pointer), 0, 32, line);
}

void copyAsync(void *shared, const void *source, bool inside) {
  BlockRunner::current()->copyAsync(
      static_cast<std::byte *>(shared),
      inside ? static_cast<const std::byte *>(source) : nullptr, PFC_CALLER);
}
void commitCopies() { BlockRunner::current()->commitCopies(); }
void waitCopies(unsigned left) {
  BlockRunner::current()->waitCopies(left, PFC_CALLER);
}

unsigned sharedAddress(const void *shared) {
  return BlockRunner::current()->sharedAddress(shared, PFC_CALLER);
}
void publishShared() { BlockRunner::current()->publishShared(); }

void makeBarrier(unsigned long long *barrier, unsigned arrivals) {
  BlockRunner::current()->makeBarrier(barrier, arrivals, PFC_CALLER);
}
void dropBarrier(unsigned long long *barrier) {
  BlockRunner::current()->dropBarrier(barrier, PFC_CALLER);
}
void arriveExpecting(unsigned long long *barrier, unsigned bytes) {
  BlockRunner::current()->arriveExpecting(barrier, bytes, PFC_CALLER);
}
void waitPhase(unsigned long long *barrier, unsigned parity) {
  BlockRunner::current()->waitPhase(barrier, parity, PFC_CALLER);
}
void copyBox(void *shared, const TensorMap &map, int row, int column,
             unsigned long long *barrier) {
  BlockRunner::current()->copyBox(static_cast<std::byte *>(shared), map, row,
                                  column, barrier, PFC_CALLER);
}

void beginProducts() { BlockRunner::current()->beginProducts(); }
void multiplyGroup(float *d, unsigned long long a, unsigned long long b,
                   bool bf16) {
  BlockRunner::current()->multiplyGroup({d, a, b, bf16}, PFC_CALLER);
}
void commitProducts() { BlockRunner::current()->commitProducts(PFC_CALLER); }
void waitProducts(unsigned left) {
  BlockRunner::current()->waitProducts(left, PFC_CALLER);
}

void *sharedArray(const void *key, const char *name, unsigned long long bytes) {
  return BlockRunner::current()->sharedArray(key, name, bytes);
}

void *dynamicSharedArray(const char *name) {
  return BlockRunner::current()->dynamicSharedArray(name);
}

#define PFC_ATOMIC(T, Name, result)                                            \
  T atomic##Name(T *address, T value) {                                        \
    return change(address, PFC_CALLER, [&](T old) -> T { return result; });    \
  }
#define PFC_ATOMICS(T)                                                         \
  PFC_ATOMIC(T, Add, old + value)                                              \
  PFC_ATOMIC(T, Min, value < old ? value : old)                                \
  PFC_ATOMIC(T, Max, old < value ? value : old)                                \
  PFC_ATOMIC(T, Exch, (static_cast<void>(old), value))                         \
  T atomicCAS(T *address, T expected, T value) {                               \
    return change(address, PFC_CALLER,                                         \
                  [&](T old) { return old == expected ? value : old; });       \
  }
PFC_ATOMICS(int)
PFC_ATOMICS(unsigned)
PFC_ATOMICS(unsigned long long)
PFC_ATOMIC(float, Add, old + value)
PFC_ATOMIC(double, Add, old + value)
PFC_ATOMIC(float, Exch, (static_cast<void>(old), value))
PFC_ATOMIC(unsigned, And, old &value)
PFC_ATOMIC(unsigned, Or, old | value)
PFC_ATOMIC(unsigned long long, Or, old | value)
PFC_ATOMIC(unsigned, Xor, old ^ value)
#undef PFC_ATOMICS
#undef PFC_ATOMIC

} // namespace pfc::emulation

extern "C" {

#define PFC_HOOKS(bytes)                                                       \
  void __tsan_read##bytes(void *address) {                                     \
    checkAligned(address, bytes, Access::Read, PFC_CALLER);                    \
  }                                                                            \
  void __tsan_write##bytes(void *address) {                                    \
    checkAligned(address, bytes, Access::Write, PFC_CALLER);                   \
  }                                                                            \
  void __tsan_read_write##bytes(void *address) {                               \
    checkAligned(address, bytes, Access::ReadWrite, PFC_CALLER);               \
  }                                                                            \
  void __tsan_unaligned_read##bytes(void *address) {                           \
    check(address, bytes, Access::Read, PFC_CALLER);                           \
  }                                                                            \
  void __tsan_unaligned_write##bytes(void *address) {                          \
    check(address, bytes, Access::Write, PFC_CALLER);                          \
  }                                                                            \
  void __tsan_unaligned_read_write##bytes(void *address) {                     \
    check(address, bytes, Access::ReadWrite, PFC_CALLER);                      \
  }
PFC_HOOKS(1)
PFC_HOOKS(2)
PFC_HOOKS(4)
PFC_HOOKS(8)
PFC_HOOKS(16)
#undef PFC_HOOKS

void __tsan_read_range(void *address, unsigned long bytes) {
  check(address, bytes, Access::Read, PFC_CALLER);
}
void __tsan_write_range(void *address, unsigned long bytes) {
  check(address, bytes, Access::Write, PFC_CALLER);
}

void *__tsan_memcpy(void *target, const void *source, unsigned long bytes) {
  check(source, bytes, Access::Read, PFC_CALLER);
  check(target, bytes, Access::Write, PFC_CALLER);
  return std::memcpy(target, source, bytes);
}
void *__tsan_memmove(void *target, const void *source, unsigned long bytes) {
  check(source, bytes, Access::Read, PFC_CALLER);
  check(target, bytes, Access::Write, PFC_CALLER);
  return std::memmove(target, source, bytes);
}
void *__tsan_memset(void *target, int value, unsigned long bytes) {
  check(target, bytes, Access::Write, PFC_CALLER);
  return std::memset(target, value, bytes);
}

// The undefined-behaviour sanitizer's, for accesses of more than one element
// (Pack<T, N>, float4), which compilers take apart. HostCompiler has the name.
struct TypeMismatch {
  struct {
    const char *file;
    unsigned line, column;
  } location;
  const void *type;
  unsigned char logAlignment, kind;
};
void __wrap___ubsan_handle_type_mismatch_v1(const TypeMismatch *mismatch,
                                            unsigned long address) {
  if (BlockRunner *runner = BlockRunner::current())
    runner->checkAlignment(reinterpret_cast<const void *>(address),
                           uint64_t{1} << mismatch->logAlignment, PFC_CALLER);
}

void __tsan_atomic_thread_fence(int) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}
void __tsan_init() {}
void __tsan_func_entry(void *) {}
void __tsan_func_exit() {}

} // extern "C"

#include "runtime/device/emulated_cuda/Fiber.h"

#include "runtime/base/Error.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <sys/mman.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace pfc::rt::emulated {

#ifdef __x86_64__

extern "C" void pfc_emulation_swap(void **from, void *to);
extern "C" void pfc_emulation_begin();

// The System V ABI's callee-saved registers are all that a call must keep; a
// new stack holds entry and argument where rbx and r12 are restored from.
asm(R"(
.text
.p2align 4
.globl pfc_emulation_swap
.hidden pfc_emulation_swap
.type pfc_emulation_swap, @function
pfc_emulation_swap:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size pfc_emulation_swap, .-pfc_emulation_swap
.globl pfc_emulation_begin
.hidden pfc_emulation_begin
.type pfc_emulation_begin, @function
pfc_emulation_begin:
  movq %r12, %rdi
  callq *%rbx
  ud2
.size pfc_emulation_begin, .-pfc_emulation_begin
)");

void Context::prepare(std::byte *stack, size_t bytes, void (*entry)(void *),
                      void *argument) {
  // r15, r14, r13, r12, rbx, rbp, return address; two more align the stack.
  constexpr size_t slots = 9;
  void **top = reinterpret_cast<void **>(stack + bytes) - slots;
  std::memset(top, 0, slots * sizeof(void *));
  top[3] = argument;
  top[4] = reinterpret_cast<void *>(entry);
  top[6] = reinterpret_cast<void *>(&pfc_emulation_begin);
  stackPointer = top;
}

void Context::exchange(Context &from, Context &to) {
  pfc_emulation_swap(&from.stackPointer, to.stackPointer);
}

#else

/// makecontext passes ints only.
static void begin(unsigned entryHigh, unsigned entryLow, unsigned argumentHigh,
                  unsigned argumentLow) {
  auto join = [](unsigned high, unsigned low) {
    return static_cast<uintptr_t>(static_cast<uint64_t>(high) << 32 | low);
  };
  reinterpret_cast<void (*)(void *)>(join(entryHigh, entryLow))(
      reinterpret_cast<void *>(join(argumentHigh, argumentLow)));
}

void Context::prepare(std::byte *stack, size_t bytes, void (*entry)(void *),
                      void *argument) {
  getcontext(&context);
  context.uc_stack.ss_sp = stack;
  context.uc_stack.ss_size = bytes;
  context.uc_link = nullptr;
  auto split = [](auto pointer) {
    return static_cast<uint64_t>(reinterpret_cast<uintptr_t>(pointer));
  };
  uint64_t e = split(entry), a = split(argument);
  makecontext(&context, reinterpret_cast<void (*)()>(begin), 4,
              static_cast<unsigned>(e >> 32), static_cast<unsigned>(e),
              static_cast<unsigned>(a >> 32), static_cast<unsigned>(a));
}

void Context::exchange(Context &from, Context &to) {
  swapcontext(&from.context, &to.context);
}

#endif

#ifdef __SANITIZE_ADDRESS__

void Context::start(std::byte *lowest, size_t bytes, void (*function)(void *),
                    void *value) {
  stack = lowest, stackBytes = bytes;
  entry = function, argument = value;
  // Functions that were left in their middle for good may have had it.
  __asan_unpoison_memory_region(lowest, bytes);
  prepare(lowest, bytes, enter, this);
}

void Context::swap(Context &from, Context &to) {
  to.cameFrom = &from;
  __sanitizer_start_switch_fiber(&from.fakeFrames, to.stack, to.stackBytes);
  exchange(from, to);
  from.arrive();
}

/// Also learns which stack was left: the first is the operating system's.
void Context::arrive() {
  __sanitizer_finish_switch_fiber(fakeFrames, &cameFrom->stack,
                                  &cameFrom->stackBytes);
}

void Context::enter(void *pointer) {
  auto &context = *static_cast<Context *>(pointer);
  context.arrive();
  context.entry(context.argument);
}

#else

void Context::start(std::byte *stack, size_t bytes, void (*entry)(void *),
                    void *argument) {
  prepare(stack, bytes, entry, argument);
}

void Context::swap(Context &from, Context &to) { exchange(from, to); }

#endif

static constexpr size_t page = 4096;

Stacks::Stacks(size_t count) : mapped(count * (bytes + page)) {
  void *address = mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  require(address != MAP_FAILED, "cannot allocate {} stacks: {}", count,
          std::strerror(errno));
  base = static_cast<std::byte *>(address);
  for (size_t i = 0; i < count; ++i)
    mprotect(base + i * (bytes + page), page, PROT_NONE);
}

Stacks::~Stacks() { munmap(base, mapped); }

std::byte *Stacks::stack(size_t index) const {
  return base + index * (bytes + page) + page;
}

} // namespace pfc::rt::emulated

#include "runtime/exec/Overlap.h"

#include "runtime/plan/InstructionBuffers.h"
#include "runtime/plan/Shape.h"

#include <vector>

namespace pfc::rt {
namespace {

bool overlap(const plan::fb::Buffer &a, const plan::fb::Buffer &b) {
  return a.offset() < b.offset() + byteSize(*b.shape(), b.dtype()) &&
         b.offset() < a.offset() + byteSize(*a.shape(), a.dtype());
}

} // namespace

uint32_t firstUseAfter(const plan::fb::Program &program, uint32_t index) {
  const auto &instructions = *program.instructions();
  const auto &buffers = *program.buffers();
  std::vector<uint32_t> own = buffersOf(*instructions.Get(index));
  auto touches = [&](const plan::fb::Instruction &instruction) {
    for (uint32_t other : buffersOf(instruction))
      for (uint32_t mine : own)
        if (overlap(*buffers.Get(other), *buffers.Get(mine)))
          return true;
    return false;
  };
  for (uint32_t i = index + 1; i < instructions.size(); ++i)
    if (touches(*instructions.Get(i)))
      return i;
  return instructions.size();
}

} // namespace pfc::rt

#include "runtime/exec/Overlap.h"

#include "runtime/plan/Shape.h"

#include <vector>

namespace pfc::rt {
namespace {

/// The buffers of an instruction; which of a launch's it writes is not said.
std::vector<uint32_t> buffersOf(const plan::fb::Instruction &instruction) {
  switch (instruction.operation_type()) {
  case plan::fb::Operation_Launch: {
    const auto &arguments = *instruction.operation_as_Launch()->arguments();
    return {arguments.begin(), arguments.end()};
  }
  case plan::fb::Operation_Matmul: {
    const auto &op = *instruction.operation_as_Matmul();
    return {op.lhs(), op.rhs(), op.out()};
  }
  case plan::fb::Operation_Conv: {
    const auto &op = *instruction.operation_as_Conv();
    return {op.lhs(), op.rhs(), op.result()};
  }
  case plan::fb::Operation_Copy: {
    const auto &op = *instruction.operation_as_Copy();
    return {op.source(), op.target()};
  }
  default: {
    const auto &op = *instruction.operation_as_Collective();
    return {op.source(), op.target()};
  }
  }
}

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

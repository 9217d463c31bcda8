#include "runtime/plan/InstructionBuffers.h"

#include "runtime/plan/Shape.h"

namespace pfc::rt {

bool overlap(const plan::fb::Buffer &a, const plan::fb::Buffer &b) {
  return a.offset() < b.offset() + byteSize(*b.shape(), b.dtype()) &&
         b.offset() < a.offset() + byteSize(*a.shape(), a.dtype());
}

bool isTransfer(const plan::fb::Instruction &instruction) {
  const auto *launch = instruction.operation_as_Launch();
  return launch ? launch->transfer()
                : instruction.operation_as_Collective() != nullptr;
}

std::vector<bool> writtenBy(const plan::fb::Instruction &transfer) {
  const auto *launch = transfer.operation_as_Launch();
  if (!launch)
    return {false, true}; // source, target
  std::vector<bool> written(launch->arguments()->size());
  if (launch->writes())
    for (uint32_t argument : *launch->writes())
      written[argument] = true;
  return written;
}

std::vector<uint32_t>
knownToBeWritten(const plan::fb::Instruction &instruction) {
  switch (instruction.operation_type()) {
  case plan::fb::Operation_Matmul:
    return {instruction.operation_as_Matmul()->out()};
  case plan::fb::Operation_Conv:
    return {instruction.operation_as_Conv()->result()};
  case plan::fb::Operation_Copy:
    return {instruction.operation_as_Copy()->target()};
  case plan::fb::Operation_Collective:
    return {instruction.operation_as_Collective()->target()};
  case plan::fb::Operation_Launch: {
    std::vector<uint32_t> written;
    const auto &launch = *instruction.operation_as_Launch();
    if (launch.writes())
      for (uint32_t argument : *launch.writes())
        written.push_back(launch.arguments()->Get(argument));
    return written;
  }
  default:
    return {};
  }
}

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
  case plan::fb::Operation_Wait:
    return {};
  default: {
    const auto &op = *instruction.operation_as_Collective();
    return {op.source(), op.target()};
  }
  }
}

} // namespace pfc::rt

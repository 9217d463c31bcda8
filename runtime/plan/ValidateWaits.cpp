#include "runtime/plan/ValidateWaits.h"

#include "runtime/base/Error.h"
#include "runtime/plan/InstructionBuffers.h"
#include "runtime/plan/Shape.h"

#include <optional>
#include <set>

namespace pfc::rt {
namespace {

using namespace plan::fb;

/// The buffer that everything but a launch writes.
std::optional<uint32_t> resultOf(const Instruction &instruction) {
  switch (instruction.operation_type()) {
  case Operation_Matmul:
    return instruction.operation_as_Matmul()->out();
  case Operation_Conv:
    return instruction.operation_as_Conv()->result();
  case Operation_Copy:
    return instruction.operation_as_Copy()->target();
  case Operation_Collective:
    return instruction.operation_as_Collective()->target();
  default:
    return std::nullopt;
  }
}

void validateBetween(const Program &program, uint32_t collective, uint32_t wait,
                     const std::string &where) {
  const auto &buffers = *program.buffers();
  const auto &op =
      *program.instructions()->Get(collective)->operation_as_Collective();
  const auto &source = *buffers[op.source()], &target = *buffers[op.target()];
  for (uint32_t i = collective + 1; i < wait; ++i) {
    const Instruction &between = *program.instructions()->Get(i);
    for (uint32_t buffer : buffersOf(between))
      require(!overlap(*buffers[buffer], target),
              "{}, instruction {}: touches buffer {}, which the collective of "
              "instruction {} writes until instruction {}",
              where, i, buffer, collective, wait);
    std::optional<uint32_t> result = resultOf(between);
    require(!result || !overlap(*buffers[*result], source),
            "{}, instruction {}: writes buffer {}, which the collective of "
            "instruction {} reads until instruction {}",
            where, i, result.value_or(0), collective, wait);
  }
}

} // namespace

void validateWaits(const Program &program, const std::string &where) {
  std::set<uint32_t> waitedFor;
  for (uint32_t i = 0; i < program.instructions()->size(); ++i) {
    const Wait *wait = program.instructions()->Get(i)->operation_as_Wait();
    if (!wait)
      continue;
    uint32_t collective = wait->collective();
    require(collective < i &&
                program.instructions()->Get(collective)->operation_type() ==
                    Operation_Collective,
            "{}, instruction {}: waits for instruction {}, which is no "
            "collective before it",
            where, i, collective);
    require(waitedFor.insert(collective).second,
            "{}, instruction {}: instruction {} is waited for twice", where, i,
            collective);
    validateBetween(program, collective, i, where);
  }
}

} // namespace pfc::rt

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

void validateBetween(const Program &program, uint32_t transfer, uint32_t wait,
                     const std::string &where) {
  const auto &buffers = *program.buffers();
  const Instruction &started = *program.instructions()->Get(transfer);
  const std::vector<uint32_t> busy = buffersOf(started);
  const std::vector<bool> written = writtenBy(started);
  for (uint32_t i = transfer + 1; i < wait; ++i) {
    const Instruction &between = *program.instructions()->Get(i);
    std::optional<uint32_t> result = resultOf(between);
    for (size_t b = 0; b < busy.size(); ++b) {
      const Buffer &bytes = *buffers[busy[b]];
      if (written[b])
        for (uint32_t buffer : buffersOf(between))
          require(!overlap(*buffers[buffer], bytes),
                  "{}, instruction {}: touches buffer {}, which the transfer "
                  "of instruction {} writes until instruction {}",
                  where, i, buffer, transfer, wait);
      require(!result || !overlap(*buffers[*result], bytes),
              "{}, instruction {}: writes buffer {}, which the transfer of "
              "instruction {} reads until instruction {}",
              where, i, result.value_or(0), transfer, wait);
    }
  }
}

} // namespace

void validateWaits(const Program &program, const std::string &where) {
  std::set<uint32_t> waitedFor;
  for (uint32_t i = 0; i < program.instructions()->size(); ++i) {
    const Wait *wait = program.instructions()->Get(i)->operation_as_Wait();
    if (!wait)
      continue;
    uint32_t transfer = wait->transfer();
    require(transfer < i && isTransfer(*program.instructions()->Get(transfer)),
            "{}, instruction {}: waits for instruction {}, which is no "
            "transfer before it",
            where, i, transfer);
    require(waitedFor.insert(transfer).second,
            "{}, instruction {}: instruction {} is waited for twice", where, i,
            transfer);
    validateBetween(program, transfer, i, where);
  }
}

} // namespace pfc::rt

#include "runtime/trace/StepTrace.h"

#include "runtime/plan/InstructionBuffers.h"
#include "runtime/trace/InstructionName.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace pfc::rt {
namespace {

using Json = nlohmann::ordered_json;

enum Row { Computation, Transfers, HostCopies };

Row rowOf(const plan::fb::Instruction &instruction) {
  if (!isTransfer(instruction))
    return Computation;
  return instruction.operation_as_Collective() ? Transfers : HostCopies;
}

constexpr double microseconds = 1e6;

/// The name of a process or of one of its rows.
Json nameEvent(const char *what, int rank, int row, const std::string &name) {
  return {{"name", what},
          {"ph", "M"},
          {"pid", rank},
          {"tid", row},
          {"args", {{"name", name}}}};
}

Json event(const std::string &name, int rank, Row row, TimeSpan span,
           Json details) {
  return {{"name", name},
          {"ph", "X"},
          {"pid", rank},
          {"tid", static_cast<int>(row)},
          {"ts", span.begin * microseconds},
          {"dur", (span.end - span.begin) * microseconds},
          {"args", std::move(details)}};
}

Json detailsOf(const plan::fb::Variant &variant,
               const plan::fb::Instruction &instruction, uint32_t index) {
  Json details{{"instruction", index}};
  if (!instruction.operation_as_Wait())
    details["work"] = workOf(variant, instruction);
  if (const plan::fb::Cost *cost = instruction.cost()) {
    details["flop"] = cost->flops();
    details["bytes"] = cost->bytes_read() + cost->bytes_written();
    details["sent"] = cost->bytes_sent();
  }
  return details;
}

void addRank(Json &events, const plan::fb::Variant &variant,
             const plan::fb::Program &program, const StepTimes &times,
             int rank) {
  events.push_back(
      nameEvent("process_name", rank, 0, fmt::format("rank {}", rank)));
  events.push_back(nameEvent("thread_name", rank, Computation, "computation"));
  events.push_back(nameEvent("thread_name", rank, Transfers, "transfers"));
  const auto &instructions = *program.instructions();
  if (std::any_of(instructions.begin(), instructions.end(),
                  [](auto *each) { return rowOf(*each) == HostCopies; }))
    events.push_back(nameEvent("thread_name", rank, HostCopies, "host copies"));
  const std::vector<bool> waitedFor = transfersWaitedFor(program);
  for (uint32_t i = 0; i < program.instructions()->size(); ++i) {
    const plan::fb::Instruction &instruction = *program.instructions()->Get(i);
    const std::string name = instructionName(variant, program, i);
    const Row row = rowOf(instruction);
    events.push_back(event(name, rank, row, times.running[i],
                           detailsOf(variant, instruction, i)));
    if (row != Computation && !waitedFor[i])
      events.push_back(event("wait for " + name, rank, Computation,
                             times.waiting[i], {{"instruction", i}}));
  }
}

} // namespace

std::vector<bool> transfersWaitedFor(const plan::fb::Program &program) {
  std::vector<bool> result(program.instructions()->size());
  for (const plan::fb::Instruction *instruction : *program.instructions())
    if (const auto *wait = instruction->operation_as_Wait())
      result[wait->transfer()] = true;
  return result;
}

std::string traceText(const plan::fb::Variant &variant,
                      const plan::fb::Program &program,
                      const std::vector<StepTimes> &ranks,
                      const std::string &title) {
  Json events = Json::array();
  for (size_t rank = 0; rank < ranks.size(); ++rank)
    addRank(events, variant, program, ranks[rank], static_cast<int>(rank));
  Json trace{
      {"displayTimeUnit", "ms"},
      {"otherData", {{"title", title}, {"program", program.name()->str()}}},
      {"traceEvents", std::move(events)}};
  return trace.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace pfc::rt

#include "runtime/trace/InstructionName.h"

#include <fmt/format.h>

namespace pfc::rt {

const char *collectiveName(plan::fb::CollectiveKind kind) {
  switch (kind) {
  case plan::fb::CollectiveKind_AllReduceSum:
    return "all_reduce";
  case plan::fb::CollectiveKind_AllGather:
    return "all_gather";
  case plan::fb::CollectiveKind_ReduceScatterSum:
    return "reduce_scatter";
  }
  return "collective";
}

std::string workOf(const plan::fb::Variant &variant,
                   const plan::fb::Instruction &instruction) {
  switch (instruction.operation_type()) {
  case plan::fb::Operation_Launch: {
    const auto &op = *instruction.operation_as_Launch();
    const plan::fb::Kernel &kernel = *variant.kernels()->Get(op.kernel());
    std::string text = kernel.name()->str();
    if (kernel.description() && kernel.description()->size() != 0)
      text += ": " + kernel.description()->str();
    return text;
  }
  case plan::fb::Operation_Matmul: {
    const auto &op = *instruction.operation_as_Matmul();
    return fmt::format("matmul {}x{}x{}{}{}{}{}", op.m(), op.n(), op.k(),
                       op.batch() > 1 ? fmt::format(" b{}", op.batch()) : "",
                       op.transpose_lhs() ? " lhs'" : "",
                       op.transpose_rhs() ? " rhs'" : "",
                       op.accumulate() ? " added" : "");
  }
  case plan::fb::Operation_Conv: {
    const auto &op = *instruction.operation_as_Conv();
    return fmt::format("conv {} {}x{}x{} {}->{} k{} s{}{}",
                       EnumNameConvKind(op.kind()), op.batch(), op.in_height(),
                       op.in_width(), op.in_channels(), op.out_channels(),
                       op.kernel(), op.stride(),
                       op.groups() > 1 ? fmt::format(" g{}", op.groups()) : "");
  }
  case plan::fb::Operation_Copy:
    return "copy";
  case plan::fb::Operation_Wait:
    return "wait";
  default:
    return collectiveName(instruction.operation_as_Collective()->kind());
  }
}

/// The kind of an instruction, in a word.
static std::string kindOf(const plan::fb::Variant &variant,
                          const plan::fb::Program &program,
                          const plan::fb::Instruction &instruction) {
  switch (instruction.operation_type()) {
  case plan::fb::Operation_Launch:
    return variant.kernels()
        ->Get(instruction.operation_as_Launch()->kernel())
        ->name()
        ->str();
  case plan::fb::Operation_Matmul:
    return "matmul";
  case plan::fb::Operation_Conv:
    return fmt::format(
        "conv {}", EnumNameConvKind(instruction.operation_as_Conv()->kind()));
  case plan::fb::Operation_Copy:
    return "copy";
  case plan::fb::Operation_Wait:
    return "wait for " +
           instructionName(variant, program,
                           instruction.operation_as_Wait()->transfer());
  default:
    return collectiveName(instruction.operation_as_Collective()->kind());
  }
}

std::string instructionName(const plan::fb::Variant &variant,
                            const plan::fb::Program &program, uint32_t index) {
  const plan::fb::Instruction &instruction =
      *program.instructions()->Get(index);
  std::string name = kindOf(variant, program, instruction);
  // A wait's transfer says it.
  const bool located = instruction.location() &&
                       instruction.location()->size() != 0 &&
                       !instruction.operation_as_Wait();
  return located ? name + " " + instruction.location()->str() : name;
}

} // namespace pfc::rt

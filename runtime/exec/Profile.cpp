#include "runtime/exec/Profile.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace pfc::rt {
namespace {

/// What makes two instructions the same work.
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
    return fmt::format("matmul {}x{}x{}{}{}", op.m(), op.n(), op.k(),
                       op.transpose_lhs() ? " lhs'" : "",
                       op.transpose_rhs() ? " rhs'" : "");
  }
  case plan::fb::Operation_Conv: {
    const auto &op = *instruction.operation_as_Conv();
    return fmt::format("conv {} {}x{}x{} {}->{} k{} s{}",
                       EnumNameConvKind(op.kind()), op.batch(), op.in_height(),
                       op.in_width(), op.in_channels(), op.out_channels(),
                       op.kernel(), op.stride());
  }
  case plan::fb::Operation_Copy:
    return "copy";
  case plan::fb::Operation_Wait:
    return "wait";
  default:
    return EnumNameCollectiveKind(
        instruction.operation_as_Collective()->kind());
  }
}

} // namespace

std::vector<ProfileRow> profileRows(const plan::fb::Variant &variant,
                                    const plan::fb::Program &program,
                                    const Profile &profile) {
  std::map<std::string, ProfileRow> rows;
  for (uint32_t i = 0; i < program.instructions()->size(); ++i) {
    const plan::fb::Instruction &instruction = *program.instructions()->Get(i);
    std::string what = workOf(variant, instruction);
    ProfileRow &row = rows[what];
    row.what = what;
    row.instructions += 1;
    row.seconds += profile.seconds[i] / static_cast<double>(profile.runs);
    if (const plan::fb::Cost *cost = instruction.cost()) {
      row.flops += static_cast<double>(cost->flops());
      row.bytes +=
          static_cast<double>(cost->bytes_read() + cost->bytes_written());
    }
  }
  std::vector<ProfileRow> sorted;
  for (auto &[name, row] : rows)
    sorted.push_back(std::move(row));
  std::sort(sorted.begin(), sorted.end(),
            [](const ProfileRow &a, const ProfileRow &b) {
              return a.seconds > b.seconds;
            });
  return sorted;
}

std::string profileTable(const plan::fb::Variant &variant,
                         const plan::fb::Program &program,
                         const Profile &profile, size_t rows) {
  if (profile.runs == 0)
    return {};
  std::vector<ProfileRow> sorted = profileRows(variant, program, profile);
  double total = 0;
  for (const ProfileRow &row : sorted)
    total += row.seconds;
  std::string text = fmt::format(
      "program {}: {:.2f} ms a run, {} runs\n{:>9} {:>6} {:>5} {:>8} {:>7}\n",
      program.name()->str(), total * 1e3, profile.runs, "ms", "share", "calls",
      "GFLOP/s", "GB/s");
  for (size_t i = 0; i < std::min(rows, sorted.size()); ++i) {
    const ProfileRow &row = sorted[i];
    double rate = row.seconds > 0 ? 1e-9 / row.seconds : 0;
    text += fmt::format("{:9.3f} {:5.1f}% {:5} {:8.1f} {:7.1f}  {}\n",
                        row.seconds * 1e3, 100 * row.seconds / total,
                        row.instructions, row.flops * rate, row.bytes * rate,
                        row.what);
  }
  if (sorted.size() > rows)
    text += fmt::format("          … and {} more\n", sorted.size() - rows);
  return text;
}

} // namespace pfc::rt

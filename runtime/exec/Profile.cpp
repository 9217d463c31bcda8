#include "runtime/exec/Profile.h"

#include "runtime/trace/InstructionName.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace pfc::rt {
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

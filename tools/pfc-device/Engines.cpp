#include "Engines.h"

#include "runtime/device/EngineSurvey.h"
#include "runtime/exec/Executor.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/trace/InstructionName.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace pfc::rt {
namespace {

/// Convolutions of one shape.
struct Row {
  std::string work;
  ConvolutionEngine engine;
  size_t calls = 0;
};

class Table {
public:
  Table(const plan::fb::Variant &variant, EngineSurvey &survey)
      : variant(variant), survey(survey) {}

  void add(const plan::fb::Program &program) {
    for (const auto *instruction : *program.instructions())
      if (const auto *conv = instruction->operation_as_Conv())
        add(program, *instruction, *conv);
  }

  EngineTable print() const;

private:
  void add(const plan::fb::Program &program,
           const plan::fb::Instruction &instruction,
           const plan::fb::Conv &conv) {
    auto dtype = [&](uint32_t buffer) {
      return program.buffers()->Get(buffer)->dtype();
    };
    auto operand = dtype(conv.lhs()), result = dtype(conv.result());
    std::string key = describeConvolution(conv, operand, result);
    auto [known, fresh] = numbers.try_emplace(key, rows.size());
    if (fresh)
      rows.push_back(
          {workOf(variant, instruction), survey.find(conv, operand, result)});
    ++rows[known->second].calls;
  }

  const plan::fb::Variant &variant;
  EngineSurvey &survey;
  std::vector<Row> rows;
  std::map<std::string, size_t> numbers; // of rows
};

std::string engineText(const ConvolutionEngine &engine) {
  if (!engine.found)
    return "none";
  return fmt::format("{}{}{}", engine.number,
                     engine.tensorCores ? " on tensor cores" : "",
                     engine.widened ? ", widened" : "");
}

EngineTable Table::print() const {
  EngineTable table;
  auto add = [&](const auto &work, const auto &calls, const auto &scratch,
                 const auto &engine) {
    table.lines.push_back(
        fmt::format("{:<46}{:>6}{:>12}  {}", work, calls, scratch, engine));
  };
  size_t onTensorCores = 0, widened = 0;
  uint64_t workspace = 0;
  add("convolution", "calls", "MiB", "engine");
  for (const Row &row : rows) {
    const ConvolutionEngine &engine = row.engine;
    add(row.work, row.calls,
        fmt::format("{:.1f}",
                    static_cast<double>(engine.workspace) / (1 << 20)),
        engineText(engine));
    table.missing += !engine.found;
    onTensorCores += engine.tensorCores;
    widened += engine.widened;
    workspace = std::max(workspace, engine.workspace);
  }
  table.lines.push_back(fmt::format(
      "{} convolutions in {}, {} of them on tensor cores, {} with results that "
      "are widened to fp32, {} that nothing executes; {:.1f} MiB of scratch "
      "memory",
      rows.size(), variant.precision()->str(), onTensorCores, widened,
      table.missing, static_cast<double>(workspace) / (1 << 20)));
  return table;
}

} // namespace

EngineTable enginesOf(const std::string &plan, const std::string &chip,
                      const std::string &precision) {
  PlanFile file = PlanFile::open(plan);
  std::unique_ptr<EngineSurvey> survey = openEngineSurvey(chip);
  const auto &variant = chooseVariant(file.plan(), *survey, precision);
  Table table(variant, *survey);
  for (const auto *program : *variant.programs())
    table.add(*program);
  EngineTable result = table.print();
  result.lines.insert(result.lines.begin(), survey->describe());
  return result;
}

} // namespace pfc::rt

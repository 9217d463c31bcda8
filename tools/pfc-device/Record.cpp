#include "Record.h"

#include "Inputs.h"
#include "runtime/base/Error.h"
#include "runtime/exec/ProgramRunner.h"
#include "runtime/plan/Elements.h"
#include "runtime/plan/InstructionBuffers.h"
#include "runtime/plan/Shape.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <random>
#include <set>

namespace pfc::rt {
namespace {

constexpr int64_t elementsKept = 16;

/// Each once.
std::set<uint32_t> distinctBuffers(const plan::fb::Instruction &instruction) {
  std::vector<uint32_t> named = buffersOf(instruction);
  return {named.begin(), named.end()};
}

std::string nameOf(const plan::fb::Variant &variant,
                   const plan::fb::Instruction &instruction) {
  std::string name = EnumNameOperation(instruction.operation_type());
  if (const auto *launch = instruction.operation_as_Launch())
    name = variant.kernels()->Get(launch->kernel())->name()->str();
  if (const auto *conv = instruction.operation_as_Conv())
    name = fmt::format("Conv {}", EnumNameConvKind(conv->kind()));
  if (instruction.location() && instruction.location()->size() != 0)
    name += fmt::format(" ({})", instruction.location()->str());
  return name;
}

/// Of the numbers among the elements: those that are none are counted.
nlohmann::json describe(const BufferView &view, const std::byte *bytes) {
  std::vector<double> values =
      toDoubles(bytes, view.dtype, size_t(view.elements()));
  std::mt19937_64 signs; // the standard fixes what it draws
  double squares = 0, mix = 0;
  int64_t finite = 0;
  for (double value : values) {
    bool negated = signs() >> 63;
    if (!std::isfinite(value))
      continue;
    ++finite;
    squares += value * value;
    mix += negated ? -value : value;
  }
  std::vector<double> kept;
  int64_t count = view.elements();
  for (int64_t i = 0; i < std::min(elementsKept, count); ++i)
    kept.push_back(values[static_cast<size_t>(
        i * (count - 1) / std::max<int64_t>(elementsKept - 1, 1))]);
  // JSON has no NaN and no infinity: they become null.
  return {
      {"type", dtypeName(view.dtype)}, {"count", count}, {"finite", finite},
      {"norm", std::sqrt(squares)},    {"mix", mix},     {"elements", kept}};
}

nlohmann::json download(Device &device, const BufferView &view) {
  std::vector<std::byte> bytes(view.bytes());
  device.download(view, bytes.data());
  return describe(view, bytes.data());
}

void recordInstructions(Job &job, const std::string &program,
                        nlohmann::json &entries) {
  const auto &instructions =
      *job.executor.runner(program).program().instructions();
  auto forEachBuffer = [&](uint32_t index, auto body) {
    for (uint32_t buffer : distinctBuffers(*instructions.Get(index)))
      body(buffer, job.executor.buffer(program, buffer));
  };
  // A library may have no fp32 gradient of weights for operands of 16 bits.
  auto roundsGradient = [&](uint32_t buffer,
                            const plan::fb::Instruction &instruction) {
    const auto *conv = instruction.operation_as_Conv();
    return conv && conv->kind() == plan::fb::ConvKind_BackwardWeights &&
           buffer == conv->result() &&
           job.executor.buffer(program, conv->lhs()).dtype !=
               plan::fb::DType_F32;
  };
  auto fill = [&](uint32_t index) {
    forEachBuffer(index, [&](uint32_t buffer, const BufferView &view) {
      if (isFloating(view.dtype))
        job.device->upload(
            randomElements(view, uint64_t{index} << 32 | buffer).data(), view);
    });
  };
  auto keep = [&](uint32_t index) {
    forEachBuffer(index, [&](uint32_t buffer, const BufferView &view) {
      nlohmann::json entry = download(*job.device, view);
      entry["what"] =
          fmt::format("{} {} {} buffer {}", program, index,
                      nameOf(job.variant, *instructions.Get(index)), buffer);
      if (roundsGradient(buffer, *instructions.Get(index)))
        entry["allowed"] = 1e-2;
      entries.push_back(std::move(entry));
    });
  };
  setInputs(job.executor, job.settings, program, 0);
  job.executor.runEach(program, fill, keep); // with the rank's constants
}

nlohmann::json number(const std::string &what, double value) {
  return {{"what", what},
          {"type", "f32"},
          {"count", 1},
          {"finite", 1},
          {"norm", value},
          {"mix", value},
          {"elements", nlohmann::json::array()}};
}

std::vector<double> elementsOf(Job &job, const plan::fb::Variable &variable) {
  auto bytes = job.executor.readVariable(variable.name()->str());
  return toDoubles(bytes.data(), variable.dtype(),
                   bytes.size() / byteWidth(variable.dtype()));
}

/// Of single tensors some are noise: a bias before a batch norm has no
/// gradient. So all of a role are one vector, of which what the steps changed
/// counts: beside it, what was there from the start is large. Single numbers,
/// as a loss's scale, are none of it.
nlohmann::json recordSteps(Job &job, int64_t steps) {
  nlohmann::json entries = nlohmann::json::array();
  job.executor.initializeState(job.settings.seed());
  std::map<std::string, std::vector<double>> initial;
  for (const plan::fb::Variable *variable : *job.variant.variables())
    initial[variable->name()->str()] = elementsOf(job, *variable);
  for (int64_t t = 0; t < steps; ++t) {
    setInputs(job.executor, job.settings, "train_step", t);
    job.executor.run("train_step");
    entries.push_back(number(fmt::format("loss of step {}", t),
                             job.executor.output("train_step", "loss").at(0)));
  }
  std::map<std::string, double> squares;
  for (const plan::fb::Variable *variable : *job.variant.variables()) {
    std::string name = variable->name()->str();
    std::vector<double> elements = elementsOf(job, *variable);
    if (elements.size() == 1) {
      entries.push_back(
          number(fmt::format("{} after {} steps", name, steps), elements[0]));
      continue;
    }
    const std::vector<double> &before = initial.at(name);
    for (size_t i = 0; i < elements.size(); ++i)
      squares[EnumNameRole(variable->role())] +=
          (elements[i] - before[i]) * (elements[i] - before[i]);
  }
  for (const auto &[role, sum] : squares)
    entries.push_back(
        number(fmt::format("how far {} steps changed every {}", steps, role),
               std::sqrt(sum)));
  return entries;
}

double numberOr(const nlohmann::json &value, double otherwise) {
  return value.is_number() ? value.get<double>() : otherwise;
}

/// How far apart, relative to `scale`; 0 where both are no finite numbers.
double distance(const nlohmann::json &a, const nlohmann::json &b,
                double scale) {
  double x = numberOr(a, NAN), y = numberOr(b, NAN);
  if (!std::isfinite(x) && !std::isfinite(y))
    return 0;
  double far = std::abs(x - y) / std::max(scale, 1e-30);
  return std::isnan(far) ? INFINITY : far;
}

/// What an instruction of a plan of this precision may leave otherwise. In 16
/// bits, sums have terms that were rounded on the way, or chosen by a sign.
double allowedOf(const nlohmann::json &entry, const std::string &precision) {
  std::string type = entry.at("type");
  if (entry.contains("allowed"))
    return entry["allowed"];
  if (type == "f32")
    return precision == "fp32" ? 1e-4 : 1e-3;
  return type == "bf16" || type == "f16" ? 1e-2 : 0;
}

/// What whole steps that round otherwise may differ by.
double allowedOfSteps(const std::string &precision) {
  return precision == "fp32" ? 1e-3 : 1e-2;
}

void compareEntries(const nlohmann::json &reference,
                    const nlohmann::json &actual,
                    const std::function<double(const nlohmann::json &)> &allow,
                    Comparison &result) {
  require(reference.size() == actual.size(),
          "the reference has {} entries, this plan {}: was it recorded from "
          "another plan?",
          reference.size(), actual.size());
  for (size_t i = 0; i < reference.size(); ++i) {
    const nlohmann::json &a = reference[i], &b = actual[i];
    require(a.at("what") == b.at("what"),
            "the reference has '{}' where this "
            "plan has '{}': was it recorded from another plan?",
            a.at("what").get<std::string>(), b.at("what").get<std::string>());
    double count = a.at("count").get<double>();
    double norm = numberOr(a.at("norm"), 1), rms = norm / std::sqrt(count);
    double far = std::max(distance(a.at("norm"), b.at("norm"), norm),
                          distance(a.at("mix"), b.at("mix"), norm));
    if (a.at("finite") != b.at("finite"))
      far = INFINITY;
    for (size_t e = 0; e < a.at("elements").size(); ++e)
      far = std::max(
          far,
          distance(a["elements"][e], b.at("elements").at(e),
                   std::max(rms, std::abs(numberOr(a["elements"][e], 0)))));
    std::string type = a.at("type");
    double allowed = allow(a);
    ++result.compared;
    if (!(far <= allowed))
      result.differences.push_back(
          fmt::format("{}: {} is off by {:.2e}, allowed is {:.2e}",
                      a.at("what").get<std::string>(), type, far, allowed));
  }
}

} // namespace

nlohmann::json record(Job &job, int64_t steps) {
  nlohmann::json result;
  result["plan"] = job.plan.spec_hash()->str();
  result["precision"] = job.variant.precision()->str();
  nlohmann::json entries = nlohmann::json::array();
  job.executor.initializeState(job.settings.seed());
  for (const plan::fb::Program *program : *job.variant.programs())
    recordInstructions(job, program->name()->str(), entries);
  result["instructions"] = std::move(entries);
  result["steps"] = recordSteps(job, steps);
  return result;
}

Comparison compare(const nlohmann::json &reference,
                   const nlohmann::json &actual,
                   std::optional<double> stepTolerance) {
  require(reference.at("plan") == actual.at("plan") &&
              reference.at("precision") == actual.at("precision"),
          "the reference is of another plan or precision ({})",
          reference.at("precision").get<std::string>());
  Comparison result;
  std::string precision = reference.at("precision");
  compareEntries(
      reference.at("instructions"), actual.at("instructions"),
      [&](const nlohmann::json &entry) { return allowedOf(entry, precision); },
      result);
  double ofSteps = stepTolerance.value_or(allowedOfSteps(precision));
  compareEntries(
      reference.at("steps"), actual.at("steps"),
      [&](const nlohmann::json &) { return ofSteps; }, result);
  return result;
}

} // namespace pfc::rt

#include "runtime/device/cuda/CudnnPlanner.h"

#include "runtime/base/Error.h"
#include "runtime/device/EngineSurvey.h"

#include <charconv>
#include <cstdlib>
#include <sstream>

namespace pfc::rt::cuda {
namespace {

/// How an engine computes.
struct Arithmetic {
  bool exact = false; ///< as the plan says, the same bits every time
  bool tensorCores = false;
};

std::vector<CudnnDescriptor> engineOf(const CudnnDescriptor &settings) {
  return settings.children(CUDNN_ATTR_ENGINECFG_ENGINE,
                           CUDNN_BACKEND_ENGINE_DESCRIPTOR, 1);
}

Arithmetic arithmeticOf(const CudnnDescriptor &settings, bool fp32) {
  auto engines = engineOf(settings);
  if (engines.empty())
    return {};
  auto notes = engines[0].get<cudnnBackendNumericalNote_t>(
      CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
      CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
  auto has = [&](cudnnBackendNumericalNote_t note) {
    return std::find(notes.begin(), notes.end(), note) != notes.end();
  };
  bool tensorCores = has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
  bool rounds =
      has(CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION) ||
      has(CUDNN_NUMERICAL_NOTE_WINOGRAD) ||
      (fp32 && (tensorCores || has(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS)));
  return {!rounds && !has(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC), tensorCores};
}

int64_t numberOf(const CudnnDescriptor &settings) {
  return engineOf(settings)
      .at(0)
      .get<int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1)
      .at(0);
}

/// What $PFC_CUDNN_WITHOUT says.
CudnnPlan::Numbers unwantedEngines() {
  const char *value = std::getenv("PFC_CUDNN_WITHOUT");
  std::istringstream text(value ? value : "");
  CudnnPlan::Numbers numbers;
  for (std::string part; std::getline(text, part, ',');) {
    int64_t number = 0;
    const char *end = part.data() + part.size();
    auto [stop, error] = std::from_chars(part.data(), end, number);
    require(
        error == std::errc() && stop == end,
        "PFC_CUDNN_WITHOUT is '{}'; numbers of cuDNN's engines, as '67,65', "
        "are wanted",
        value);
    numbers.insert(number);
  }
  return numbers;
}

} // namespace

bool CudnnPlan::findEngine(uint64_t workspaceLimit, const Numbers &without) {
  // In groups there is little for a tensor core to do.
  bool prefersTensorCores = !fp32 && !grouped;
  for (bool anyEngine : {false, true})
    for (auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK})
      for (CudnnDescriptor &engine : graph.engines(mode)) {
        Arithmetic arithmetic = arithmeticOf(engine, fp32);
        if (!arithmetic.exact ||
            (prefersTensorCores && arithmetic.tensorCores == anyEngine) ||
            without.contains(numberOf(engine)) ||
            !accept(engine, workspaceLimit))
          continue;
        settings = std::make_unique<CudnnDescriptor>(std::move(engine));
        tensorCores = arithmetic.tensorCores;
        return true;
      }
  return false;
}

/// Whether the engine works, within the limit.
bool CudnnPlan::accept(const CudnnDescriptor &engine, uint64_t workspaceLimit) {
  CudnnDescriptor candidate = graph.executionOf(engine);
  if (candidate.tryFinalize() != CUDNN_STATUS_SUCCESS)
    return false;
  wanted = static_cast<uint64_t>(
      candidate
          .get<int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                        CUDNN_TYPE_INT64, 1)
          .at(0));
  if (wanted > workspaceLimit)
    return false;
  plan = std::make_unique<CudnnDescriptor>(std::move(candidate));
  return true;
}

int64_t CudnnPlan::engineNumber() const { return numberOf(*settings); }

CudnnPlanner::CudnnPlanner(const CudnnTarget &target, uint64_t workspaceLimit)
    : target(target), workspaceLimit(workspaceLimit),
      without(unwantedEngines()) {}

std::shared_ptr<CudnnPlan> CudnnPlanner::planFor(const plan::fb::Conv &op,
                                                 plan::fb::DType operand,
                                                 plan::fb::DType result) {
  std::string key = describeConvolution(op, operand, result);
  auto known = plans.find(key);
  if (known != plans.end())
    return known->second;
  auto plan = std::make_shared<CudnnPlan>(op, operand, result, target);
  if (!plan->findEngine(workspaceLimit, without))
    plan = nullptr;
  plans[key] = plan;
  return plan;
}

PlannedConvolution CudnnPlanner::plan(const plan::fb::Conv &op,
                                      plan::fb::DType operand,
                                      plan::fb::DType result) {
  if (auto plan = planFor(op, operand, result))
    return {std::move(plan)};
  if (result != plan::fb::DType_F32 || operand == result)
    return {};
  return {planFor(op, operand, operand), true};
}

} // namespace pfc::rt::cuda

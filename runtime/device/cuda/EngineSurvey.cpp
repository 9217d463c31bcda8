#include "runtime/device/EngineSurvey.h"

#include "runtime/device/cuda/Chip.h"
#include "runtime/device/cuda/CudnnChip.h"
#include "runtime/device/cuda/CudnnPlanner.h"
#include "runtime/device/cuda/Workspace.h"
#include "runtime/plan/Requirement.h"

#include <fmt/format.h>

namespace pfc::rt::cuda {
namespace {

class CudnnSurvey : public EngineSurvey {
public:
  explicit CudnnSurvey(const std::string &name)
      : chip(findChip(name)), described(describeToCudnn(chip)),
        planner({nullptr, &described}, workspaceLimit) {}

  std::string describe() const override {
    return fmt::format("{} by cuDNN {}", chip.product,
                       versionText(cudnn().cudnnGetVersion()));
  }

  bool supports(const std::string &feature) const override {
    return architectureSupports(architectureOf(chip.compute), feature);
  }

  ConvolutionEngine find(const plan::fb::Conv &op, plan::fb::DType operand,
                         plan::fb::DType result) override {
    PlannedConvolution planned = planner.plan(op, operand, result);
    if (!planned.plan)
      return {};
    return {true, planned.plan->engineNumber(), planned.plan->usesTensorCores(),
            planned.plan->workspaceBytes(), planned.widened};
  }

private:
  const KnownChip &chip;
  CudnnDescriptor described;
  CudnnPlanner planner;
};

} // namespace
} // namespace pfc::rt::cuda

extern "C" pfc::rt::EngineSurvey *
pfc_create_engine_survey(const std::string *chip) {
  return new pfc::rt::cuda::CudnnSurvey(*chip);
}

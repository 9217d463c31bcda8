//===- EngineSurvey.h - What a GPU that is not here would do ----*- C++ -*-===//
//
// cuDNN says without a GPU which engine it would compute a convolution with on
// a chip that is described to it. So whether a chip can execute a plan, and
// how, is known where the plan is compiled.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_ENGINESURVEY_H
#define PFC_RUNTIME_DEVICE_ENGINESURVEY_H

#include "runtime/device/Capabilities.h"
#include "runtime/plan/plan_generated.h"

#include <cstdint>
#include <memory>
#include <string>

namespace pfc::rt {

struct ConvolutionEngine {
  bool found = false;
  int64_t number = 0; ///< cuDNN's, among those for the direction
  bool tensorCores = false;
  uint64_t workspace = 0; ///< bytes of scratch memory
  bool widened = false;   ///< the result is one of 16 bits, and then fp32
};

class EngineSurvey : public Capabilities {
public:
  /// What the CUDA device would take.
  virtual ConvolutionEngine find(const plan::fb::Conv &op,
                                 plan::fb::DType operand,
                                 plan::fb::DType result) = 0;
};

/// Opens the CUDA plug-in, which opens cuDNN, for a chip by its name: "h200".
/// Throws an Error that says what is missing, or which chips there are.
std::unique_ptr<EngineSurvey> openEngineSurvey(const std::string &chip);

/// "bf16 Forward convolution of 128x56x56x64 to 64 channels, kernel 3, …"
std::string describeConvolution(const plan::fb::Conv &op,
                                plan::fb::DType operand,
                                plan::fb::DType result);

/// What the plug-in exports as "pfc_create_engine_survey".
using CreateEngineSurveyFunction = EngineSurvey *(const std::string *chip);

} // namespace pfc::rt

#endif // PFC_RUNTIME_DEVICE_ENGINESURVEY_H

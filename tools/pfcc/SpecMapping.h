//===- SpecMapping.h - What a spec means to passes and plans ----*- C++ -*-===//
#ifndef TOOLS_PFCC_SPECMAPPING_H
#define TOOLS_PFCC_SPECMAPPING_H

#include "dialects/plan/translate/PlanToFlatBuffer.h"
#include "frontend/spec/TrainSpec.h"
#include "passes/Pipelines.h"

namespace pfc {

/// A precision to compile for.
struct PrecisionChoice {
  Precision precision;
  llvm::StringRef name;            ///< in plans and folder names
  llvm::StringRef requiredFeature; ///< of the chip; empty: none
};

/// One choice, or for `auto` two in the order in which a rank tries them: bf16
/// where the CPU multiplies it in hardware, else fp32. A plan that asks for
/// bf16 by name runs on any CPU.
llvm::SmallVector<PrecisionChoice> precisionChoices(const TrainSpec &spec);

KernelTarget kernelTarget(const TrainSpec &spec);

/// What the backward pass makes again: "logits, batch_norms"; empty: nothing.
std::string recomputedText(const TrainSpec &spec);

CompileOptions compileOptions(const TrainSpec &spec, Precision precision);

/// `name` is the job's.
plan::PlanHeader planHeader(const TrainSpec &spec, llvm::StringRef name);

} // namespace pfc

#endif // TOOLS_PFCC_SPECMAPPING_H

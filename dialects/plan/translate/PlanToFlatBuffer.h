//===- PlanToFlatBuffer.h - Modules become the bytes of a plan --*- C++ -*-===//
//
//   module per precision ─▶ fb::VariantT ─┐
//   PlanHeader (spec, settings)           ┴▶ fb::PlanT ─▶ verified bytes
//
// The format is runtime/plan/plan.fbs. Ops and tables have the same names and
// fields; what the file adds are buffer indices in place of SSA values.
//
//===----------------------------------------------------------------------===//
#ifndef DIALECTS_PLAN_TRANSLATE_PLANTOFLATBUFFER_H
#define DIALECTS_PLAN_TRANSLATE_PLANTOFLATBUFFER_H

#include "dialects/plan/ir/PlanDialect.h"
#include "runtime/plan/plan_generated.h"

namespace pfc::plan {

/// What a plan says of the job besides its programs.
struct PlanHeader {
  std::string name;            ///< of the job: "r100"
  std::string compilerVersion; ///< "0.1.0"
  std::string specText;        ///< the resolved spec; hashed into the plan
  std::string device = "cpu";  ///< that the kernels are for: "cpu" or "cuda"
  fb::SettingsT settings;
};

/// The same step in one precision.
struct PlanVariant {
  mlir::ModuleOp module;
  std::string precision;       ///< "fp32" or "bf16"
  std::string requiredFeature; ///< of the chip, "amx_bf16"; empty: none
  std::string recomputed;      ///< "logits, batch_norms"; empty: nothing
};

/// One program of a module that plan-assign-memory has seen, to look at what it
/// costs: its kernels need no code yet, and launches don't say which they are.
std::unique_ptr<fb::ProgramT> translateProgram(ProgramOp program);

/// A plan of `variants`, of which a rank takes the first that its chip can run.
/// The bytes pass FlatBuffers' verifier. Errors are diagnostics at the op that
/// has no place in a plan file, or where a pass is missing.
mlir::FailureOr<std::string>
translateToFlatBuffer(llvm::ArrayRef<PlanVariant> variants,
                      const PlanHeader &header);

} // namespace pfc::plan

#endif // DIALECTS_PLAN_TRANSLATE_PLANTOFLATBUFFER_H

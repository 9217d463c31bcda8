#include "Timeline.h"

#include "runtime/plan/PlanFile.h"
#include "runtime/plan/PlanMemory.h"
#include "tools/pfcc/explain/Explanation.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace pfc;
using namespace pfc::explain;
namespace fb = pfc::plan::fb;

static llvm::Error error(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

llvm::Expected<std::string> pfc::predictedTrace(llvm::StringRef planPath,
                                                MachineOf machineOf) {
  auto file = llvm::MemoryBuffer::getFile(planPath, /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false,
                                          /*IsVolatile=*/false, llvm::Align(8));
  if (!file)
    return error(planPath + ": " + file.getError().message());
  std::string message;
  const char *bytes = (*file)->getBufferStart();
  if (!rt::checkPlan(reinterpret_cast<const std::byte *>(bytes),
                     (*file)->getBufferSize(), planPath.str(), message))
    return error(message);
  const fb::Plan &plan = *fb::GetPlan(bytes);
  llvm::Expected<Machine> found = machineOf(plan.device()->str());
  if (!found)
    return found.takeError();
  const Machine &machine = *found;
  llvm::Expected<const fb::Variant *> chosen = variantFor(plan, machine);
  if (!chosen)
    return error(planPath + ": " + llvm::toString(chosen.takeError()));
  const fb::Variant &variant = **chosen;
  const fb::Program *step = rt::findProgram(variant, "train_step");
  if (!step)
    return error(planPath + ": it has no training step");
  StepCost cost = stepCost(*step, plan.world_size(), machine, Forms::Own);
  std::vector<rt::StepTimes> ranks(static_cast<size_t>(plan.world_size()),
                                   cost.times);
  return rt::traceText(variant, *step, ranks,
                       "predicted: " + variant.precision()->str() + " on " +
                           machine.name);
}

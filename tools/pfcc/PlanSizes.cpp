#include "PlanSizes.h"

#include "frontend/spec/SpecWriter.h"
#include "llvm/Support/raw_ostream.h"

using namespace pfc;
using namespace mlir;

FailureOr<PlanSize> PlanSizes::ofVariant(const LoadedSpec &loaded,
                                         const PrecisionChoice &choice) {
  std::string key = choice.name.str() + "\n";
  llvm::raw_string_ostream os(key);
  writeSpec(loaded.spec, os);
  if (auto found = known.find(key); found != known.end())
    return found->second;
  FailureOr<PlanSize> size = planSize(loaded, choice, context);
  if (succeeded(size))
    known[key] = *size;
  return size;
}

FailureOr<PlanSize> PlanSizes::of(const LoadedSpec &loaded, uint64_t enough) {
  PlanSize all;
  // The last one, fp32, is the largest.
  auto choices = precisionChoices(loaded.spec);
  for (const PrecisionChoice &choice : llvm::reverse(choices)) {
    FailureOr<PlanSize> size = ofVariant(loaded, choice);
    if (failed(size))
      return failure();
    all.bytes = std::max(all.bytes, size->bytes);
    all.hostBytes = std::max(all.hostBytes, size->hostBytes);
    if (all.bytes > enough)
      break;
  }
  return all;
}

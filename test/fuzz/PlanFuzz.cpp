// A plan: what passes the checks can be printed whole.
#include "Fuzz.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/plan/PlanPrint.h"

#include <cstring>
#include <vector>

using namespace pfc;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::vector<uint64_t> aligned(size / 8 + 1);
  std::memcpy(aligned.data(), data, size);
  fuzz::expectErrorOrNothing([&] {
    const plan::fb::Plan &plan = rt::verifyPlan(
        reinterpret_cast<const std::byte *>(aligned.data()), size, "x.plan");
    rt::printPlan(plan, rt::PlanDetail::Full);
  });
  return 0;
}

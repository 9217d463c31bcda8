//===- ChooseVariant.cpp - The precision this machine can run ---------------=//
#include "runtime/base/Error.h"
#include "runtime/exec/Executor.h"

namespace pfc::rt {

const plan::fb::Variant &chooseVariant(const plan::fb::Plan &plan,
                                       const Device &device,
                                       const std::string &precision) {
  std::string offered;
  for (const plan::fb::Variant *variant : *plan.variants()) {
    std::string name = variant->precision()->str();
    std::string need =
        variant->requires_() ? variant->requires_()->str() : std::string();
    bool wanted = precision.empty() || precision == "auto" || precision == name;
    if (wanted && device.supports(need))
      return *variant;
    offered += fmt::format("{}{}{}", offered.empty() ? "" : ", ", name,
                           need.empty() ? "" : " (needs " + need + ")");
  }
  fail("the plan has no variant for {}{} on {}; it has: {}",
       precision.empty() ? "auto" : precision, " precision", device.describe(),
       offered);
}

} // namespace pfc::rt

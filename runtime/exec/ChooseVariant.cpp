//===- ChooseVariant.cpp - The precision this machine can run ---------------=//
#include "runtime/base/Error.h"
#include "runtime/exec/Executor.h"

namespace pfc::rt {
namespace {

std::string needOf(const plan::fb::Variant &variant) {
  return variant.requires_() ? variant.requires_()->str() : std::string();
}

/// Appends "bf16 (needs sm_80)" to a list.
void append(std::string &list, const plan::fb::Variant &variant) {
  std::string need = needOf(variant);
  list += fmt::format("{}{}{}", list.empty() ? "" : ", ",
                      variant.precision()->str(),
                      need.empty() ? "" : " (needs " + need + ")");
}

} // namespace

const plan::fb::Variant &chooseVariant(const plan::fb::Plan &plan,
                                       const Capabilities &device,
                                       const std::string &precision) {
  std::string offered;
  for (const plan::fb::Variant *variant : *plan.variants()) {
    bool wanted = precision.empty() || precision == "auto" ||
                  precision == variant->precision()->str();
    if (wanted && device.supports(needOf(*variant)))
      return *variant;
    append(offered, *variant);
  }
  fail("the plan has no variant for {}{} on {}; it has: {}",
       precision.empty() ? "auto" : precision, " precision", device.describe(),
       offered);
}

std::string unsupportedBefore(const plan::fb::Plan &plan, const Device &device,
                              const plan::fb::Variant &chosen) {
  std::string list;
  for (const plan::fb::Variant *variant : *plan.variants()) {
    if (variant == &chosen)
      break;
    if (!device.supports(needOf(*variant)))
      append(list, *variant);
  }
  return list;
}

} // namespace pfc::rt

//===- Engines.h - What a GPU that is not here would do ---------*- C++ -*-===//
#ifndef PFC_TOOLS_PFC_DEVICE_ENGINES_H
#define PFC_TOOLS_PFC_DEVICE_ENGINES_H

#include <string>
#include <vector>

namespace pfc::rt {

struct EngineTable {
  std::vector<std::string> lines; ///< for people
  size_t missing = 0;             ///< convolutions that nothing executes
};

/// The engine that cuDNN would compute each convolution of a plan with on the
/// chip of a name, in the variant that runs there.
EngineTable enginesOf(const std::string &plan, const std::string &chip,
                      const std::string &precision);

} // namespace pfc::rt

#endif // PFC_TOOLS_PFC_DEVICE_ENGINES_H

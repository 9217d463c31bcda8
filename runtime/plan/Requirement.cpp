#include "runtime/plan/Requirement.h"

#include <charconv>
#include <optional>

namespace pfc::rt {
namespace {

struct Architecture {
  int number;       // 90
  bool ownFeatures; // "a": those of this one alone
};

/// Nothing where the text names none.
std::optional<Architecture> parse(const std::string &text) {
  Architecture result = {};
  if (!text.starts_with("sm_"))
    return std::nullopt;
  const char *end = text.data() + text.size();
  auto [rest, failure] = std::from_chars(text.data() + 3, end, result.number);
  result.ownFeatures = rest + 1 == end && *rest == 'a';
  if (failure != std::errc() || (rest != end && !result.ownFeatures))
    return std::nullopt;
  return result;
}

} // namespace

bool architectureSupports(const std::string &architecture,
                          const std::string &requirement) {
  if (requirement.empty())
    return true;
  std::optional<Architecture> own = parse(architecture),
                              wanted = parse(requirement);
  if (!own || !wanted)
    return false;
  if (wanted->ownFeatures)
    return own->ownFeatures && own->number == wanted->number;
  return own->number >= wanted->number;
}

} // namespace pfc::rt

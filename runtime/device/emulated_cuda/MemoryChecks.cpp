#include "runtime/device/emulated_cuda/MemoryChecks.h"

#include <fmt/format.h>

namespace pfc::rt::emulated {

static bool overlap(const Argument &a, const Argument &b) {
  return a.begin < b.end && b.begin < a.end;
}

/// Another argument that overlaps argument `index`, or the number of them.
static size_t aliasOf(size_t index, const std::vector<Argument> &arguments) {
  size_t other = 0;
  while (other < arguments.size() &&
         (other == index || !overlap(arguments[other], arguments[index])))
    ++other;
  return other;
}

void MemoryChecks::startLaunch(const LaunchShape &shape) {
  launch = &shape;
  arguments.clear();
  if (!shape.views)
    return;
  firstView = reinterpret_cast<uintptr_t>(shape.views->begin());
  viewShift = shape.views->addressBits();
  for (size_t i = 0; i < shape.arguments.size(); ++i) {
    const Argument &argument = shape.arguments[i];
    bool alone = aliasOf(i, shape.arguments) == shape.arguments.size();
    arguments.push_back(
        {reinterpret_cast<uintptr_t>(shape.pointers[i]) - firstView,
         alone ? argument.end - argument.begin : 0});
  }
}

bool MemoryChecks::isPrivate(const void *address) const {
  auto *pointers = reinterpret_cast<const std::byte *>(launch->pointers.data());
  AddressRange given{pointers,
                     pointers + launch->pointers.size() * sizeof(void *)};
  return stacks.owns(address) || launch->constants.has(address) ||
         given.has(address);
}

std::string MemoryChecks::problem(const void *address, uint64_t bytes,
                                  Access kind, const Moment &now) {
  if (shared.owns(address))
    return shared.access(address, bytes, kind, now);
  if (isPrivate(address))
    return {};
  return argumentProblem(address, bytes, kind);
}

std::string MemoryChecks::argumentProblem(const void *address, uint64_t bytes,
                                          Access kind) const {
  const char *verb = kind == Access::Read ? "reads" : "writes";
  size_t view = launch->views->owns(address) ? launch->views->viewOf(address)
                                             : launch->arguments.size();
  if (view >= launch->arguments.size())
    return fmt::format("out of bounds: {} {} bytes far outside any argument",
                       verb, bytes);
  const Argument &argument = launch->arguments[view];
  int64_t offset =
      launch->views->offsetOf(address) - static_cast<int64_t>(argument.begin);
  auto size = static_cast<int64_t>(argument.end - argument.begin);
  if (offset < 0 || offset + static_cast<int64_t>(bytes) > size)
    return fmt::format("out of bounds: {} {} bytes at byte {} of argument {} "
                       "({}), which has {} bytes",
                       verb, bytes, offset, view, argument.text, size);
  if (kind == Access::Read)
    return {};
  return fmt::format("writes argument {} ({}), which argument {} overlaps, and "
                     "arguments are __restrict__",
                     view, argument.text, aliasOf(view, launch->arguments));
}

} // namespace pfc::rt::emulated

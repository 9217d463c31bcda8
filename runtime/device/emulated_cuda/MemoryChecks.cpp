#include "runtime/device/emulated_cuda/MemoryChecks.h"

#include <fmt/format.h>

namespace pfc::rt::emulated {

void MemoryChecks::startLaunch(const LaunchShape &shape) {
  launch = &shape;
  arguments.clear();
  if (!shape.views)
    return;
  firstView = reinterpret_cast<uintptr_t>(shape.views->begin());
  viewShift = shape.views->addressBits();
  for (size_t i = 0; i < shape.arguments.size(); ++i)
    arguments.push_back(
        {reinterpret_cast<uintptr_t>(shape.pointers[i]) - firstView,
         shape.arguments[i].end - shape.arguments[i].begin});
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
  return outOfArgument(address, bytes, kind);
}

std::string MemoryChecks::outOfArgument(const void *address, uint64_t bytes,
                                        Access kind) const {
  const char *verb = kind == Access::Read ? "reads" : "writes";
  unsigned view =
      launch->views->owns(address) ? launch->views->viewOf(address) : ~0u;
  if (view >= launch->arguments.size())
    return fmt::format("out of bounds: {} {} bytes far outside any argument",
                       verb, bytes);
  const Argument &argument = launch->arguments[view];
  return fmt::format("out of bounds: {} {} bytes at byte {} of argument {} "
                     "({}), which has {} bytes",
                     verb, bytes,
                     launch->views->offsetOf(address) -
                         static_cast<int64_t>(argument.begin),
                     view, argument.text, argument.end - argument.begin);
}

} // namespace pfc::rt::emulated

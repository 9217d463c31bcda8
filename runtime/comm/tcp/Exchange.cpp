#include "runtime/comm/tcp/Exchange.h"

#include <cerrno>
#include <poll.h>
#include <vector>

namespace pfc::rt {
namespace {

/// Moves what can be moved without waiting.
void proceed(Messages &messages) {
  if (!messages.outgoing.empty())
    messages.outgoing =
        messages.outgoing.subspan(messages.other->trySend(messages.outgoing));
  if (!messages.incoming.empty())
    messages.incoming = messages.incoming.subspan(
        messages.other->tryReceive(messages.incoming));
}

} // namespace

void exchangeMessages(std::span<Messages> messages,
                      std::chrono::seconds timeout) {
  std::vector<pollfd> waits;
  std::vector<Messages *> waiting;
  for (Messages &one : messages)
    waiting.push_back(&one);
  while (true) {
    for (Messages *one : waiting)
      proceed(*one);
    std::erase_if(waiting, [](const Messages *one) {
      return one->outgoing.empty() && one->incoming.empty();
    });
    if (waiting.empty())
      return;
    waits.clear();
    for (const Messages *one : waiting) {
      short events = one->outgoing.empty() ? 0 : POLLOUT;
      if (!one->incoming.empty())
        events |= POLLIN;
      waits.push_back({one->other->handle(), events, 0});
    }
    auto milliseconds = std::chrono::milliseconds(timeout).count();
    int ready =
        poll(waits.data(), waits.size(), static_cast<int>(milliseconds));
    if (ready == 0)
      waiting.front()->other->failWaiting();
    // A poll that a signal ended is begun anew.
  }
}

} // namespace pfc::rt

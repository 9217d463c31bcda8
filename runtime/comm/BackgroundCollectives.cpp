#include "runtime/comm/BackgroundCollectives.h"

namespace pfc::rt {

EnqueuedTransfer
BackgroundCollectives::makeCollective(plan::fb::CollectiveKind kind,
                                      BufferView source, BufferView target) {
  return thread.make(
      [this, kind, source, target] { host.exchange(kind, source, target); });
}

} // namespace pfc::rt

#include "runtime/device/Device.h"

#include "runtime/device/BackgroundWork.h"

namespace pfc::rt {
namespace {

/// Bytes that have arrived.
class FinishedDownload : public Download {
public:
  explicit FinishedDownload(uint64_t size) : bytes(size) {}
  bool ready() const override { return true; }
  const std::byte *wait() override { return bytes.data(); }

  std::vector<std::byte> bytes;
};

} // namespace

Device::Device() = default;
Device::~Device() = default;

void Device::finishTransfers() { transfers.reset(); }

std::unique_ptr<Download> Device::startDownload(BufferView source) {
  auto result = std::make_unique<FinishedDownload>(source.bytes());
  download(std::move(source), result->bytes.data());
  return result;
}

EnqueuedTransfer Device::makeTransfer(const plan::fb::Launch &op,
                                      std::vector<BufferView> args) {
  if (!transfers)
    transfers = std::make_unique<BackgroundWork>();
  std::shared_ptr<Task> launch = makeLaunch(op, std::move(args));
  return transfers->make([launch] { launch->execute(); });
}

} // namespace pfc::rt

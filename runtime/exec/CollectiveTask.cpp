#include "runtime/exec/CollectiveTask.h"

namespace pfc::rt {
namespace {

class HostCollective : public Task {
public:
  HostCollective(plan::fb::CollectiveKind kind, BufferView source,
                 BufferView target, Device &device, Communicator &communicator)
      : kind(kind), source(std::move(source)), target(std::move(target)),
        device(device), communicator(communicator) {}

  void execute() override {
    device.synchronize();
    communicator.exchange(kind, source, target);
  }
  /// Other ranks are waited for.
  bool recordable() const override { return false; }

protected:
  plan::fb::CollectiveKind kind;
  BufferView source, target;
  Device &device;
  Communicator &communicator;
};

class StagedCollective : public HostCollective {
public:
  using HostCollective::HostCollective;

  void execute() override {
    std::unique_ptr<Download> sent = device.startDownload(source);
    received.resize(target.bytes()); // the first time
    BufferView from = source, to = target;
    // The communicator only reads what is sent.
    from.data = const_cast<std::byte *>(sent->wait());
    to.data = received.data();
    communicator.exchange(kind, from, to);
    device.upload(received.data(), target);
  }

private:
  std::vector<std::byte> received;
};

} // namespace

std::unique_ptr<Task> makeHostCollective(plan::fb::CollectiveKind kind,
                                         BufferView source, BufferView target,
                                         Device &device,
                                         Communicator &communicator) {
  if (device.stream())
    return std::make_unique<StagedCollective>(
        kind, std::move(source), std::move(target), device, communicator);
  return std::make_unique<HostCollective>(
      kind, std::move(source), std::move(target), device, communicator);
}

} // namespace pfc::rt

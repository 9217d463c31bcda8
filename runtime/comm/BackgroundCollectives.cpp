#include "runtime/comm/BackgroundCollectives.h"

#include <utility>

namespace pfc::rt {

class BackgroundCollectives::Start : public Task {
public:
  Start(BackgroundCollectives &owner, std::shared_ptr<Transfer> transfer)
      : owner(owner), transfer(std::move(transfer)) {}
  void execute() override { owner.start(transfer); }

private:
  BackgroundCollectives &owner;
  std::shared_ptr<Transfer> transfer;
};

class BackgroundCollectives::Finish : public Task {
public:
  Finish(BackgroundCollectives &owner, std::shared_ptr<Transfer> transfer)
      : owner(owner), transfer(std::move(transfer)) {}
  void execute() override { owner.finish(*transfer); }
  /// Other ranks are waited for.
  bool recordable() const override { return false; }

private:
  BackgroundCollectives &owner;
  std::shared_ptr<Transfer> transfer;
};

BackgroundCollectives::BackgroundCollectives(Communicator &host)
    : host(host), worker([this] { work(); }) {}

BackgroundCollectives::~BackgroundCollectives() {
  {
    std::lock_guard lock(mutex);
    ending = true;
  }
  changed.notify_all();
  worker.join();
}

EnqueuedCollective
BackgroundCollectives::makeCollective(plan::fb::CollectiveKind kind,
                                      BufferView source, BufferView target) {
  auto transfer = std::make_shared<Transfer>(
      Transfer{kind, std::move(source), std::move(target)});
  return {std::make_unique<Start>(*this, transfer),
          std::make_unique<Finish>(*this, transfer),
          [transfer] { return std::pair(transfer->begin, transfer->end); }};
}

void BackgroundCollectives::start(std::shared_ptr<Transfer> transfer) {
  {
    std::lock_guard lock(mutex);
    transfer->done = false;
    started.push_back(std::move(transfer));
  }
  changed.notify_all();
}

void BackgroundCollectives::finish(Transfer &transfer) {
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return transfer.done; });
  if (std::exception_ptr error = std::exchange(transfer.error, nullptr))
    std::rethrow_exception(error);
}

void BackgroundCollectives::work() {
  std::unique_lock lock(mutex);
  while (true) {
    changed.wait(lock, [&] { return ending || !started.empty(); });
    if (started.empty())
      return;
    std::shared_ptr<Transfer> transfer = std::move(started.front());
    started.pop_front();
    lock.unlock();
    std::exception_ptr error;
    using Clock = std::chrono::steady_clock;
    transfer->begin = Clock::now();
    try {
      host.exchange(transfer->kind, transfer->source, transfer->target);
    } catch (...) {
      error = std::current_exception();
    }
    transfer->end = Clock::now();
    lock.lock();
    transfer->error = error;
    transfer->done = true;
    changed.notify_all();
  }
}

} // namespace pfc::rt

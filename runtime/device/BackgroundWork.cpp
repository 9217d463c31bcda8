#include "runtime/device/BackgroundWork.h"

#include <utility>

namespace pfc::rt {

class BackgroundWork::Start : public Task {
public:
  Start(BackgroundWork &owner, std::shared_ptr<Item> item)
      : owner(owner), item(std::move(item)) {}
  void execute() override { owner.start(item); }

private:
  BackgroundWork &owner;
  std::shared_ptr<Item> item;
};

class BackgroundWork::Finish : public Task {
public:
  Finish(BackgroundWork &owner, std::shared_ptr<Item> item)
      : owner(owner), item(std::move(item)) {}
  void execute() override { owner.finish(*item); }
  /// A thread is waited for.
  bool recordable() const override { return false; }

private:
  BackgroundWork &owner;
  std::shared_ptr<Item> item;
};

BackgroundWork::BackgroundWork() : worker([this] { run(); }) {}

BackgroundWork::~BackgroundWork() {
  {
    std::lock_guard lock(mutex);
    ending = true;
  }
  changed.notify_all();
  worker.join();
}

EnqueuedTransfer BackgroundWork::make(std::function<void()> work) {
  auto item = std::make_shared<Item>();
  item->work = std::move(work);
  return {std::make_unique<Start>(*this, item),
          std::make_unique<Finish>(*this, item),
          [item] { return std::pair(item->begin, item->end); }};
}

void BackgroundWork::start(std::shared_ptr<Item> item) {
  {
    std::lock_guard lock(mutex);
    item->done = false;
    started.push_back(std::move(item));
  }
  changed.notify_all();
}

void BackgroundWork::finish(Item &item) {
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return item.done; });
  if (std::exception_ptr error = std::exchange(item.error, nullptr))
    std::rethrow_exception(error);
}

void BackgroundWork::run() {
  std::unique_lock lock(mutex);
  while (true) {
    changed.wait(lock, [&] { return ending || !started.empty(); });
    if (started.empty())
      return;
    std::shared_ptr<Item> item = std::move(started.front());
    started.pop_front();
    lock.unlock();
    std::exception_ptr error;
    using Clock = std::chrono::steady_clock;
    item->begin = Clock::now();
    try {
      item->work();
    } catch (...) {
      error = std::current_exception();
    }
    item->end = Clock::now();
    lock.lock();
    item->error = error;
    item->done = true;
    changed.notify_all();
  }
}

} // namespace pfc::rt

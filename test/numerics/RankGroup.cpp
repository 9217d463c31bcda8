//===- RankGroup.cpp - The ranks of a job as threads ----------------------===//
#include "test/numerics/RankGroup.h"
#include "runtime/base/Bfloat16.h"
#include "runtime/base/Error.h"
#include "runtime/plan/Shape.h"
#include <cstring>
#include <exception>
#include <thread>

using namespace pfc::rt;

namespace pfc::test {

namespace {

/// Thrown on ranks that wait for one that failed.
struct OtherRankFailed : std::exception {
  const char *what() const noexcept override { return "another rank failed"; }
};

size_t byteCount(const BufferView &view) {
  return static_cast<size_t>(view.elements()) * byteWidth(view.dtype);
}

template <typename T>
T elementOf(const BufferView &view, int64_t i) {
  T value;
  std::memcpy(&value, view.data + i * sizeof(T), sizeof(T));
  return value;
}

/// Elements [first, first + count) of the sum over ranks.
std::vector<std::byte> sum(const std::vector<BufferView> &sources,
                           int64_t first, int64_t count) {
  plan::fb::DType dtype = sources.front().dtype;
  std::vector<std::byte> result(count * byteWidth(dtype));
  auto store = [&](int64_t i, auto value) {
    std::memcpy(result.data() + i * sizeof value, &value, sizeof value);
  };
  for (int64_t i = 0; i < count; ++i) {
    float total = 0;
    for (const BufferView &source : sources)
      total += dtype == plan::fb::DType_F32
                   ? elementOf<float>(source, first + i)
                   : bfloat16ToFloat(elementOf<uint16_t>(source, first + i));
    if (dtype == plan::fb::DType_F32)
      store(i, total);
    else
      store(i, floatToBfloat16(total));
  }
  return result;
}

} // namespace

class RankGroup::Member : public Communicator {
public:
  Member(RankGroup &group, int rank) : group(group), self(rank) {}

  int rank() const override { return self; }
  int worldSize() const override {
    return static_cast<int>(group.sources.size());
  }
  int localRanks() const override { return worldSize(); }
  int localRank() const override { return self; }

  void allReduceSum(BufferView source, BufferView target) override {
    exchange(source, target, [&](const std::vector<BufferView> &sources) {
      return sum(sources, 0, target.elements());
    });
  }
  void allGather(BufferView source, BufferView target) override {
    exchange(source, target, [](const std::vector<BufferView> &sources) {
      std::vector<std::byte> all;
      for (const BufferView &part : sources)
        all.insert(all.end(), part.data, part.data + byteCount(part));
      return all;
    });
  }
  void reduceScatterSum(BufferView source, BufferView target) override {
    exchange(source, target, [&](const std::vector<BufferView> &sources) {
      return sum(sources, self * target.elements(), target.elements());
    });
  }
  void broadcast(void *bytes, size_t size, int root) override {
    auto *data = static_cast<std::byte *>(bytes);
    BufferView view{data, plan::fb::DType_U8, {static_cast<int64_t>(size)}};
    exchange(view, view, [&](const std::vector<BufferView> &sources) {
      return std::vector<std::byte>(sources[root].data,
                                    sources[root].data + size);
    });
  }
  void barrier() override { group.meet(); }

  [[noreturn]] void abort(const std::string &why) override { throw Error(why); }

private:
  /// All ranks show their sources and compute; none writes before all have.
  template <typename Compute>
  void exchange(BufferView source, BufferView target, Compute compute) {
    group.sources[self] = source;
    group.meet();
    std::vector<std::byte> result = compute(group.sources);
    group.meet();
    require(result.size() == byteCount(target),
            "a collective makes {} bytes for a buffer of {}", result.size(),
            byteCount(target));
    std::memcpy(target.data, result.data(), result.size());
  }

  RankGroup &group;
  int self;
};

void RankGroup::meet() {
  std::unique_lock lock(mutex);
  uint64_t mine = round;
  if (++waiting == static_cast<int>(sources.size())) {
    waiting = 0;
    ++round;
    allMet.notify_all();
  }
  allMet.wait(lock, [&] { return round != mine || failed; });
  if (round == mine)
    throw OtherRankFailed();
}

void RankGroup::giveUp() {
  std::lock_guard lock(mutex);
  failed = true;
  allMet.notify_all();
}

void RankGroup::run(const std::function<void(Communicator &)> &body) {
  std::vector<std::exception_ptr> failures(sources.size());
  std::vector<std::thread> threads;
  for (size_t rank = 0; rank < sources.size(); ++rank)
    threads.emplace_back([&, rank] {
      Member member(*this, static_cast<int>(rank));
      try {
        body(member);
      } catch (const OtherRankFailed &) {
        // The other rank says what happened.
      } catch (...) {
        failures[rank] = std::current_exception();
        giveUp();
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  for (const std::exception_ptr &failure : failures)
    if (failure)
      std::rethrow_exception(failure);
}

} // namespace pfc::test

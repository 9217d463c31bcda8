// Collectives on a thread: in order, beside the caller, with their errors.
#include "runtime/comm/BackgroundCollectives.h"
#include "runtime/base/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace pfc::rt::test {
namespace {

using namespace plan::fb;
using testing::ElementsAre;

/// Notes what it is asked for; a gather lasts until `gate` opens.
class Recorder : public Communicator {
public:
  std::promise<void> gate;
  std::vector<std::string> calls; // of the thread; read after a finish
  std::thread::id thread;

  int rank() const override { return 0; }
  int worldSize() const override { return 2; }
  int localRanks() const override { return 2; }
  int localRank() const override { return 0; }
  void allReduceSum(BufferView source, BufferView) override {
    calls.push_back("sum " + std::to_string(source.shape[0]));
    thread = std::this_thread::get_id();
  }
  void allGather(BufferView, BufferView) override {
    gate.get_future().wait();
    calls.push_back("gather");
  }
  void reduceScatterSum(BufferView, BufferView) override {
    fail("the link is down");
  }
  void broadcast(void *, size_t, int) override {}
  void barrier() override {}
  [[noreturn]] void abort(const std::string &why) override { fail("{}", why); }
};

BufferView view(int64_t elements) { return {nullptr, DType_F32, {elements}}; }

TEST(BackgroundCollectives, GoOnBesideTheCallerInOrder) {
  Recorder host;
  BackgroundCollectives background(host);
  EnqueuedTransfer gather =
      background.makeCollective(CollectiveKind_AllGather, view(1), view(2));
  EnqueuedTransfer sum =
      background.makeCollective(CollectiveKind_AllReduceSum, view(3), view(3));
  gather.start->execute();
  sum.start->execute();
  host.gate.set_value(); // a start that waited would not get here
  sum.finish->execute();
  EXPECT_THAT(host.calls, ElementsAre("gather", "sum 3"));
  EXPECT_NE(host.thread, std::this_thread::get_id());
  gather.finish->execute();
  // One after the other, on the thread.
  EXPECT_LE(gather.ran().first, gather.ran().second);
  EXPECT_LE(gather.ran().second, sum.ran().first);
  EXPECT_LE(sum.ran().first, sum.ran().second);
}

TEST(BackgroundCollectives, CanBeStartedAgain) {
  Recorder host;
  BackgroundCollectives background(host);
  EnqueuedTransfer sum =
      background.makeCollective(CollectiveKind_AllReduceSum, view(3), view(3));
  for (int step = 0; step < 3; ++step) {
    sum.start->execute();
    sum.finish->execute();
  }
  EXPECT_EQ(host.calls.size(), 3u);
}

TEST(BackgroundCollectives, FailWhereTheyAreWaitedFor) {
  Recorder host;
  BackgroundCollectives background(host);
  EnqueuedTransfer broken = background.makeCollective(
      CollectiveKind_ReduceScatterSum, view(2), view(1));
  EnqueuedTransfer sum =
      background.makeCollective(CollectiveKind_AllReduceSum, view(3), view(3));
  broken.start->execute();
  sum.start->execute();
  sum.finish->execute();
  EXPECT_THROW(broken.finish->execute(), Error);
}

TEST(BackgroundCollectives, EndsWithWhatWasStarted) {
  Recorder host;
  {
    BackgroundCollectives background(host);
    auto sum = background.makeCollective(CollectiveKind_AllReduceSum, view(3),
                                         view(3));
    sum.start->execute();
  }
  EXPECT_THAT(host.calls, ElementsAre("sum 3"));
}

} // namespace
} // namespace pfc::rt::test

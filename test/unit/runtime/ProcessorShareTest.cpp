// What a rank may take of its machine's processors.
#include "runtime/train/ProcessorShare.h"

#include <gtest/gtest.h>

#include <vector>

namespace pfc::rt::test {
namespace {

/// Processors [first, first + count) of `machine`.
RankPlace on(const char *machine, int first, int count) {
  RankPlace place;
  for (int i = 0; machine[i]; ++i)
    place.machine[i] = machine[i];
  for (int i = first; i < first + count; ++i)
    place.processors[i / 64] |= uint64_t{1} << i % 64;
  return place;
}

TEST(ProcessorShare, UnboundRanksDivideTheirMachine) {
  std::vector<RankPlace> places(4, on("a", 0, 96));
  places.push_back(on("b", 0, 96));
  EXPECT_EQ(shareOf(places, 0), 24);
  EXPECT_EQ(shareOf(places, 3), 24);
  EXPECT_EQ(shareOf(places, 4), 96) << "alone on another";
  EXPECT_EQ(shareOf(std::vector<RankPlace>(3, on("a", 0, 9)), 1), 3);
  EXPECT_EQ(shareOf(std::vector<RankPlace>(4, on("a", 0, 2)), 1), 1);
}

// As srun --cpus-per-task and mpirun --map-by slot:PE=16 bind them.
TEST(ProcessorShare, BoundRanksKeepTheirs) {
  std::vector<RankPlace> places;
  for (int rank = 0; rank < 8; ++rank)
    places.push_back(on("a", 16 * rank, 16));
  for (size_t rank = 0; rank < 8; ++rank)
    EXPECT_EQ(shareOf(places, rank), 16);
  // Two to a socket.
  std::vector<RankPlace> sockets = {on("a", 0, 64), on("a", 0, 64),
                                    on("a", 64, 64), on("a", 64, 64)};
  EXPECT_EQ(shareOf(sockets, 2), 32);
  // One that is bound among one that is not.
  std::vector<RankPlace> mixed = {on("a", 0, 8), on("a", 0, 4)};
  EXPECT_EQ(shareOf(mixed, 0), 6);
  EXPECT_EQ(shareOf(mixed, 1), 2);
}

TEST(ProcessorShare, OfAJobOfOne) {
  std::unique_ptr<Communicator> alone = makeSelfCommunicator();
  EXPECT_EQ(processorShare(*alone), availableProcessors());
}

} // namespace
} // namespace pfc::rt::test

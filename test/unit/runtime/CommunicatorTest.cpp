// Conformance of every communicator: run alone it tests the job of one, under
// mpirun the MPI plug-in, with torchrun's variables TCP. Every rank checks what
// it received.
#include "runtime/comm/Communicator.h"
#include "runtime/base/Bfloat16.h"
#include "runtime/comm/Launcher.h"
#include "runtime/plan/Shape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

namespace pfc::rt::test {
namespace {

using namespace plan::fb;

Communicator &communicator() {
  static std::unique_ptr<Communicator> opened = openCommunicator();
  return *opened;
}

template <typename T>
BufferView viewOf(std::vector<T> &data, DType dtype) {
  return {reinterpret_cast<std::byte *>(data.data()),
          dtype,
          {static_cast<int64_t>(data.size())}};
}

/// What rank `rank` contributes; any rank can compute it.
std::vector<float> contribution(int rank, size_t count) {
  std::mt19937 random(static_cast<unsigned>(100 + rank));
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values(count);
  for (float &value : values)
    value = uniform(random);
  return values;
}

/// The sum in rank order, in fp32: what every rank must have, bit for bit.
std::vector<float> orderedSum(size_t count) {
  std::vector<float> sum = contribution(0, count);
  for (int rank = 1; rank < communicator().worldSize(); ++rank) {
    std::vector<float> addend = contribution(rank, count);
    for (size_t i = 0; i < count; ++i)
      sum[i] += addend[i];
  }
  return sum;
}

TEST(Communicator, KnowsItsPlace) {
  EXPECT_GE(communicator().rank(), 0);
  EXPECT_LT(communicator().rank(), communicator().worldSize());
  EXPECT_EQ(communicator().localRanks(), communicator().worldSize());
  EXPECT_EQ(communicator().localRank(), communicator().rank());
  const char *size =
      std::getenv(startedByMpi() ? "OMPI_COMM_WORLD_SIZE" : "WORLD_SIZE");
  EXPECT_EQ(communicator().worldSize(), size ? std::atoi(size) : 1);
}

// Sizes below the number of ranks, not divisible by it, and beyond one piece.
TEST(Communicator, AllReduceSumsInRankOrder) {
  for (size_t count : {1, 2, 7, 1000, 5000011}) {
    std::vector<float> source = contribution(communicator().rank(), count);
    std::vector<float> target(count, NAN), expected = orderedSum(count);
    communicator().allReduceSum(viewOf(source, DType_F32),
                                viewOf(target, DType_F32));
    EXPECT_EQ(target, expected) << count;
    communicator().allReduceSum(viewOf(source, DType_F32),
                                viewOf(source, DType_F32));
    EXPECT_EQ(source, expected) << count << ", in place";
  }
}

TEST(Communicator, AllReduceOfBfloat16RoundsOnce) {
  constexpr size_t count = 77;
  auto rounded = [](int rank) {
    std::vector<uint16_t> bits;
    for (float value : contribution(rank, count))
      bits.push_back(floatToBfloat16(value));
    return bits;
  };
  std::vector<uint16_t> source = rounded(communicator().rank());
  std::vector<uint16_t> target(count), expected(count);
  for (size_t i = 0; i < count; ++i) {
    float sum = 0;
    for (int rank = 0; rank < communicator().worldSize(); ++rank)
      sum += bfloat16ToFloat(rounded(rank)[i]);
    expected[i] = floatToBfloat16(sum);
  }
  communicator().allReduceSum(viewOf(source, DType_BF16),
                              viewOf(target, DType_BF16));
  EXPECT_EQ(target, expected);
}

TEST(Communicator, AllReduceOfIntegers) {
  int64_t rank = communicator().rank(), size = communicator().worldSize();
  std::vector<int64_t> source = {rank, int64_t{1} << 40, -rank}, target(3);
  communicator().allReduceSum(viewOf(source, DType_I64),
                              viewOf(target, DType_I64));
  EXPECT_EQ(target, (std::vector<int64_t>{size * (size - 1) / 2,
                                          size * (int64_t{1} << 40),
                                          -size * (size - 1) / 2}));
}

TEST(Communicator, AllGatherConcatenates) {
  for (size_t count : {1, 5, 3000}) {
    std::vector<float> source = contribution(communicator().rank(), count);
    std::vector<float> target(count * communicator().worldSize(), NAN);
    std::vector<float> expected;
    for (int rank = 0; rank < communicator().worldSize(); ++rank)
      for (float value : contribution(rank, count))
        expected.push_back(value);
    communicator().allGather(viewOf(source, DType_F32),
                             viewOf(target, DType_F32));
    EXPECT_EQ(target, expected);
  }
}

TEST(Communicator, ReduceScatterGivesOwnSlice) {
  for (size_t slice : {1, 5, 2000003}) {
    size_t count = slice * communicator().worldSize();
    std::vector<float> source = contribution(communicator().rank(), count);
    std::vector<float> target(slice, NAN), sum = orderedSum(count);
    std::vector<float> expected(sum.begin() + slice * communicator().rank(),
                                sum.begin() +
                                    slice * (communicator().rank() + 1));
    communicator().reduceScatterSum(viewOf(source, DType_F32),
                                    viewOf(target, DType_F32));
    EXPECT_EQ(target, expected) << slice;
  }
}

TEST(Communicator, BroadcastFromEveryRoot) {
  for (int root = 0; root < communicator().worldSize(); ++root) {
    std::vector<float> data = contribution(communicator().rank(), 99);
    communicator().broadcast(data.data(), data.size() * 4, root);
    EXPECT_EQ(data, contribution(root, 99));
  }
  communicator().barrier();
}

TEST(Launcher, CommandStartsThisProgram) {
  std::vector<std::string> command =
      launchCommand(3, {"x.plan", "--data", "d"});
  EXPECT_EQ(command.front(), "mpirun");
  EXPECT_THAT(command, testing::Contains("--oversubscribe"));
  EXPECT_THAT(command[command.size() - 4],
              testing::EndsWith("communicator-test"));
  EXPECT_EQ(command.back(), "d");
}

} // namespace
} // namespace pfc::rt::test

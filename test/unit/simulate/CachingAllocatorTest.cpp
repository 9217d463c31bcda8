// PyTorch's allocator by its rules, worked by hand. What a whole step comes to
// is compared with another implementation in test/tools/pfcc/simulate.test.
#include "tools/pfcc/simulate/CachingAllocator.h"

#include <gtest/gtest.h>

#include <array>

using pfc::simulate::CachingAllocator;
using Stream = CachingAllocator::Stream;

static constexpr int64_t mebibyte = 1 << 20;

TEST(CachingAllocator, SmallTensorsShareSegmentsOfTwoMebibytes) {
  CachingAllocator allocator;
  const int64_t first = allocator.allocate(1, Stream::Compute);
  const int64_t second = allocator.allocate(513, Stream::Compute);
  EXPECT_EQ(second, first + 512);
  EXPECT_EQ(allocator.used(), 512 + 1024);
  allocator.allocate(mebibyte, Stream::Compute);
  EXPECT_EQ(allocator.reserved(), 2 * mebibyte);
  // 1 MiB less 1536 bytes are left.
  allocator.allocate(mebibyte, Stream::Compute);
  EXPECT_EQ(allocator.reserved(), 4 * mebibyte);
}

TEST(CachingAllocator, LargerTensorsShareSegmentsOfTwentyMebibytes) {
  CachingAllocator allocator;
  allocator.allocate(mebibyte + 1, Stream::Compute);
  EXPECT_EQ(allocator.reserved(), 20 * mebibyte);
  EXPECT_EQ(allocator.used(), mebibyte + 512);
  allocator.allocate(10 * mebibyte - 1, Stream::Compute);
  EXPECT_EQ(allocator.reserved(), 20 * mebibyte);
  // 8.99 MiB are left.
  allocator.allocate(9 * mebibyte, Stream::Compute);
  EXPECT_EQ(allocator.reserved(), 40 * mebibyte);
}

TEST(CachingAllocator, LargeTensorsHaveTheirOwnSegments) {
  CachingAllocator allocator;
  allocator.allocate(10 * mebibyte, Stream::Compute);
  EXPECT_EQ(allocator.reserved(), 10 * mebibyte);
  allocator.allocate(11 * mebibyte, Stream::Compute);
  EXPECT_EQ(allocator.reserved(), 22 * mebibyte);
}

TEST(CachingAllocator, SplitsWhatIsWorthIt) {
  CachingAllocator allocator;
  const int64_t whole = allocator.allocate(30 * mebibyte, Stream::Compute);
  allocator.release(whole);
  // 1 MiB is left: not a block of its own.
  const int64_t most = allocator.allocate(29 * mebibyte, Stream::Compute);
  EXPECT_EQ(most, whole);
  EXPECT_EQ(allocator.used(), 30 * mebibyte);
  allocator.release(most);
  const int64_t part = allocator.allocate(28 * mebibyte, Stream::Compute);
  EXPECT_EQ(part, whole);
  EXPECT_EQ(allocator.used(), 28 * mebibyte);
  EXPECT_EQ(allocator.allocate(2 * mebibyte, Stream::Compute),
            whole + 28 * mebibyte);
  EXPECT_EQ(allocator.reserved(), 30 * mebibyte);
}

TEST(CachingAllocator, TakesTheSmallestThatIsLargeEnough) {
  CachingAllocator allocator;
  const int64_t large = allocator.allocate(60 * mebibyte, Stream::Compute);
  const int64_t fitting = allocator.allocate(40 * mebibyte, Stream::Compute);
  const int64_t little = allocator.allocate(20 * mebibyte, Stream::Compute);
  for (int64_t block : {large, fitting, little})
    allocator.release(block);
  EXPECT_EQ(allocator.allocate(30 * mebibyte, Stream::Compute), fitting);
  EXPECT_EQ(allocator.allocate(50 * mebibyte, Stream::Compute), large);
}

TEST(CachingAllocator, MergesNeighboursOfASegment) {
  CachingAllocator allocator;
  const int64_t whole = allocator.allocate(60 * mebibyte, Stream::Compute);
  const int64_t other = allocator.allocate(60 * mebibyte, Stream::Compute);
  allocator.release(whole);
  std::array<int64_t, 3> parts = {};
  for (int64_t &part : parts)
    part = allocator.allocate(20 * mebibyte, Stream::Compute);
  EXPECT_EQ(parts[2], whole + 40 * mebibyte);
  // The one between its free neighbours last; the next segment is another's.
  for (int64_t part : {parts[0], parts[2], parts[1], other})
    allocator.release(part);
  EXPECT_EQ(allocator.used(), 0);
  EXPECT_EQ(allocator.allocate(60 * mebibyte, Stream::Compute), whole);
  EXPECT_EQ(allocator.allocate(60 * mebibyte, Stream::Compute), other);
  EXPECT_EQ(allocator.reserved(), 120 * mebibyte);
}

TEST(CachingAllocator, KeepsStreamsAndKindsApart) {
  CachingAllocator allocator;
  const int64_t block = allocator.allocate(30 * mebibyte, Stream::Compute);
  allocator.release(block);
  EXPECT_NE(allocator.allocate(30 * mebibyte, Stream::Centers), block);
  EXPECT_EQ(allocator.reserved(), 60 * mebibyte);
  // A small tensor takes nothing of a large block.
  allocator.allocate(512, Stream::Compute);
  EXPECT_EQ(allocator.reserved(), 62 * mebibyte);
}

// Memory of a file: zero at first and after clear(), and it knows what nobody
// has written.
#include "runtime/device/HostFile.h"
#include "runtime/base/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <span>
#include <unistd.h>

namespace pfc::rt::test {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t page = 64 << 10; // of any machine, and of any file system

class HostFileTest : public testing::Test {
protected:
  std::string folder =
      testing::TempDir() + "/host-file-test-" + std::to_string(getpid());
  void TearDown() override { fs::remove_all(folder); }

  static void expectExtent(const HostFile &memory, uint64_t at, uint64_t count,
                           bool written, uint64_t bytes) {
    HostExtent extent = memory.extent(memory.data() + at, count);
    EXPECT_EQ(extent.written, written) << at;
    EXPECT_EQ(extent.bytes, bytes) << at;
  }

  static bool isZero(std::span<const std::byte> bytes) {
    return std::all_of(bytes.begin(), bytes.end(),
                       [](std::byte each) { return each == std::byte{}; });
  }
};

TEST_F(HostFileTest, IsZeroUntilItIsWritten) {
  HostFile memory;
  memory.map(folder, 16 * page);
  std::span<std::byte> bytes(memory.data(), 16 * page);
  expectExtent(memory, 0, bytes.size(), false, bytes.size());
  std::fill_n(&bytes[5 * page], page, std::byte{1});
  expectExtent(memory, 0, bytes.size(), false, 5 * page);
  expectExtent(memory, 3 * page, page, false, page);
  expectExtent(memory, 5 * page, bytes.size() - 5 * page, true, page);
  expectExtent(memory, 5 * page + 7, 100, true, 100);
  expectExtent(memory, 6 * page, 2 * page, false, 2 * page);
  EXPECT_TRUE(isZero(bytes.first(5 * page)));
  memory.clear();
  EXPECT_TRUE(isZero(bytes));
}

TEST_F(HostFileTest, LeavesNothingBehind) {
  HostFile memory;
  memory.map(folder, page);
  memory.data()[0] = std::byte{1};
  EXPECT_TRUE(fs::is_empty(folder));
}

// More than any disk has: pages are taken when they are used.
TEST_F(HostFileTest, MayBeLargerThanTheDisk) {
  HostFile memory;
  uint64_t huge = uint64_t{4} << 40;
  memory.map(folder, huge);
  memory.data()[huge - 1] = std::byte{1};
  HostExtent extent = memory.extent(memory.data(), huge);
  EXPECT_FALSE(extent.written);
  EXPECT_GE(extent.bytes, huge - page);
  EXPECT_LT(extent.bytes, huge);
}

TEST_F(HostFileTest, SaysWhereItCanNotBe) {
  HostFile memory;
  try {
    memory.map("/proc/nowhere", page);
    FAIL();
  } catch (const Error &error) {
    EXPECT_THAT(
        error.what(),
        testing::HasSubstr("/proc/nowhere: cannot make a file of 64.0 KiB"));
  }
}

} // namespace
} // namespace pfc::rt::test

#include "runtime/base/BuildCache.h"

#include "runtime/base/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <unistd.h>

namespace pfc::rt {
namespace {

namespace fs = std::filesystem;

class BuildCacheTest : public testing::Test {
protected:
  void TearDown() override { fs::remove_all(root); }

  /// The entry's contents, without the digest that follows them.
  static std::string read(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    std::string all{std::istreambuf_iterator<char>(file), {}};
    return all.substr(0, all.size() - 32);
  }

  std::string get(const std::string &key, const std::string &contents) {
    return cache.file(key, ".bin", [&] {
      ++builds;
      return contents;
    });
  }

  std::string root =
      testing::TempDir() + "/pfc-cache-" + std::to_string(getpid());
  BuildCache cache{root + "/made/when/needed"};
  std::atomic<int> builds = 0;
};

TEST_F(BuildCacheTest, BuildsOnceAKey) {
  std::string one = get("key", "first");
  EXPECT_EQ(get("key", "second"), one);
  EXPECT_EQ(read(one), "first");
  EXPECT_EQ(builds, 1);
  EXPECT_EQ(read(get("another key", "third")), "third");
  EXPECT_EQ(builds, 2);
}

// As a full disk or a broken one leaves it: cut, changed, empty.
TEST_F(BuildCacheTest, DamagedEntriesAreMadeAnew) {
  std::string path = get("key", "contents");
  fs::resize_file(path, 20);
  EXPECT_EQ(read(get("key", "contents")), "contents");
  EXPECT_EQ(builds, 2);
  std::fstream(path, std::ios::in | std::ios::out).write("C", 1);
  EXPECT_EQ(read(get("key", "contents")), "contents");
  EXPECT_EQ(builds, 3);
  fs::resize_file(path, 0);
  EXPECT_EQ(read(get("key", "contents")), "contents");
  EXPECT_EQ(builds, 4);
}

// Each waits for the one that builds; flock keeps threads apart like processes.
TEST_F(BuildCacheTest, OneOfManyBuilds) {
  std::vector<std::thread> ranks;
  for (int rank = 0; rank < 8; ++rank)
    ranks.emplace_back([&] {
      EXPECT_EQ(read(cache.file("key", ".bin",
                                [&] {
                                  ++builds;
                                  std::this_thread::sleep_for(
                                      std::chrono::milliseconds(50));
                                  return std::string("contents");
                                })),
                "contents");
    });
  for (std::thread &rank : ranks)
    rank.join();
  EXPECT_EQ(builds, 1);
}

TEST_F(BuildCacheTest, AFailedBuildLeavesNoEntry) {
  EXPECT_THROW(cache.file("key", ".bin",
                          []() -> std::string { throw Error("refused"); }),
               Error);
  EXPECT_EQ(read(get("key", "contents")), "contents");
}

TEST_F(BuildCacheTest, SaysWhichFolderCannotBeMade) {
  BuildCache bad("/proc/pfc");
  try {
    bad.file("key", ".bin", [] { return std::string(); });
    FAIL();
  } catch (const Error &error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("/proc/pfc"));
    EXPECT_THAT(error.what(), testing::HasSubstr("PFC_CACHE_DIR"));
  }
}

} // namespace
} // namespace pfc::rt

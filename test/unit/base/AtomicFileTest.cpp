// Files that are whole or absent, with holes for zeros.
#include "runtime/base/AtomicFile.h"

#include "runtime/base/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace pfc::rt::test {
namespace {

namespace fs = std::filesystem;

class AtomicFileTest : public testing::Test {
protected:
  std::string path =
      testing::TempDir() + "/atomic-file-test-" + std::to_string(getpid());
  std::string link = path + "-link";
  void SetUp() override { TearDown(); }
  void TearDown() override {
    fs::remove_all(path);
    fs::remove(link);
  }

  static void put(const std::string &name, std::string_view text) {
    AtomicFile file(name);
    file.write(text.data(), text.size());
    file.commit();
  }
  static std::string errorOf(const std::string &name) {
    try {
      AtomicFile file(name);
    } catch (const Error &error) {
      return error.what();
    }
    return "none";
  }
  std::string text() const {
    std::vector<char> bytes = contents();
    return {bytes.begin(), bytes.end()};
  }

  std::vector<char> contents() const {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  int64_t blockBytes() const {
    struct stat status = {};
    stat(path.c_str(), &status);
    return status.st_blocks * 512;
  }
};

TEST_F(AtomicFileTest, IsAbsentUntilItIsCommitted) {
  {
    AtomicFile file(path);
    file.write("abc", 3);
  }
  EXPECT_FALSE(fs::exists(path));
  EXPECT_FALSE(fs::exists(path + ".tmp"));
  AtomicFile file(path);
  file.write("abc", 3);
  file.commit();
  EXPECT_EQ(contents(), (std::vector<char>{'a', 'b', 'c'}));
}

// In front, in the middle and at the end; short runs are written.
TEST_F(AtomicFileTest, ZerosTakeNoSpace) {
  constexpr size_t megabyte = 1 << 20;
  std::vector<char> zeros(megabyte), expected;
  Sha256 sparse, whole;
  AtomicFile file(path, &sparse);
  auto write = [&](const char *bytes, size_t count) {
    file.write(bytes, count);
    expected.insert(expected.end(), bytes, bytes + count);
  };
  write(zeros.data(), megabyte);
  write("abc", 3);
  write(zeros.data(), 3);
  write(zeros.data(), megabyte);
  write(zeros.data(), megabyte);
  write("def", 3);
  write(zeros.data(), megabyte);
  file.commit();
  EXPECT_EQ(contents(), expected);
  EXPECT_LE(blockBytes(), int64_t{64} << 10);
  whole.update(expected.data(), expected.size());
  EXPECT_EQ(sparse.digest(), whole.digest());
}

TEST_F(AtomicFileTest, ReplacesWhatALinkLeadsTo) {
  put(path, "old");
  fs::create_symlink(fs::path(path).filename(), link); // relative
  put(link, "new");
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(text(), "new");
  fs::remove(path);
  put(link, "made");
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(text(), "made");
}

TEST_F(AtomicFileTest, LinksInACircleAreRefused) {
  fs::create_symlink(link, path);
  fs::create_symlink(path, link);
  EXPECT_THAT(errorOf(path), testing::HasSubstr("lead nowhere"));
  EXPECT_TRUE(fs::is_symlink(path));
}

// Nothing is waited for, and nothing ended, before there is something to say;
// zeros are written, too.
TEST_F(AtomicFileTest, WritesToAPipeAsItIs) {
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  put(path, "");
  std::string read, written = "a" + std::string(1 << 15, '\0') + "b";
  std::thread reader([&] {
    std::ifstream pipe(path, std::ios::binary);
    read.assign(std::istreambuf_iterator<char>(pipe), {});
  });
  put(path, written);
  reader.join();
  EXPECT_EQ(read, written);
  EXPECT_TRUE(fs::is_fifo(path));
  EXPECT_FALSE(fs::exists(path + ".tmp"));
}

TEST_F(AtomicFileTest, WritesToADeviceAsItIs) {
  if (mknod(path.c_str(), S_IFCHR | 0600, makedev(1, 3)) != 0) // as /dev/null
    GTEST_SKIP() << "makes no devices here";
  put(path, "abc");
  EXPECT_TRUE(fs::is_character_file(path));
}

// What a shell sent standard output to: this is not a second writer at its
// beginning.
TEST_F(AtomicFileTest, GoesOnWhereADescriptorIs) {
  int file = open(path.c_str(), O_RDWR | O_CREAT, 0600);
  ASSERT_EQ(write(file, "one ", 4), 4);
  fs::create_symlink("/proc/self/fd/" + std::to_string(file), link);
  put(link, "two ");
  ASSERT_EQ(write(file, "three", 5), 5);
  close(file);
  EXPECT_EQ(text(), "one two three");
  EXPECT_TRUE(fs::is_symlink(link));
}

TEST_F(AtomicFileTest, RefusesAFolderAtOnce) {
  fs::create_directory(path);
  EXPECT_EQ(errorOf(path),
            path + ": is a folder; give the name of a file to write");
  EXPECT_THAT(errorOf(""), testing::HasSubstr("has no name"));
}

} // namespace
} // namespace pfc::rt::test

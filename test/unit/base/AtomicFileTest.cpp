// Files that are whole or absent, with holes for zeros.
#include "runtime/base/AtomicFile.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <vector>

namespace pfc::rt::test {
namespace {

namespace fs = std::filesystem;

class AtomicFileTest : public testing::Test {
protected:
  std::string path = testing::TempDir() + "/atomic-file-test";
  void TearDown() override { fs::remove(path); }

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

} // namespace
} // namespace pfc::rt::test

// Which names are one file, and which outputs would destroy an input.
#include "runtime/base/Paths.h"

#include "runtime/base/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace pfc::rt::test {
namespace {

namespace fs = std::filesystem;

class PathsTest : public testing::Test {
protected:
  std::string root =
      testing::TempDir() + "/paths-test-" + std::to_string(getpid());
  void SetUp() override {
    TearDown();
    fs::create_directories(root + "/in/deep");
    for (const char *name : {"/a", "/b", "/in/deep/x"})
      std::ofstream(root + name) << name;
  }
  void TearDown() override { fs::remove_all(root); }

  std::string at(const std::string &name) const { return root + "/" + name; }
  bool lost(const std::string &output, const std::string &input) const {
    try {
      protectInputs("--json", at(output), {at(input)});
    } catch (const Error &error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("--json " + at(output) +
                                                   ": would replace"));
      return true;
    }
    return false;
  }
};

TEST_F(PathsTest, AFileHasManyNames) {
  fs::create_symlink("a", at("link"));
  fs::create_hard_link(at("a"), at("hard"));
  for (const char *name : {"a", "in/../a", "./a", "link", "hard"})
    EXPECT_TRUE(sameFile(at("a"), at(name))) << name;
  EXPECT_FALSE(sameFile(at("a"), at("b")));
}

TEST_F(PathsTest, ThatIsNotThereYet) {
  fs::create_symlink("new", at("link"));
  EXPECT_TRUE(sameFile(at("new"), at("in/../new")));
  EXPECT_TRUE(sameFile(at("new"), at("link")));
  EXPECT_FALSE(sameFile(at("new"), at("newer")));
}

TEST_F(PathsTest, APipeTakesTwoOutputs) {
  ASSERT_EQ(mkfifo(at("pipe").c_str(), 0600), 0);
  EXPECT_FALSE(sameFile(at("pipe"), at("pipe")));
}

TEST_F(PathsTest, AnInputIsNoOutput) {
  EXPECT_TRUE(lost("a", "a"));
  EXPECT_FALSE(lost("a", "b"));
  EXPECT_TRUE(lost("in/deep/x", "in"));
  EXPECT_FALSE(lost("in/deep/new", "in")); // nothing is lost
  EXPECT_FALSE(lost("a", "in"));
  fs::create_symlink("in/deep/x", at("link"));
  EXPECT_TRUE(lost("link", "in"));
}

} // namespace
} // namespace pfc::rt::test

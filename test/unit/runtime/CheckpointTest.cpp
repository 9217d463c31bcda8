// Checkpoints on disk: their folder, and state that goes from one number of
// ranks to another.
#include "runtime/train/checkpoint/Checkpoint.h"
#include "CheckpointStates.h"
#include "runtime/base/Error.h"
#include "runtime/train/ModelFolder.h"
#include "runtime/train/checkpoint/CheckpointFolder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <unistd.h>

namespace pfc::rt::test {
namespace {

using testing::ElementsAre;
namespace fs = std::filesystem;

class CheckpointFiles : public testing::Test {
protected:
  fs::path root =
      fs::path(testing::TempDir()) / fmt::format("pfc-ckpt-{}", getpid());

  void SetUp() override { fs::create_directories(root); }
  void TearDown() override { fs::remove_all(root); }

  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto &entry : fs::directory_iterator(root / "checkpoints"))
      result.push_back(entry.path().filename());
    std::sort(result.begin(), result.end());
    return result;
  }
};

TEST_F(CheckpointFiles, OnlyWholeOnesCount) {
  CheckpointFolder folder(root.string());
  EXPECT_TRUE(folder.list().empty()); // no folder at all
  for (int64_t step : {8, 2, 1000000000}) {
    folder.begin(step);
    folder.begin(step); // as a second rank does
    folder.publish(step);
  }
  folder.begin(9);
  for (const char *name : {"step-", "step-7x", "step--3", "other"})
    fs::create_directories(root / "checkpoints" / name);
  std::ofstream(root / "checkpoints" / "step-000000005") << "a file";
  std::vector<int64_t> steps;
  for (const auto &entry : folder.list()) {
    steps.push_back(entry.step);
    EXPECT_EQ(entry.path, folder.whole(entry.step));
  }
  EXPECT_THAT(steps, ElementsAre(2, 8, 1000000000));
}

TEST_F(CheckpointFiles, TheOldestGo) {
  CheckpointFolder folder(root.string());
  for (int64_t step : {1, 2, 3, 4}) {
    folder.begin(step);
    std::ofstream(folder.partial(step) + "/x") << "x";
    folder.publish(step);
  }
  folder.removeOld(5);
  EXPECT_EQ(names().size(), 4u);
  folder.removeOld(2);
  EXPECT_THAT(names(), ElementsAre("step-000000003", "step-000000004"));
}

TEST_F(CheckpointFiles, WhatACrashLeftGoes) {
  CheckpointFolder folder(root.string());
  folder.begin(1);
  folder.publish(1);
  folder.begin(2);
  for (const char *name : {"step-000000000.old", "mine.old", "step-1.txt"})
    fs::create_directories(root / "checkpoints" / name);
  folder.removeRemains();
  EXPECT_THAT(names(), ElementsAre("mine.old", "step-000000001", "step-1.txt"));
  folder.begin(3);
  folder.abandon(3);
  EXPECT_EQ(names().size(), 3u);
}

TEST_F(CheckpointFiles, PublishingKeepsWhatIsThere) {
  CheckpointFolder folder(root.string());
  for (int round = 0; round < 2; ++round) {
    folder.begin(1);
    std::ofstream(folder.partial(1) + "/x") << round;
    if (round == 0)
      folder.publish(1);
    else
      EXPECT_THROW(folder.publish(1), Error);
  }
  int content = -1;
  std::ifstream(folder.whole(1) + "/x") >> content;
  EXPECT_EQ(content, 0);
}

// An element starts as a function of its global row, so a job of any size has
// the state that a load from any other size must leave.
TEST_F(CheckpointFiles, AnyNumberOfRanksToAnyOther) {
  constexpr int64_t rows = 13;
  int64_t step = 0;
  fs::path before;
  for (int size : {8, 3, 8, 1, 16, 2}) {
    States states(size, rows), expected(size, rows);
    expected.initialize(7);
    if (before.empty()) {
      states.initialize(7);
    } else {
      states.poison();
      states.load(before);
    }
    EXPECT_EQ(states.contents(), expected.contents()) << size << " ranks";
    before = root / fmt::format("on-{}-at-{}", size, step);
    states.save(before, step++);
  }
}

TEST_F(CheckpointFiles, AnotherNumberOfClasses) {
  States eleven(2, 11), twelve(2, 12);
  eleven.initialize(1);
  eleven.save(root / "x", 1);
  try {
    twelve.load(root / "x");
    ADD_FAILURE() << "it loaded";
  } catch (const Error &error) {
    EXPECT_EQ(error.what(),
              (root / "x").string() +
                  ": has 11 class centers, the plan 12: compile the spec with "
                  "head.classes = 11, or say with 'pfc-checkpoint convert "
                  "--class-map' which class is which");
  }
}

// Whatever file is damaged, however: one error that names it and says what to
// do.
TEST_F(CheckpointFiles, DamageIsNamed) {
  States states(3, 7);
  states.initialize(1);
  fs::path good = root / "good", bad = root / "bad";
  states.save(good, 1);
  auto error = [&] {
    try {
      states.load(bad);
    } catch (const Error &error) {
      return std::string(error.what());
    }
    return std::string();
  };
  auto damage = [&](const char *file, auto how) {
    fs::remove_all(bad);
    fs::copy(good, bad);
    how(bad / file);
    return error();
  };
  auto flip = [](const fs::path &file) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(-3, std::ios::end);
    stream.put('~');
  };
  auto cut = [](const fs::path &file) {
    fs::resize_file(file, fs::file_size(file) - 1);
  };
  auto remove = [](const fs::path &file) { fs::remove(file); };
  for (const char *file :
       {"backbone.safetensors", "class_centers-00001-of-00003.safetensors"}) {
    std::string path = (bad / file).string() + ": ";
    std::string advice =
        "remove the folder " + bad.string() +
        " to go on from the checkpoint before it, or restore the file";
    EXPECT_THAT(damage(file, flip),
                AllOf(testing::StartsWith(path + "its SHA-256 is not"),
                      testing::EndsWith(advice)));
    EXPECT_THAT(damage(file, cut),
                AllOf(testing::StartsWith(path + "has "),
                      testing::HasSubstr("were written: the file is damaged"),
                      testing::EndsWith(advice)));
    EXPECT_THAT(damage(file, remove),
                AllOf(testing::StartsWith(path), testing::EndsWith(advice)));
  }
  EXPECT_THAT(damage("manifest.json", remove),
              testing::HasSubstr("manifest.json: cannot be opened"));
  EXPECT_THAT(damage("manifest.json", cut), ""); // its last line feed
}

} // namespace
} // namespace pfc::rt::test

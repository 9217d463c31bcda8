// Runs that start from trained weights, and checkpoints of other classes.
#include "CheckpointStates.h"
#include "runtime/train/checkpoint/Rewrite.h"
#include "runtime/train/weights/Safetensors.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <unistd.h>

namespace pfc::rt::test {
namespace {

using testing::HasSubstr;

// The old job: 11 classes on 3 ranks, trained from seed 1. The new one: 9 on 2,
// from seed 2; the map drops old classes 0, 2, 3, 7, 8 and 10, and extends.
constexpr int64_t oldRows = 11, newRows = 9;
constexpr const char *map = "0-2 4\n3 1\n4-6 new\n7 9\n8 9\n";
constexpr int64_t from[newRows] = {4, 5, 6, 1, -1, -1, -1, 9, 9};

class FineTuning : public testing::Test {
protected:
  fs::path root =
      fs::path(testing::TempDir()) / fmt::format("pfc-init-{}", getpid());
  States before{3, oldRows}, after{2, newRows}, fresh{2, newRows};

  void SetUp() override {
    fs::create_directories(root);
    before.initialize(1);
    after.initialize(2);
    fresh.initialize(2);
    before.saveWithPlan(root / "old", 5, 1);
    write("map", map);
  }
  void TearDown() override { fs::remove_all(root); }

  std::string path(const char *name) { return (root / name).string(); }

  void write(const char *name, std::string_view text) {
    std::ofstream(root / name) << text;
  }

  std::string error(const InitialWeights &from) {
    try {
      after.start(from);
    } catch (const Error &error) {
      return error.what();
    }
    return "none";
  }

  void expectMapped() {
    for (int64_t row = 0; row < newRows; ++row) {
      const States &source = from[row] < 0 ? fresh : before;
      EXPECT_EQ(after.row("head.weight", row),
                source.row("head.weight", from[row] < 0 ? row : from[row]))
          << row;
      EXPECT_EQ(after.row("head.weight.momentum", row),
                fresh.row("head.weight.momentum", row))
          << row;
    }
    EXPECT_EQ(after.replicated("conv1.weight"),
              before.replicated("conv1.weight"));
    EXPECT_EQ(after.replicated("conv1.weight.momentum"),
              fresh.replicated("conv1.weight.momentum"));
  }
};

TEST_F(FineTuning, FromACheckpoint) {
  EXPECT_EQ(after.start({.model = path("old"), .classMap = path("map")}),
            "the network starts from " + path("old") +
                "; 6 of its 11 class centers for 9 classes, 3 new");
  expectMapped();
}

TEST_F(FineTuning, FromWhatARunLeft) {
  fs::remove(root / "old" / "manifest.json");
  after.start({.model = path("old"), .classMap = path("map")});
  expectMapped();
}

TEST_F(FineTuning, FromTheLastCheckpointOfARunThatDidNotEnd) {
  fs::create_directories(root / "run/checkpoints");
  fs::rename(root / "old", root / "run/checkpoints/step-000000005");
  after.start({.model = path("run"), .classMap = path("map")});
  expectMapped();
}

TEST_F(FineTuning, TheNetworkAlone) {
  for (const char *name : {"old", "old/backbone.safetensors"}) {
    after.initialize(2);
    after.start({.backbone = path(name)});
    EXPECT_EQ(after.replicated("conv1.weight"),
              before.replicated("conv1.weight"));
    for (int64_t row = 0; row < newRows; ++row)
      EXPECT_EQ(after.row("head.weight", row), fresh.row("head.weight", row));
  }
}

// It has all layers of the plan's, in the same shapes.
TEST_F(FineTuning, NotFromADeeperNetwork) {
  std::vector<float> kernel(6);
  auto tensor = [&](const char *name) -> TensorSource {
    return {name, TensorType::F32, {1, 3, 2}, [&](const TensorSink &sink) {
              sink(std::as_bytes(std::span(kernel)));
            }};
  };
  SafetensorsFile whole(path("old/backbone.safetensors"));
  std::vector<TensorSource> tensors = {tensor("conv2.weight")};
  for (const TensorEntry &entry : whole.tensors())
    tensors.push_back(
        {entry.name, entry.type, entry.shape, [&](const TensorSink &sink) {
           std::vector<std::byte> bytes(entry.bytes);
           whole.read(entry, bytes);
           sink(bytes);
         }});
  streamSafetensors(path("deep"), tensors, {});
  EXPECT_EQ(error({.backbone = path("deep")}),
            path("deep") + ": has a tensor 'conv2.weight', which the plan's "
                           "network has not: it is another model.backbone's");
}

TEST_F(FineTuning, TheSameClassesNeedNoMap) {
  States same(4, oldRows);
  same.initialize(2);
  same.start({.model = path("old")});
  for (int64_t row = 0; row < oldRows; ++row)
    EXPECT_EQ(same.row("head.weight", row), before.row("head.weight", row));
}

TEST_F(FineTuning, WhatDoesNotFitIsSaid) {
  EXPECT_EQ(error({.model = path("old")}),
            path("old") +
                ": has 11 class centers, the plan 9: say with --class-map "
                "which class is which, or take the network alone with "
                "--init-backbone");
  write("short", "0-7 0");
  EXPECT_EQ(error({.model = path("old"), .classMap = path("short")}),
            path("short") + ": maps 8 classes, the plan has 9: compile the "
                            "spec with head.classes = 8");
  write("far", "0-8 3");
  EXPECT_EQ(error({.model = path("old"), .classMap = path("far")}),
            path("far") +
                ": class 8 starts from class 11, but the weights have 11");
  EXPECT_EQ(error({.model = path("none")}),
            path("none") + ": there is no such folder: --init takes another "
                           "run's --out or a checkpoint's folder");
  EXPECT_EQ(error({.backbone = path("none")}),
            path("none") + ": there is no such file or folder: --init-backbone "
                           "takes a weights file, another run's --out or a "
                           "checkpoint's folder");
  EXPECT_EQ(error({.model = path("old"), .classMap = path("none")}),
            path("none") + ": cannot open the class map");
  fs::remove(root / "old/manifest.json");
  fs::remove(root / "old/class_centers-00001-of-00003.safetensors");
  EXPECT_THAT(error({.model = path("old"), .classMap = path("map")}),
              HasSubstr("begins with class 8, the files before it end at 4 of "
                        "11: the folder lacks files of its job"));
}

// All state, momentum too; new classes as a run of the old seed starts them.
TEST_F(FineTuning, AConvertedCheckpointIsResumed) {
  convertCheckpoint(path("old"), path("new"), {path("map"), 4});
  Checkpoint(path("new")).verify();
  EXPECT_EQ(Checkpoint(path("new")).manifest().step, 5);
  EXPECT_EQ(Checkpoint(path("new")).manifest().shards.size(), 4u);
  after.load(path("new"));
  States started(1, newRows);
  started.initialize(1);
  for (const char *name : {"head.weight", "head.weight.momentum"})
    for (int64_t row = 0; row < newRows; ++row)
      EXPECT_EQ(after.row(name, row), from[row] < 0
                                          ? started.row(name, row)
                                          : before.row(name, from[row]))
          << name << row;
  EXPECT_EQ(after.replicated("conv1.weight.momentum"),
            before.replicated("conv1.weight.momentum"));
}

// Other files and back again are the same bytes.
TEST_F(FineTuning, ConvertingOnlyTheFiles) {
  convertCheckpoint(path("old"), path("eight"), {"", 8});
  convertCheckpoint(path("eight"), path("three"), {"", 3});
  EXPECT_EQ(Checkpoint(path("three")).manifest().shards[1].sha256,
            Checkpoint(path("old")).manifest().shards[1].sha256);
  EXPECT_THROW(convertCheckpoint(path("old"), path("three"), {}), Error);
}

TEST_F(FineTuning, ConvertingReadsNoDamagedShard) {
  fs::path shard = root / "old/class_centers-00001-of-00003.safetensors";
  fs::resize_file(shard, fs::file_size(shard) - 1);
  EXPECT_THROW(convertCheckpoint(path("old"), path("new"), {}), Error);
  EXPECT_FALSE(fs::exists(root / "new"));
  EXPECT_FALSE(fs::exists(root / "new.partial"));
}

// What another crash left is no part of it.
TEST_F(FineTuning, ConvertingAfterACrash) {
  fs::create_directories(root / "new.partial");
  write("new.partial/manifest.json", "{}");
  write("new.partial/x", "old");
  convertCheckpoint(path("old"), path("new"), {});
  Checkpoint(path("new")).verify();
  EXPECT_FALSE(fs::exists(root / "new/x"));
  EXPECT_FALSE(fs::exists(root / "new.partial"));
}

TEST_F(FineTuning, MergedIntoOneFile) {
  mergeClassCenters(path("old"), path("all.safetensors"));
  SafetensorsFile file(path("all.safetensors"));
  ASSERT_EQ(file.tensors().size(), 1u); // no momentum
  const TensorEntry &entry = file.tensors()[0];
  EXPECT_EQ(entry.name, "head.weight");
  EXPECT_EQ(entry.shape, (std::vector<int64_t>{oldRows, embeddingSize}));
  EXPECT_EQ(file.metadata().at("total_classes"), "11");
  EXPECT_EQ(file.metadata().at("steps"), "5");
  std::vector<float> all(oldRows * embeddingSize);
  file.read(entry, std::as_writable_bytes(std::span(all)));
  for (int64_t row = 0; row < oldRows; ++row)
    EXPECT_EQ(std::vector<float>(all.begin() + row * embeddingSize,
                                 all.begin() + (row + 1) * embeddingSize),
              before.row("head.weight", row));
}

} // namespace
} // namespace pfc::rt::test

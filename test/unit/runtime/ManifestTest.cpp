// A manifest is a file from outside.
#include "runtime/train/checkpoint/Manifest.h"
#include "runtime/base/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace pfc::rt::test {
namespace {

using nlohmann::ordered_json;

Manifest makeManifest() {
  Manifest manifest;
  manifest.step = 200;
  manifest.totalSteps = 600;
  manifest.plan = "r\"100";
  manifest.specHash = "ab";
  manifest.precision = "bf16";
  manifest.worldSize = 2;
  manifest.batchPerRank = 64;
  manifest.seed = ~uint64_t{0};
  manifest.images = 17;
  std::string digest(64, 'a');
  manifest.files = {{"backbone.safetensors", 12, digest}};
  manifest.shards = {{{"a", 3, digest}, 0, 4}, {{"b", 5, digest}, 4, 3}};
  return manifest;
}

TEST(Manifest, SaysWhatItWasGiven) {
  Manifest manifest = makeManifest();
  Manifest parsed = parseManifest(formatManifest(manifest), "m.json");
  EXPECT_EQ(formatManifest(parsed), formatManifest(manifest));
  EXPECT_EQ(parsed.step, 200);
  EXPECT_EQ(parsed.seed, ~uint64_t{0});
  EXPECT_EQ(parsed.globalBatch(), 128);
  EXPECT_EQ(parsed.totalClasses(), 7);
  EXPECT_EQ(parsed.totalBytes(), 20u);
  EXPECT_EQ(parsed.find("backbone.safetensors")->bytes, 12u);
  EXPECT_EQ(parsed.find("a"), nullptr); // a shard
  EXPECT_FALSE(parsed.synthetic);
  manifest.synthetic = true;
  EXPECT_TRUE(parseManifest(formatManifest(manifest), "m.json").synthetic);
}

TEST(Manifest, RefusesWhatItCannotBe) {
  struct Case {
    const char *pointer, *value, *message;
  };
  const Case cases[] = {
      {"/format", "2", "checkpoint format 2"},
      {"/format", "null", "\"format\" is missing, or not a whole number"},
      {"/step", "-1", "\"step\" is missing, or not a whole number"},
      {"/step", "1.5", "\"step\" is missing"},
      {"/step", "18446744073709551615", "\"step\" is 18446744073709551615"},
      {"/world_size", "0", "\"world_size\" is 0, outside [1, "},
      {"/batch_per_rank", "0", "\"batch_per_rank\" is 0"},
      {"/plan", "7", "\"plan\" is missing, or not a text"},
      {"/synthetic", "1", "\"synthetic\" is missing, or not true or false"},
      {"/files", "{}", "\"files\" is missing, or not a list"},
      {"/files/0", "[]", "a file's entry is not an object"},
      {"/files/0/name", "\"../x\"", "\"../x\" is not one in the"},
      {"/files/0/name", "\"/etc/passwd\"", "is not one in the"},
      {"/files/0/name", "\"\"", "is not one in the"},
      {"/files/0/name", "\".\"", "is not one in the"},
      {"/files/0/name", "\"a\\u0000b\"", "is not one in the"},
      {"/files/0/bytes", "\"12\"", "\"bytes\" is missing"},
      {"/files/0/sha256", "\"abc\"", "\"abc\" is no SHA-256"},
      {"/shards/1/first_class", "5",
       "b begins with class 5, the shards "
       "before it end at 4"},
      {"/shards/1/first_class", "3", "b begins with class 3"},
      {"/shards/0/classes", "-2", "\"classes\" is missing"},
  };
  for (const Case &test : cases) {
    auto json = ordered_json::parse(formatManifest(makeManifest()));
    json[ordered_json::json_pointer(test.pointer)] =
        ordered_json::parse(test.value);
    try {
      parseManifest(json.dump(), "m.json");
      ADD_FAILURE() << test.pointer << " = " << test.value;
    } catch (const Error &error) {
      EXPECT_THAT(error.what(), testing::StartsWith("m.json: "));
      EXPECT_THAT(error.what(), testing::HasSubstr(test.message));
    }
  }
}

TEST(Manifest, RefusesEveryTruncation) {
  std::string text = formatManifest(makeManifest());
  for (size_t size = 0; size + 2 < text.size(); ++size)
    EXPECT_THROW(parseManifest(text.substr(0, size), "m.json"), Error) << size;
  EXPECT_THROW(parseManifest("[]", "m.json"), Error);
}

} // namespace
} // namespace pfc::rt::test

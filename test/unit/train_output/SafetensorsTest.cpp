// Round trips, the exact bytes, and damaged headers.
#include "runtime/train/weights/Safetensors.h"
#include "runtime/base/Error.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <unistd.h>

using namespace pfc::rt;

namespace {

class SafetensorsTest : public testing::Test {
protected:
  SafetensorsTest()
      : folder(std::filesystem::temp_directory_path() /
               ("pfc-safetensors-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder);
  }
  ~SafetensorsTest() override { std::filesystem::remove_all(folder); }

  std::string path(const char *name = "model.safetensors") const {
    return (folder / name).string();
  }

  std::string slurp() const {
    std::ifstream file(path(), std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  void writeRaw(const std::string &json, const std::string &contents,
                int64_t claim = -1) {
    uint64_t length = claim < 0 ? json.size() : static_cast<uint64_t>(claim);
    std::ofstream file(path(), std::ios::binary);
    file.write(reinterpret_cast<const char *>(&length), sizeof(length));
    file << json << contents;
  }

  /// The message of opening a file of this header and these contents.
  std::string openError(const std::string &json, const std::string &contents,
                        int64_t claim = -1) {
    writeRaw(json, contents, claim);
    try {
      SafetensorsFile file(path());
    } catch (const Error &error) {
      return error.what();
    }
    return "no error";
  }

  std::filesystem::path folder;
};

template <typename T>
TensorView view(const char *name, TensorType type, std::vector<int64_t> shape,
                const std::vector<T> &values) {
  return {name, type, std::move(shape), std::as_bytes(std::span(values))};
}

#define EXPECT_CONTAINS(text, part)                                            \
  EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST_F(SafetensorsTest, RoundTrip) {
  std::vector<float> weight = {1, -2.5f, 3, 4, 5, 6};
  std::vector<uint16_t> half = {0x3f80, 0xc000, 0x7f80};
  std::vector<int64_t> batches = {int64_t{1} << 40};
  std::vector<float> none;
  std::vector<TensorView> tensors = {
      view("conv1.weight", TensorType::F32, {2, 3, 1, 1}, weight),
      view("half", TensorType::BF16, {3}, half),
      view("bn1.num_batches_tracked", TensorType::I64, {}, batches),
      view("empty", TensorType::F32, {0, 7}, none)};
  writeSafetensors(path(), tensors,
                   {{"format", "pt"}, {"note", "ä \"quoted\""}});

  SafetensorsFile file(path());
  EXPECT_EQ(file.metadata(),
            (TensorMetadata{{"format", "pt"}, {"note", "ä \"quoted\""}}));
  ASSERT_EQ(file.tensors().size(), 4u);
  EXPECT_EQ(file.find("absent"), nullptr);
  for (const TensorView &tensor : tensors) {
    const TensorEntry *entry = file.find(tensor.name);
    ASSERT_NE(entry, nullptr) << tensor.name;
    EXPECT_EQ(entry->type, tensor.type);
    EXPECT_EQ(entry->shape, tensor.shape);
    EXPECT_EQ(entry->offset % tensorTypeBytes(entry->type), 0u);
    std::vector<std::byte> contents(entry->bytes);
    file.read(*entry, contents);
    EXPECT_TRUE(std::equal(contents.begin(), contents.end(),
                           tensor.contents.begin(), tensor.contents.end()));
  }
  EXPECT_FALSE(std::filesystem::exists(path() + ".tmp"));
}

TEST_F(SafetensorsTest, WritesTheFormatsBytes) {
  std::vector<float> values = {1.0f};
  std::vector<TensorView> tensors = {view("w", TensorType::F32, {1}, values)};
  writeSafetensors(path(), tensors);
  std::string json =
      R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  json.resize((json.size() + 7) / 8 * 8, ' ');
  std::string expected(8, '\0');
  expected[0] = static_cast<char>(json.size());
  EXPECT_EQ(slurp(), expected + json + std::string("\0\0\x80\x3f", 4));
}

TEST_F(SafetensorsTest, RefusesToWriteNonsense) {
  std::vector<float> values = {1, 2};
  auto write = [&](std::vector<TensorView> tensors) {
    writeSafetensors(path(), tensors);
  };
  EXPECT_THROW(write({view("w", TensorType::F32, {3}, values)}), Error);
  EXPECT_THROW(write({view("w", TensorType::F32, {-1, -2}, values)}), Error);
  EXPECT_THROW(write({view("__metadata__", TensorType::F32, {2}, values)}),
               Error);
  EXPECT_THROW(write({view("w", TensorType::F32, {2}, values),
                      view("w", TensorType::F32, {2}, values)}),
               Error);
  EXPECT_FALSE(std::filesystem::exists(path()));
  EXPECT_THROW(writeSafetensors(path("absent/x.safetensors"), {}), Error);
}

TEST_F(SafetensorsTest, DamagedFilesAreErrors) {
  const std::string good =
      R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  const std::string eight(8, 'x');
  EXPECT_EQ(openError(good, eight), "no error");
  EXPECT_CONTAINS(openError(good, eight, INT64_MAX), "claims");
  EXPECT_CONTAINS(openError(good, eight, 1000), "claims 1000 bytes");
  EXPECT_CONTAINS(openError(good, eight, 10), "no JSON");
  EXPECT_CONTAINS(openError(good, "xxxx"), "outside the file's 4 bytes");
  EXPECT_CONTAINS(openError(good, eight + "y"), "belong to no tensor");
  EXPECT_CONTAINS(openError("[]", ""), "not a JSON object");
  EXPECT_EQ(openError("{}", ""), "no error");
  std::ofstream(path()) << "abc";
  EXPECT_THROW(SafetensorsFile{path()}, Error);
  EXPECT_THROW(SafetensorsFile{path("absent")}, Error);
}

TEST_F(SafetensorsTest, WrongDescriptionsAreErrors) {
  auto tensor = [&](const std::string &description) {
    return openError("{\"w\":" + description + "}", std::string(8, 'x'));
  };
  EXPECT_CONTAINS(tensor("3"), "description");
  EXPECT_CONTAINS(tensor(R"({"dtype":"F32","shape":[2]})"), "description");
  EXPECT_CONTAINS(tensor(R"({"dtype":"F16","shape":[4],"data_offsets":[0,8]})"),
                  "type F16 is not supported");
  EXPECT_CONTAINS(tensor(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"),
                  "needs 12 bytes, but has 8");
  EXPECT_CONTAINS(
      tensor(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"),
      "non-negative");
  EXPECT_CONTAINS(
      tensor(R"({"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})"),
      "non-negative");
  EXPECT_CONTAINS(tensor(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"),
                  "outside");
  EXPECT_CONTAINS(
      tensor(
          R"({"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]})"),
      "outside");
  EXPECT_CONTAINS(
      tensor(
          R"({"dtype":"F32","shape":[4611686018427387904,2],"data_offsets":[0,8]})"),
      "overflows");
  EXPECT_CONTAINS(tensor(R"({"dtype":"F32","shape":[1],"data_offsets":[4,8]})"),
                  "gap");
}

TEST_F(SafetensorsTest, OverlapsAndDuplicatesAreErrors) {
  const std::string one = R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  const std::string late =
      R"({"dtype":"F32","shape":[1],"data_offsets":[4,8]})";
  EXPECT_CONTAINS(
      openError("{\"a\":" + one + ",\"b\":" + late + "}", std::string(8, 'x')),
      "overlap");
  EXPECT_CONTAINS(
      openError("{\"a\":" + one + ",\"a\":" + one + "}", std::string(8, 'x')),
      "\"a\" twice");
  EXPECT_CONTAINS(openError(R"({"__metadata__":{"a":1}})", ""),
                  "__metadata__.a is not a string");
  EXPECT_CONTAINS(openError(R"({"__metadata__":[]})", ""), "not an object");
}

/// A failed write leaves the old file as it was.
TEST_F(SafetensorsTest, AnExistingFileSurvivesARefusedWrite) {
  std::vector<float> values = {1, 2};
  std::vector<TensorView> good = {view("w", TensorType::F32, {2}, values)};
  writeSafetensors(path(), good);
  std::string before = slurp();
  std::vector<TensorView> bad = {view("w", TensorType::F32, {5}, values)};
  EXPECT_THROW(writeSafetensors(path(), bad), Error);
  EXPECT_EQ(slurp(), before);
  values[0] = 7;
  writeSafetensors(path(), good);
  EXPECT_NE(slurp(), before);
}

} // namespace

// The InsightFace layout: index, identity headers, property, label file.
#include "runtime/data/RecordDataset.h"

#include "test/unit/data/TestFiles.h"

#include <cmath>
#include <cstring>

namespace pfc::rt::data {
namespace {

using Bytes = std::vector<uint8_t>;

/// The pixel that tells the marked images apart.
int mark(const Dataset &set, int64_t i) {
  Bytes pixels(24);
  set.decode(i, {4, 6, 1}, pixels);
  return pixels[1];
}

TEST(RecordDataset, ReadsWhatTheWriterWrote) {
  ScratchFolder folder;
  writeMarkedSet(folder.path(), 3, 5);
  auto set = openDataset(folder.path());
  ASSERT_EQ(set->size(), 15);
  EXPECT_EQ(set->classes(), 3);
  EXPECT_TRUE(set->damage().empty());
  for (int64_t i = 0; i < 15; ++i) {
    EXPECT_EQ(set->label(i), i / 5);
    EXPECT_EQ(mark(*set, i), i);
  }
  EXPECT_EQ(readBytes(folder / "property"), "3,4,6\n");
  EXPECT_FALSE(std::filesystem::exists(folder / "train.labels"));
}

TEST(RecordDataset, WritesInsightFaceHeaders) {
  ScratchFolder folder;
  writeMarkedSet(folder.path(), 2, 3);
  std::vector<RecordEntry> index = readIndex(folder / "train.idx");
  ASSERT_EQ(index.size(), 9u); // key 0, six images, two headers
  std::string lines = readBytes(folder / "train.idx");
  EXPECT_EQ(lines.substr(0, 4), "1\t0\n");
  EXPECT_NE(lines.find("\n8\t"), std::string::npos);
  EXPECT_EQ(lines.rfind("\n0\t"), lines.find("\n0\t")); // last, once

  RecordReader reader(folder / "train.rec");
  Bytes scratch;
  auto labels = [&](size_t entry) {
    auto payload =
        parsePayload(reader.read(index[entry].offset, scratch).bytes);
    EXPECT_EQ(payload.flag, 2u);
    EXPECT_TRUE(payload.image.empty());
    return std::pair(payload.label, payload.label1);
  };
  EXPECT_EQ(labels(0), std::pair(7.0f, 9.0f)); // headers are keys 7 and 8
  EXPECT_EQ(labels(7), std::pair(1.0f, 4.0f)); // images 1..3
  EXPECT_EQ(labels(8), std::pair(4.0f, 7.0f)); // images 4..6
}

TEST(RecordDataset, WorksWithoutAnIndex) {
  ScratchFolder folder;
  writeMarkedSet(folder.path(), 2, 3);
  std::filesystem::remove(folder / "train.idx");
  auto set = openDataset(folder / "train.rec");
  ASSERT_EQ(set->size(), 6);
  for (int64_t i = 0; i < 6; ++i) {
    EXPECT_EQ(mark(*set, i), i);
    EXPECT_EQ(set->label(i), i / 3);
  }
}

TEST(RecordDataset, AnIndexCutShortIsDamage) {
  ScratchFolder folder;
  writeMarkedSet(folder.path(), 2, 3);
  std::string lines = readBytes(folder / "train.idx");
  size_t third = lines.find("\n3\t") + 1;
  std::ofstream(folder / "train.idx") << lines.substr(0, third);
  auto set = openDataset(folder.path());
  EXPECT_EQ(set->size(), 2);
  ASSERT_EQ(set->damage().size(), 1u);
  EXPECT_NE(set->damage()[0].find("train.idx: the last record it has ends"),
            std::string::npos);
}

// Key 0 is the last line: without it the headers before it are no images.
TEST(RecordDataset, AnIndexWithoutKeyZeroEndsInHeaders) {
  ScratchFolder folder;
  writeMarkedSet(folder.path(), 2, 3);
  std::string lines = readBytes(folder / "train.idx");
  std::ofstream(folder / "train.idx")
      << lines.substr(0, lines.find("\n0\t") + 1);
  auto set = openDataset(folder.path());
  EXPECT_EQ(set->size(), 6);
  EXPECT_EQ(set->label(5), 1);
  EXPECT_EQ(set->damage().size(), 1u);
}

// A set that is there stays until the new one is whole.
TEST(RecordDataset, AnUnfinishedSetReplacesNothing) {
  ScratchFolder folder;
  writeMarkedSet(folder.path(), 2, 3);
  std::string before = readBytes(folder / "train.rec");
  {
    RecordSetWriter writer(folder.path());
    writer.add(0, markedPng(9));
  }
  EXPECT_EQ(readBytes(folder / "train.rec"), before);
  EXPECT_EQ(openDataset(folder.path())->size(), 6);
  EXPECT_FALSE(std::filesystem::exists(folder / "train.rec.tmp"));
  EXPECT_FALSE(std::filesystem::exists(folder / "train.idx.tmp"));
  writeMarkedSet(folder.path(), 1, 2);
  EXPECT_EQ(openDataset(folder.path())->size(), 2);
}

TEST(RecordDataset, ScanStepsOverDamage) {
  ScratchFolder folder;
  writeMarkedSet(folder.path(), 1, 4);
  uint64_t second = readIndex(folder / "train.idx")[2].offset;
  std::filesystem::remove(folder / "train.idx");
  std::string bytes = readBytes(folder / "train.rec");
  bytes[second] ^= 1; // the magic of image 1
  writeBytes(folder / "train.rec", bytes);
  auto set = openDataset(folder.path());
  ASSERT_EQ(set->size(), 3);
  EXPECT_EQ(mark(*set, 1), 2);
  ASSERT_EQ(set->damage().size(), 1u);
  EXPECT_EQ(set->damage()[0],
            fmt::format("{}: record at offset {}: no record here: found "
                        "0xced7230b instead of the magic 0xced7230a",
                        folder / "train.rec", second));
}

TEST(RecordDataset, AFileCutShortKeepsItsImages) {
  ScratchFolder folder;
  writeMarkedSet(folder.path(), 2, 3);
  uint64_t zero = readIndex(folder / "train.idx")[0].offset;
  std::filesystem::resize_file(folder / "train.rec", zero + 8);
  auto set = openDataset(folder.path());
  EXPECT_EQ(set->size(), 6); // no identity header among them
  ASSERT_EQ(set->damage().size(), 1u);
  EXPECT_EQ(set->damage()[0],
            fmt::format("{}: record at offset {}, key 0: truncated: 32 bytes "
                        "announced, 0 left in the file",
                        folder / "train.rec", zero));
}

TEST(RecordDataset, Im2recIndexStartsWithAnImage) {
  ScratchFolder folder;
  Bytes record;
  RecordWriter writer(folder / "train.rec");
  std::string index;
  for (int i = 0; i < 3; ++i) {
    formatImageRecord(record, 7.0f + i, i, markedPng(10 + i));
    index += fmt::format("{}\t{}\n", i, writer.write(record));
  }
  writer.close();
  writeBytes(folder / "train.idx", index);
  auto set = openDataset(folder.path());
  ASSERT_EQ(set->size(), 3);
  EXPECT_EQ(set->classes(), -1);
  EXPECT_EQ(set->label(0), 7);
  EXPECT_EQ(mark(*set, 2), 12);
}

TEST(RecordDataset, LabelArrayGivesItsFirstEntry) {
  Bytes image = markedPng(3), record(24);
  uint32_t flag = 2;
  float labels[] = {41, 99};
  std::memcpy(record.data(), &flag, 4);
  record.insert(record.end(), reinterpret_cast<uint8_t *>(labels),
                reinterpret_cast<uint8_t *>(labels + 2));
  record.insert(record.end(), image.begin(), image.end());
  RecordPayload payload = parsePayload(record);
  EXPECT_EQ(integerLabel(payload), 41);
  EXPECT_EQ(Bytes(payload.image.begin(), payload.image.end()), image);
}

TEST(RecordDataset, LabelsBeyondFloatComeFromTheSidecar) {
  ScratchFolder folder;
  int64_t big = (int64_t{1} << 24) + 1; // float32 rounds it to 2^24
  RecordSetWriter writer(folder.path());
  writer.add(5, markedPng(1));
  writer.add(big, markedPng(2));
  writer.add(big + 1, markedPng(3));
  writer.finish(4, 6);
  auto set = openDataset(folder.path());
  EXPECT_EQ(set->label(0), 5);
  EXPECT_EQ(set->label(1), big);
  EXPECT_EQ(set->label(2), big + 1);
  EXPECT_EQ(set->classes(), big + 2);
  std::string sidecar = readBytes(folder / "train.labels");
  EXPECT_EQ(sidecar.substr(0, 8), "PFCLABEL");
  EXPECT_EQ(sidecar.size(), 16u + 3 * 8);

  std::filesystem::remove(folder / "train.labels");
  set = openDataset(folder.path());
  EXPECT_EQ(set->label(0), 5);
  EXPECT_EQ(messageOf([&] { set->label(1); }),
            fmt::format("{}: its label 16777216 is beyond what RecordIO's "
                        "float32 holds exactly (2^24); put int64 labels into "
                        "the .labels file",
                        set->where(1)));
}

TEST(RecordDataset, SidecarMustFit) {
  ScratchFolder folder;
  writeMarkedSet(folder.path(), 1, 2);
  std::string labels = folder / "train.labels";
  auto error = [&] {
    std::string message = messageOf([&] { openDataset(folder.path()); });
    return message.substr(message.rfind(": ") + 2);
  };
  RecordLabels::write(labels, {1, 2, 3});
  EXPECT_EQ(error(), "holds 3 labels for 2 image records");
  RecordLabels::write(labels, {1, -2});
  EXPECT_EQ(messageOf([&] { openDataset(folder.path())->label(1); }),
            labels + ": label -2 of image 1 is negative");
  writeBytes(labels, std::string("NOLABELS12345678"));
  EXPECT_EQ(error(), "not a label file; it must start with PFCLABEL");
  std::string cut("PFCLABEL\2\0\0\0\0\0\0\0abc", 19);
  writeBytes(labels, cut);
  EXPECT_EQ(error(), "2 labels need 32 bytes, the file has 19");
}

TEST(RecordDataset, NamesFileOffsetAndKey) {
  ScratchFolder folder;
  writeMarkedSet(folder.path(), 1, 3);
  uint64_t offset = readIndex(folder / "train.idx")[2].offset; // key 2
  std::string bytes = readBytes(folder / "train.rec");
  std::string damaged = bytes;
  damaged[offset + 8 + 24 + 1] ^= 1; // the PNG's signature
  writeBytes(folder / "train.rec", damaged);
  auto set = openDataset(folder.path());
  EXPECT_EQ(
      messageOf([&] { mark(*set, 1); }).substr(0, 60 + folder.path().size()),
      fmt::format("{}: record at offset {}, key 2: its {} bytes are "
                  "neither a JPEG nor a PNG image",
                  folder / "train.rec", offset, markedPng(1).size())
          .substr(0, 60 + folder.path().size()));
  EXPECT_EQ(set->label(1), 0);
  EXPECT_EQ(mark(*set, 2), 2);

  damaged = bytes;
  damaged[offset] ^= 1;
  writeBytes(folder / "train.rec", damaged);
  set = openDataset(folder.path());
  EXPECT_EQ(messageOf([&] { set->label(1); }),
            fmt::format("{}: record at offset {}, key 2: no record here: found "
                        "0xced7230b instead of the magic 0xced7230a",
                        folder / "train.rec", offset));
}

TEST(RecordDataset, RefusesBadLabels) {
  for (auto [label, said] :
       {std::pair(-1.0f, "its label -1 isn't a whole "
                         "number >= 0"),
        {2.5f, "its label 2.5 isn't a whole number >= 0"},
        {NAN, "its label nan isn't a whole number >= 0"}}) {
    RecordPayload payload{0, label, 0, 0, 0, {}};
    EXPECT_EQ(messageOf([&] { integerLabel(payload); }), said);
  }
}

TEST(RecordDataset, RefusesBadCompanions) {
  ScratchFolder folder;
  writeMarkedSet(folder.path(), 1, 1);
  std::string index = folder / "train.idx";
  auto error = [&] { return messageOf([&] { openDataset(folder.path()); }); };
  writeBytes(index, std::string("1\t0\n2 17\n"));
  EXPECT_EQ(error(), index + ":2: not an index line; expected 'key<TAB>byte "
                             "offset'");
  writeBytes(index, std::string("1\t0\n1\t8\n"));
  EXPECT_EQ(error(), index + ": key 1 occurs twice");
  writeBytes(index, std::string());
  EXPECT_EQ(error(), index + ": the index is empty");
  writeBytes(folder / "property", std::string("hello\n"));
  EXPECT_EQ(error(), (folder / "property") +
                         ": expected 'identities,height,width', found 'hello'");
}

TEST(RecordDataset, RefusesWhatIsNoDataSet) {
  ScratchFolder folder;
  EXPECT_EQ(messageOf([] { openDataset("/nonexistent"); }),
            "/nonexistent: no such file or folder");
  writeBytes(folder / "a.txt", std::string("x"));
  EXPECT_EQ(
      messageOf([&] {
        openDataset(folder / "a.txt");
      }).substr(folder.path().size()),
      "/a.txt: not a data set; give a folder with a train.rec, a .rec "
      "file, or a folder with one sub-folder of images for each identity");
  writeBytes(folder / "train.rec", std::string());
  EXPECT_EQ(messageOf([&] { openDataset(folder.path()); }),
            (folder / "train.rec") + ": holds no image record");
}

} // namespace
} // namespace pfc::rt::data

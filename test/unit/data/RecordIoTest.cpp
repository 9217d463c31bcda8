// The RecordIO container: framing, continuation parts, damage.
#include "runtime/data/RecordIo.h"

#include "runtime/data/BadRecord.h"
#include "test/unit/data/TestFiles.h"

#include <cstring>
#include <random>

namespace pfc::rt::data {
namespace {

using Record = std::vector<uint8_t>;

Record bytesOf(std::initializer_list<uint32_t> words, int extra = 0) {
  Record record(words.size() * 4 + extra, 0x5a);
  std::memcpy(record.data(), std::data(words), words.size() * 4);
  return record;
}

std::vector<uint64_t> writeAll(const std::string &path,
                               const std::vector<Record> &records) {
  RecordWriter writer(path);
  std::vector<uint64_t> offsets;
  for (const Record &record : records)
    offsets.push_back(writer.write(record));
  writer.close();
  return offsets;
}

void expectRoundTrip(const std::vector<Record> &records) {
  ScratchFolder folder;
  std::vector<uint64_t> offsets = writeAll(folder / "a.rec", records);
  RecordReader reader(folder / "a.rec");
  Record scratch;
  for (size_t i = 0; i < records.size(); ++i) {
    RecordView view = reader.read(offsets[i], scratch);
    EXPECT_EQ(Record(view.bytes.begin(), view.bytes.end()), records[i]) << i;
    EXPECT_EQ(view.next,
              i + 1 < records.size() ? offsets[i + 1] : reader.size());
  }
}

TEST(RecordIo, RoundTripsEveryLengthModuloFour) {
  std::mt19937 random(7);
  std::vector<Record> records;
  for (size_t size = 0; size < 40; ++size) {
    Record record(size);
    for (uint8_t &byte : record)
      byte = static_cast<uint8_t>(random());
    records.push_back(record);
  }
  expectRoundTrip(records);
}

TEST(RecordIo, RoundTripsEmbeddedMagic) {
  uint32_t m = recordMagic;
  expectRoundTrip({bytesOf({m}), bytesOf({m, m}), bytesOf({1, m, 2}),
                   bytesOf({m, 1, m, m, 2}, 3), bytesOf({1, 2, m}),
                   bytesOf({1, m}, 1), bytesOf({7})});
}

TEST(RecordIo, WritesTheFieldsBytes) {
  ScratchFolder folder;
  writeAll(folder / "a.rec", {bytesOf({1}, 1), bytesOf({1, recordMagic, 2})});
  Record expected = bytesOf({recordMagic, 5, 1, 0x5a,        // whole
                             recordMagic, 1u << 29 | 4, 1,   // start
                             recordMagic, 3u << 29 | 4, 2}); // end
  std::string written = readBytes(folder / "a.rec");
  EXPECT_EQ(Record(written.begin(), written.end()), expected);
}

TEST(RecordIo, UnalignedMagicStaysWhole) {
  Record record = bytesOf({0, 0, 0});
  std::memcpy(&record[2], &recordMagic, 4);
  ScratchFolder folder;
  writeAll(folder / "a.rec", {record});
  EXPECT_EQ(std::filesystem::file_size(folder / "a.rec"), 8u + 12u);
  expectRoundTrip({record});
}

std::string readError(const Record &file, uint64_t offset) {
  ScratchFolder folder;
  writeBytes(folder / "a.rec", file);
  RecordReader reader(folder / "a.rec");
  Record scratch;
  return messageOf([&] { reader.read(offset, scratch); });
}

TEST(RecordIo, NamesDamage) {
  uint32_t m = recordMagic;
  EXPECT_EQ(readError(bytesOf({m, 100, 1}), 0),
            "truncated: 100 bytes announced, 4 left in the file");
  EXPECT_EQ(readError(bytesOf({m}), 0),
            "truncated: the file ends inside the record's header");
  EXPECT_EQ(readError(bytesOf({0x01020304, 4, 1}), 0),
            "no record here: found 0x01020304 instead of the magic 0xced7230a");
  EXPECT_EQ(readError(bytesOf({m, 0}), 2), "the offset isn't a multiple of 4");
  EXPECT_EQ(readError(bytesOf({m, 0}), 8),
            "the offset lies past the end of the file (8 bytes)");
  EXPECT_EQ(readError(bytesOf({m, 3u << 29 | 4, 1}), 0),
            "starts with a continuation part (cflag 3)");
  EXPECT_EQ(readError(bytesOf({m, 1u << 29 | 4, 1}), 0),
            "truncated: the file ends before the record's last part");
  EXPECT_EQ(readError(bytesOf({m, 1u << 29 | 4, 1, m, 4, 2}), 0),
            "the part at offset 12 has cflag 0 where 2 or 3 must follow");
}

TEST(RecordIo, ResyncFindsTheNextRecord) {
  ScratchFolder folder;
  uint32_t m = recordMagic;
  // Garbage, a magic whose length doesn't fit, an end part, then a record.
  writeBytes(folder / "a.rec", bytesOf({5, m, 1000, m, 3u << 29, m, 4, 9}));
  RecordReader reader(folder / "a.rec");
  EXPECT_EQ(reader.resync(0), 20u);
  EXPECT_EQ(reader.resync(21), reader.size());
}

TEST(RecordIo, SaysWhatCannotBeOpened) {
  EXPECT_EQ(messageOf([] { RecordReader reader("/nonexistent/a.rec"); }),
            "/nonexistent/a.rec: No such file or directory");
  EXPECT_EQ(messageOf([] { RecordWriter writer("/nonexistent/a.rec"); }),
            "/nonexistent/a.rec: cannot write: No such file or directory");
}

} // namespace
} // namespace pfc::rt::data

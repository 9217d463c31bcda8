#include "runtime/data/RecordIo.h"

#include "runtime/data/BadRecord.h"

#include <cerrno>
#include <cstring>

namespace pfc::rt::data {

namespace {

constexpr uint64_t partHeaderBytes = 8;

uint32_t load32(const uint8_t *bytes) {
  uint32_t value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

uint64_t paddedLength(uint32_t length) {
  return (uint64_t{length} + 3) & ~3ull;
}

} // namespace

RecordReader::Part RecordReader::part(uint64_t offset) const {
  std::span<const uint8_t> bytes = file.bytes();
  if (offset % 4 != 0)
    failRecord("the offset isn't a multiple of 4");
  if (offset >= bytes.size())
    failRecord("the offset lies past the end of the file ({} bytes)",
               bytes.size());
  if (bytes.size() - offset < partHeaderBytes)
    failRecord("truncated: the file ends inside the record's header");
  uint32_t magic = load32(&bytes[offset]);
  if (magic != recordMagic)
    failRecord("no record here: found {:#010x} instead of the magic {:#010x}",
               magic, recordMagic);
  uint32_t lrec = load32(&bytes[offset + 4]);
  uint32_t length = lrec & maxRecordBytes;
  uint64_t begin = offset + partHeaderBytes;
  if (length > bytes.size() - begin)
    failRecord("truncated: {} bytes announced, {} left in the file", length,
               bytes.size() - begin);
  return {lrec >> 29, bytes.subspan(begin, length),
          begin + paddedLength(length)};
}

RecordView RecordReader::read(uint64_t offset,
                              std::vector<uint8_t> &scratch) const {
  Part current = part(offset);
  if (current.flag == 0)
    return {current.bytes, current.next};
  if (current.flag != 1)
    failRecord("starts with a continuation part (cflag {})", current.flag);
  scratch.assign(current.bytes.begin(), current.bytes.end());
  const auto *magic = reinterpret_cast<const uint8_t *>(&recordMagic);
  while (current.flag != 3) {
    uint64_t where = current.next;
    if (where >= size())
      failRecord("truncated: the file ends before the record's last part");
    current = part(where);
    if (current.flag != 2 && current.flag != 3)
      failRecord("the part at offset {} has cflag {} where 2 or 3 must follow",
                 where, current.flag);
    if (scratch.size() + 4 + current.bytes.size() > maxRecordBytes)
      failRecord("its parts add up to more than {} bytes", maxRecordBytes);
    scratch.insert(scratch.end(), magic, magic + 4);
    scratch.insert(scratch.end(), current.bytes.begin(), current.bytes.end());
  }
  return {scratch, current.next};
}

uint64_t RecordReader::resync(uint64_t offset) const {
  std::span<const uint8_t> bytes = file.bytes();
  for (offset = (offset + 3) & ~3ull; offset + partHeaderBytes <= bytes.size();
       offset += 4) {
    if (load32(&bytes[offset]) != recordMagic)
      continue;
    uint32_t lrec = load32(&bytes[offset + 4]);
    uint64_t end = offset + partHeaderBytes + (lrec & maxRecordBytes);
    if ((lrec >> 29) <= 1 && end <= bytes.size())
      return offset;
  }
  return bytes.size();
}

RecordWriter::RecordWriter(const std::string &path)
    : path(path), file(std::fopen(path.c_str(), "wb")) {
  require(file != nullptr, "{}: cannot write: {}", path, std::strerror(errno));
  std::setvbuf(file.get(), nullptr, _IOFBF, 1 << 20);
}

void RecordWriter::put(const void *bytes, size_t size) {
  if (size > 0 && std::fwrite(bytes, 1, size, file.get()) != size)
    fail("{}: write failed at offset {}: {}", path, offset,
         std::strerror(errno));
  offset += size;
}

void RecordWriter::putPart(uint32_t flag, std::span<const uint8_t> bytes) {
  auto length = static_cast<uint32_t>(bytes.size());
  uint32_t header[2] = {recordMagic, flag << 29 | length};
  put(header, sizeof header);
  put(bytes.data(), bytes.size());
  const uint32_t zero = 0;
  put(&zero, paddedLength(length) - length);
}

uint64_t RecordWriter::write(std::span<const uint8_t> record) {
  require(record.size() <= maxRecordBytes,
          "{}: a record of {} bytes is larger than RecordIO's limit of {}",
          path, record.size(), maxRecordBytes);
  uint64_t start = offset;
  size_t begin = 0;
  bool split = false;
  for (size_t i = 0; i + 4 <= record.size(); i += 4) {
    if (load32(&record[i]) != recordMagic)
      continue;
    putPart(split ? 2 : 1, record.subspan(begin, i - begin));
    split = true;
    begin = i + 4;
  }
  putPart(split ? 3 : 0, record.subspan(begin));
  return start;
}

void RecordWriter::close() {
  if (!file)
    return;
  bool flushed = std::fflush(file.get()) == 0;
  int reason = errno;
  bool closed = std::fclose(file.release()) == 0;
  require(flushed && closed, "{}: write failed: {}", path,
          std::strerror(flushed ? errno : reason));
}

} // namespace pfc::rt::data

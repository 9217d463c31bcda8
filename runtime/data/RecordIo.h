//===- RecordIo.h - The RecordIO container ----------------------*- C++ -*-===//
//
// A little-endian stream of parts, each 4-aligned (dmlc-core's recordio):
//
//   u32 magic = 0xced7230a
//   u32 lrec   bits 31..29: cflag, bits 28..0: length in bytes
//   length bytes, zero-padded to a multiple of 4
//
// cflag 0 is a whole record. A record whose bytes contain the magic at a
// 4-aligned position is cut there into parts 1 (start), 2 (middle), 3 (end);
// the magic itself isn't stored, and the reader puts it back between parts.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DATA_RECORDIO_H
#define PFC_RUNTIME_DATA_RECORDIO_H

#include "runtime/data/MappedFile.h"

#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace pfc::rt::data {

inline constexpr uint32_t recordMagic = 0xced7230au;
inline constexpr uint32_t maxRecordBytes = (1u << 29) - 1;

/// One record's bytes and where the next record starts.
struct RecordView {
  std::span<const uint8_t> bytes;
  uint64_t next;
};

/// Reads records of a memory-mapped file at known offsets. Thread-safe.
class RecordReader {
public:
  explicit RecordReader(const std::string &path) : file(path) {}

  /// The record at byte `offset`. The bytes point into the mapping, or into
  /// `scratch` when the record had to be put together from parts. Throws
  /// BadRecord with the bare reason.
  RecordView read(uint64_t offset, std::vector<uint8_t> &scratch) const;

  /// The first offset >= `offset` at which a record seems to start (aligned
  /// magic, cflag 0 or 1, a length that fits); size() when there is none.
  uint64_t resync(uint64_t offset) const;

  /// Throws an Error when what was read was not the file's (MappedFile.h).
  void checkIntact() const { file.checkIntact(); }

  uint64_t size() const { return file.bytes().size(); }
  const std::string &path() const { return file.path(); }

private:
  struct Part {
    uint32_t flag;
    std::span<const uint8_t> bytes;
    uint64_t next;
  };
  Part part(uint64_t offset) const;

  MappedFile file;
};

/// Writes records one after another.
class RecordWriter {
public:
  explicit RecordWriter(const std::string &path);

  /// Appends one record and returns its byte offset.
  uint64_t write(std::span<const uint8_t> record);

  /// Flushes and closes; throws when the disk did not take everything.
  void close();

private:
  void put(const void *bytes, size_t size);
  void putPart(uint32_t flag, std::span<const uint8_t> bytes);

  struct Closer {
    void operator()(std::FILE *file) const { std::fclose(file); }
  };
  std::string path;
  std::unique_ptr<std::FILE, Closer> file;
  uint64_t offset = 0;
};

} // namespace pfc::rt::data

#endif // PFC_RUNTIME_DATA_RECORDIO_H

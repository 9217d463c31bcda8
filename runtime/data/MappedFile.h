//===- MappedFile.h - A file as read-only memory ----------------*- C++ -*-===//
#ifndef PFC_RUNTIME_DATA_MAPPEDFILE_H
#define PFC_RUNTIME_DATA_MAPPEDFILE_H

#include <cstdint>
#include <span>
#include <string>

namespace pfc::rt::data {

/// A read-only mapping, shared by all ranks of a machine through the page
/// cache. Move-only; the bytes live as long as the object.
///
/// A file that is cut short while it is mapped raises SIGBUS where it is read.
/// That becomes zeros, and checkIntact() throws.
class MappedFile {
public:
  /// Maps `path`; throws an Error that names it when it can't be read.
  explicit MappedFile(const std::string &path);
  ~MappedFile();
  MappedFile(MappedFile &&other) noexcept;
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;
  MappedFile &operator=(MappedFile &&) = delete;

  const std::string &path() const { return name; }
  std::span<const uint8_t> bytes() const { return {data, size}; }

  /// Throws an Error when bytes that were read so far were not the file's.
  void checkIntact() const;

  struct Guard; ///< what SIGBUS looks for

private:
  std::string name;
  const uint8_t *data = nullptr;
  size_t size = 0;
  Guard *guard = nullptr; ///< null: there are too many files to guard this one
};

/// Reads a whole small file into memory; throws an Error that names it.
std::string readTextFile(const std::string &path);

} // namespace pfc::rt::data

#endif // PFC_RUNTIME_DATA_MAPPEDFILE_H

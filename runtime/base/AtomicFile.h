//===- AtomicFile.h - A file that is whole or absent ------------*- C++ -*-===//
#ifndef PFC_RUNTIME_BASE_ATOMICFILE_H
#define PFC_RUNTIME_BASE_ATOMICFILE_H

#include <cstddef>
#include <string>

namespace pfc::rt {

/// Writes `<path>.tmp`, and on commit flushes it to the disk and renames it,
/// so that a crash at any moment leaves the old file or the new one, never a
/// part. Throws an Error when the disk is full or the folder is missing.
class AtomicFile {
public:
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile &) = delete;
  AtomicFile &operator=(const AtomicFile &) = delete;

  void write(const void *data, size_t size);
  void commit();

private:
  [[noreturn]] void systemError(const char *what);

  std::string path, temporary;
  int descriptor = -1;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_BASE_ATOMICFILE_H

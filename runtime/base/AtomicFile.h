//===- AtomicFile.h - A file that is whole or absent ------------*- C++ -*-===//
#ifndef PFC_RUNTIME_BASE_ATOMICFILE_H
#define PFC_RUNTIME_BASE_ATOMICFILE_H

#include "runtime/base/Sha256.h"

#include <cstddef>
#include <string>

namespace pfc::rt {

/// Writes `<path>.tmp`, and on commit flushes it to the disk and renames it,
/// so that a crash at any moment leaves the old file or the new one, never a
/// part. Throws an Error when the disk is full or the folder is missing, and at
/// once where `path` is a folder. Long runs of zeros become holes, which take
/// no space.
///
/// Of a symbolic link the file that it leads to is replaced. A device, a pipe
/// and standard output (/dev/stdout) are no files to replace: they are written
/// to as they are.
class AtomicFile {
public:
  /// `digest`, where given, gets every byte that is written.
  explicit AtomicFile(std::string path, Sha256 *digest = nullptr);
  ~AtomicFile();
  AtomicFile(const AtomicFile &) = delete;
  AtomicFile &operator=(const AtomicFile &) = delete;

  void write(const void *data, size_t size);
  void commit();

private:
  [[noreturn]] void systemError(const char *what);
  void open(int flags);
  void openDirect();
  void writeBytes(const char *bytes, size_t size);
  void leaveHole();

  std::string path;    ///< no link
  std::string written; ///< a temporary name; of no file, `path`
  Sha256 *digest;
  bool direct = false; ///< written to as it is
  int descriptor = -1;
  size_t hole = 0; ///< zeros behind what is written
};

/// Flushes a folder's entries to the disk: what was created or renamed in it
/// survives a power failure. Some file systems can't; their files are whole all
/// the same.
void flushFolder(const std::string &folder);

} // namespace pfc::rt

#endif // PFC_RUNTIME_BASE_ATOMICFILE_H

//===- FolderLock.h - One run at a time in a folder -------------*- C++ -*-===//
#ifndef PFC_RUNTIME_TRAIN_FOLDERLOCK_H
#define PFC_RUNTIME_TRAIN_FOLDERLOCK_H

#include <string>

namespace pfc::rt {

/// Of rank 0's: two runs that write into one --out would leave checkpoints of
/// both. The lock is on OUT/.running, which goes with it, and ends with the
/// process, however that ends. Where the file system has no locks, or the
/// folder can't be written, there is none.
class FolderLock {
public:
  explicit FolderLock(std::string folder);
  ~FolderLock();
  FolderLock(const FolderLock &) = delete;
  FolderLock &operator=(const FolderLock &) = delete;

  /// Where the folder is there, and the lock isn't held yet. Throws when
  /// another process holds it, and goes on doing so for some seconds: ranks
  /// that were killed may take that long to end.
  void take();

private:
  /// False while another process has it.
  bool tryOnce();

  std::string path;
  int descriptor = -1;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_FOLDERLOCK_H

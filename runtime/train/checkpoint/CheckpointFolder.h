//===- CheckpointFolder.h - The checkpoints of a run ------------*- C++ -*-===//
//
//   OUT/checkpoints/step-000000200/           whole: it got this name last
//   OUT/checkpoints/step-000000300.partial/   being written, or left by a crash
//   OUT/checkpoints/step-000000100.old/       being removed
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_CHECKPOINT_CHECKPOINTFOLDER_H
#define PFC_RUNTIME_TRAIN_CHECKPOINT_CHECKPOINTFOLDER_H

#include <cstdint>
#include <string>
#include <vector>

namespace pfc::rt {

class CheckpointFolder {
public:
  explicit CheckpointFolder(const std::string &outDir)
      : path(outDir + "/checkpoints") {}

  struct Entry {
    int64_t step;
    std::string path;
  };

  /// The whole ones, by rising step.
  std::vector<Entry> list() const;

  std::string whole(int64_t step) const;
  std::string partial(int64_t step) const;

  /// Makes partial(step), unless another rank has.
  void begin(int64_t step) const;
  /// Gives partial(step), whose files are on the disk, its name.
  void publish(int64_t step) const;
  /// Removes what was written of it.
  void abandon(int64_t step) const;

  /// Removes the oldest, so that `keep` stay.
  void removeOld(int64_t keep) const;
  /// Removes what a crash left half written and half removed.
  void removeRemains() const;

private:
  std::string path;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_CHECKPOINT_CHECKPOINTFOLDER_H

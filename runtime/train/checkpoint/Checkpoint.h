//===- Checkpoint.h - A whole checkpoint, read ------------------*- C++ -*-===//
//
// A checkpoint is a model folder (ModelFolder.h) with the optimizer's state in
// its weights files, the metrics so far, and a manifest:
//   train.plan  backbone.safetensors  class_centers-RRRRR-of-WWWWW.safetensors
//   metrics.jsonl  manifest.json
// It can be loaded on any number of ranks: a rank reads the rows it holds from
// the shards that have them.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_CHECKPOINT_CHECKPOINT_H
#define PFC_RUNTIME_TRAIN_CHECKPOINT_CHECKPOINT_H

#include "runtime/exec/Executor.h"
#include "runtime/train/Snapshot.h"
#include "runtime/train/checkpoint/ClassCenterFiles.h"
#include "runtime/train/checkpoint/Manifest.h"

#include <set>
#include <string>

namespace pfc::rt {

class Checkpoint {
public:
  /// Reads the manifest. Throws an Error when there is none.
  explicit Checkpoint(std::string path);

  const std::string &path() const { return folder; }
  const Manifest &manifest() const { return contents; }
  std::string metrics() const;

  /// Checks every file's size and digest; throws at the first that is wrong.
  void verify();

  /// Checks one file, once.
  void check(const ManifestFile &file);

  /// Writes the state of `rank` into `executor`, after checking the files it
  /// is read from.
  void load(const plan::fb::Variant &variant, int rank, Executor &executor);

  /// Called now and then while files are read.
  void onProgress(std::function<void()> function) {
    progress = std::move(function);
  }

  /// Its shards, each checked before it is read. Refers to this checkpoint.
  ClassCenterFiles classCenters();

  /// The backbone's file, checked.
  std::string backbone();

private:
  std::string file(const std::string &name) const {
    return folder + "/" + name;
  }
  std::string advice() const;
  bool startsAnew(const plan::fb::Variable &variable,
                  const TensorFile &file) const;
  void checkOptimizer(const plan::fb::Variant &variant,
                      const TensorFile &file) const;
  void loadRows(ClassCenterFiles &centers, const plan::fb::Variable &variable,
                const ClassRange &range, Executor &executor);

  std::string folder;
  Manifest contents;
  std::set<std::string> checked; ///< names of files that are as written
  std::function<void()> progress = [] {};
};

/// The digest of a file's bytes, and how many there are. `progress` is called
/// for each MiB.
ManifestFile describeFile(
    const std::string &folder, const std::string &name,
    const std::function<void()> &progress = [] {});

/// Copies the first `bytes` of a file, flushed; what a manifest says of it.
ManifestFile copyFile(const std::string &from, uint64_t bytes,
                      const std::string &to);

/// The checkpoint's folder that `--resume=where` means: `where` itself, or the
/// last checkpoint of the run whose --out it was; empty when it has none.
std::string findCheckpoint(const std::string &where);

/// Whether `folder` is a checkpoint's.
bool isCheckpoint(const std::string &folder);

/// Where the weights are that a folder stands for: in a checkpoint, in what a
/// run left at its end, or, where it has not ended, in its last checkpoint.
std::string folderOfWeights(const std::string &where);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_CHECKPOINT_CHECKPOINT_H

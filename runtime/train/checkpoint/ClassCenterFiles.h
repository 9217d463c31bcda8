//===- ClassCenterFiles.h - Class centers, whichever file -------*- C++ -*-===//
//
// Class centers lie in one weights file a rank of the job that wrote them.
// Here they are rows by global class again, for a job of any number of ranks
// and of other classes.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_CHECKPOINT_CLASSCENTERFILES_H
#define PFC_RUNTIME_TRAIN_CHECKPOINT_CLASSCENTERFILES_H

#include "runtime/train/StateDict.h"
#include "runtime/train/checkpoint/ClassMap.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace pfc::rt {

class ClassCenterFiles {
public:
  struct File {
    std::string path;
    int64_t firstClass = 0, classes = 0;
    std::unique_ptr<SafetensorsFile> open = {};
  };

  /// `files` follow each other from class 0 on. `beforeOpening`, where given,
  /// is called with the number of a file that is needed.
  explicit ClassCenterFiles(std::vector<File> files,
                            std::function<void(size_t)> beforeOpening = {});

  /// The class_centers-* files of a model folder. Throws unless they are one
  /// job's and complete.
  static ClassCenterFiles inFolder(const std::string &folder);

  int64_t classes() const;

  /// Rows [first, first + count) of a sharded variable.
  void read(const plan::fb::Variable &variable, int64_t first, int64_t count,
            std::span<std::byte> rows);

  /// Rows of the new classes [first, first + count), but those of classes that
  /// are new: they stay as they are.
  void read(const plan::fb::Variable &variable, const ClassMap &map,
            int64_t first, int64_t count, std::span<std::byte> rows);

private:
  void readFrom(File &file, const plan::fb::Variable &variable, int64_t first,
                int64_t count, std::span<std::byte> rows);

  std::vector<File> files;
  std::function<void(size_t)> beforeOpening;
};

/// Bytes of one row of a sharded variable.
uint64_t rowBytes(const plan::fb::Variable &variable);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_CHECKPOINT_CLASSCENTERFILES_H

//===- Rewrite.h - Checkpoints in other files -------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_TRAIN_CHECKPOINT_REWRITE_H
#define PFC_RUNTIME_TRAIN_CHECKPOINT_REWRITE_H

#include <string>

namespace pfc::rt {

/// Writes the class centers of `folder`, a checkpoint or what a run left, into
/// one weights file of all classes.
void mergeClassCenters(const std::string &folder, const std::string &file);

struct ConvertOptions {
  std::string classMap; ///< empty: the classes stay
  int shards = 1;       ///< files of class centers to write
};

/// Makes the checkpoint `target` of the checkpoint `source`: all state, with
/// other classes or in other files. New classes start as a run of its seed
/// would start them.
void convertCheckpoint(const std::string &source, const std::string &target,
                       const ConvertOptions &options);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_CHECKPOINT_REWRITE_H

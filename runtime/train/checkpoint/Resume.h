//===- Resume.h - From where a run goes on ----------------------*- C++ -*-===//
#ifndef PFC_RUNTIME_TRAIN_CHECKPOINT_RESUME_H
#define PFC_RUNTIME_TRAIN_CHECKPOINT_RESUME_H

#include "runtime/train/Job.h"
#include "runtime/train/checkpoint/Checkpoint.h"

#include <optional>
#include <string>
#include <vector>

namespace pfc::rt {

/// The checkpoint that `--resume[=DIR]` means (`resume`: DIR, empty without),
/// the same on every rank; nothing for a start from scratch. Throws where going
/// on would lose or mix up what `outDir` has. Collective.
std::optional<Checkpoint>
chooseCheckpoint(Communicator &communicator, const std::string &outDir,
                 const std::optional<std::string> &resume);

/// Whether the checkpoint `path` is one of `outDir`'s own.
bool isOf(const std::string &path, const std::string &outDir);

/// Throws where one of a checkpoint's data and a run's is synthetic: real
/// training would be spoilt, or taken for what it is not.
void checkSameData(const Checkpoint &checkpoint, bool synthetic);

/// What the manifests of this run say, but for step and files.
Manifest describeRun(const Job &job, int64_t totalSteps, int64_t images);

/// What makes `run`, which executes `plan`, differ from an undisturbed one, for
/// people: some lines at most.
std::vector<std::string> resumeNotes(const Checkpoint &checkpoint,
                                     const Manifest &run,
                                     const plan::fb::Plan &plan);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_CHECKPOINT_RESUME_H

//===- Checkpointer.h - Writes a run's checkpoints --------------*- C++ -*-===//
//
// A checkpoint is a copy of the state (start: as long as copying memory takes)
// that each rank's thread writes while training goes on. Class centers in host
// memory have no room for a copy: with them, steps wait until they are written.
//
//   writing     every rank its files, flushed, into step-N.partial
//   publishing  rank 0 the manifest, flushed; then the folder is renamed, and
//               only then the oldest one removed
//
// Ranks agree on each transition in poll(), once a step, so no thread but the
// training's ever talks to another rank. A crash at any instant leaves the
// checkpoints before it whole. When a step for a checkpoint comes while the
// last one is still on its way, the checkpoint follows as soon as that is done.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_CHECKPOINT_CHECKPOINTER_H
#define PFC_RUNTIME_TRAIN_CHECKPOINT_CHECKPOINTER_H

#include "runtime/train/Job.h"
#include "runtime/train/ModelFolder.h"
#include "runtime/train/Snapshot.h"
#include "runtime/train/checkpoint/CheckpointFolder.h"
#include "runtime/train/checkpoint/Manifest.h"
#include "runtime/train/checkpoint/StopSignal.h"

#include <chrono>
#include <functional>
#include <future>
#include <string>
#include <vector>

namespace pfc::rt {

struct CheckpointOptions {
  int64_t every = 0; ///< steps; 0: only when a signal ends the run
  int64_t keep = 3;  ///< how many stay
};

class Checkpointer {
public:
  /// `run` is what the manifests say but for step and files; `lastStep` that of
  /// the checkpoint that training goes on from; `say` prints on rank 0.
  Checkpointer(Job &job, const ModelFolder &out, CheckpointOptions options,
               Manifest run, int64_t lastStep,
               std::function<void(const std::string &)> say);

  /// After each step, with how many are done. Collective.
  void poll(int64_t steps);

  /// What the ranks agreed on in the last poll(): end the run, start() now.
  bool stopped() const { return stopAgreed; }
  bool due() const { return wanted && stage == Stage::Idle; }

  /// All ranks' bad records, for the checkpoints to come.
  void setBadRecords(std::vector<int64_t> records) {
    badRecords = std::move(records);
  }

  /// Copies the state after `steps` and starts writing it. Collective.
  void start(int64_t steps) { begin(steps, /*copy=*/true); }

  /// Waits until the checkpoint on its way, if any, is whole. Collective.
  void wait();

  /// Writes the state as it is, on this thread and without a copy, unless that
  /// checkpoint is there. False when it could not be written. Collective.
  bool write(int64_t steps);

  /// Of the last that is whole, or that training went on from; -1: none.
  int64_t lastStep() const { return wholeStep; }

  /// Of a checkpoint after `steps`.
  std::string path(int64_t steps) const { return folder.whole(steps); }

private:
  enum class Stage { Idle, Writing, Publishing };

  /// What a rank's thread tells of its work. It crosses ranks as bytes.
  struct Report {
    uint64_t shardBytes;
    char shardSha256[64];
    char error[440]; ///< empty: none
  };

  struct Outcome {
    uint64_t bytes = 0;  ///< of all files; 0: it is not whole
    std::string problem; ///< empty: none
  };

  bool busy() const;
  void begin(int64_t steps, bool copy);
  void advance();
  void publish();
  void conclude();
  Report writeFiles();
  void writeShard(Report &report);
  void writeRootFiles();
  std::vector<Report> gatherReports(const Report &own);
  void requireHere(size_t rank, uint64_t bytes) const;
  Outcome finish(const std::vector<Report> &reports);
  Manifest makeManifest(const std::vector<Report> &reports) const;

  Job &job;
  const ModelFolder &out;
  CheckpointFolder folder;
  CheckpointOptions options;
  Manifest run; // of the checkpoint being written
  std::function<void(const std::string &)> say;
  StopSignal stop;
  Snapshot snapshot;
  Stage stage = Stage::Idle;
  bool stopAgreed = false, wanted = false;
  std::atomic<bool> waitedFor = false; ///< the training thread waits
  int64_t step = -1;                   ///< of the snapshot
  int64_t wholeStep = -1;              ///< of the last checkpoint that is whole
  std::chrono::duration<double> waited{}; ///< by the steps, for the snapshot
  uint64_t metricsBytes = 0;
  std::vector<int64_t> badRecords;
  std::vector<ManifestFile> rootFiles; ///< rank 0's, but its shard
  // Last: their threads use the others, and are waited for first.
  std::future<Report> writing;
  std::future<Outcome> publishing; ///< rank 0's
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_CHECKPOINT_CHECKPOINTER_H

//===- Snapshot.h - This rank's state at one step, on the host --*- C++ -*-===//
//
//   StateFiles   the files that a rank writes its state to:
//     backbone file       replicated variables in the state dict's layout;
//                         rank 0
//     class-center file   this rank's rows of the sharded ones; metadata:
//                         first_class, classes (in the file), total_classes
//   Both say in their metadata after how many `steps` it is.
//   Snapshot     a copy that is written while training goes on
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_SNAPSHOT_H
#define PFC_RUNTIME_TRAIN_SNAPSHOT_H

#include "runtime/base/Sha256.h"
#include "runtime/exec/Executor.h"
#include "runtime/train/weights/Safetensors.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace pfc::rt {

/// The rows of the class centers that a rank holds.
struct ClassRange {
  int64_t first = 0, count = 0, total = 0;
};

/// Nothing when the variant shards no variable; throws when two are sharded
/// differently.
std::optional<ClassRange> classRange(const plan::fb::Variant &variant,
                                     int rank);

enum class StateScope {
  Network, ///< what the field's state dicts have
  All,     ///< and the optimizer's state
};

/// Gives the sink the contents of a variable, in order.
using StateReader =
    std::function<void(const plan::fb::Variable &, const TensorSink &)>;

/// As the executor has them now, without a copy.
StateReader readerOf(const Executor &executor);

class StateFiles {
public:
  /// Of what `rank` has to write.
  StateFiles(const plan::fb::Variant &variant, StateScope scope, int rank);

  const std::vector<const plan::fb::Variable *> &variables() const {
    return held;
  }
  bool hasClassCenters() const;

  /// A tensor in another layout than the state dict's is in memory as a whole
  /// while it is written, the others in pieces.
  void writeBackbone(const std::string &path, const StateReader &reader,
                     int64_t steps, Sha256 *digest = nullptr) const;
  void writeClassCenters(const std::string &path, const StateReader &reader,
                         int64_t steps, Sha256 *digest = nullptr) const;

private:
  std::vector<const plan::fb::Variable *> held;
  std::optional<ClassRange> range;
};

/// Of a file with these class centers; negative `steps`: not known.
TensorMetadata shardMetadata(int64_t steps, const ClassRange &range);

/// The first of the state with a NaN or an infinity; empty when all is finite.
std::string firstNotFinite(const StateFiles &files, const StateReader &reader);

/// A copy of the state, but for what is in host memory: that is read where it
/// is, and must stay as it is until it is written. Or no copy at all.
class Snapshot {
public:
  /// Of what `rank` has to write.
  Snapshot(const plan::fb::Variant &variant, StateScope scope, int rank);

  /// Takes the memory that copies need, and touches it: the first copy is as
  /// quick as the others.
  void reserve();
  /// Copies the state as it is now. Memory is kept from one copy to the next.
  void take(const Executor &executor, int64_t steps);
  /// What is written is the state as it is then, on this thread. Gives the
  /// memory of copies back.
  void refer(const Executor &executor, int64_t steps);

  /// Called after each piece that was read, by who reads.
  void onProgress(std::function<void()> function) {
    progress = std::move(function);
  }

  /// Bytes of host memory a copy takes.
  uint64_t bytes() const;

  bool hasClassCenters() const { return files.hasClassCenters(); }
  /// Whether nothing is in host memory.
  bool isCopy() const {
    return !direct && copied.size() == files.variables().size();
  }

  /// As pfc::rt::firstNotFinite, of the copy.
  std::string firstNotFinite() const;

  void writeBackbone(const std::string &path, Sha256 *digest = nullptr) const {
    files.writeBackbone(path, reader(), steps, digest);
  }
  void writeClassCenters(const std::string &path,
                         Sha256 *digest = nullptr) const {
    files.writeClassCenters(path, reader(), steps, digest);
  }

private:
  StateReader reader() const;

  StateFiles files;
  std::vector<const plan::fb::Variable *> copied;
  const Executor *source = nullptr;
  bool direct = false; ///< nothing is copied
  std::function<void()> progress;
  std::map<const plan::fb::Variable *, std::vector<std::byte>> contents;
  int64_t steps = 0;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_SNAPSHOT_H

//===- Snapshot.h - This rank's state at one step, on the host --*- C++ -*-===//
//
// A copy that is written to disk while training goes on:
//   backbone file       replicated variables in the state dict's layout; rank 0
//   class-center file   this rank's rows of the sharded ones; metadata:
//                       first_class, classes (in the file), total_classes
// Both say in their metadata after how many `steps` it is.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_SNAPSHOT_H
#define PFC_RUNTIME_TRAIN_SNAPSHOT_H

#include "runtime/base/Sha256.h"
#include "runtime/exec/Executor.h"

#include <cstdint>
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

class Snapshot {
public:
  /// Of what `rank` has to write.
  Snapshot(const plan::fb::Variant &variant, StateScope scope, int rank);

  /// Takes the memory that copies need, and touches it: the first copy is as
  /// quick as the others.
  void reserve();
  /// Copies the state as it is now. Memory is kept from one copy to the next.
  void take(const Executor &executor, int64_t steps);

  /// Bytes of host memory a copy takes.
  uint64_t bytes() const;

  bool hasClassCenters() const;

  /// The first variable with a NaN or an infinity; empty when all is finite.
  std::string firstNotFinite() const;

  void writeBackbone(const std::string &path, Sha256 *digest = nullptr) const;
  void writeClassCenters(const std::string &path,
                         Sha256 *digest = nullptr) const;

private:
  struct Held {
    const plan::fb::Variable *variable;
    std::vector<std::byte> contents;
  };

  std::vector<Held> held;
  std::optional<ClassRange> range;
  int64_t steps = 0;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_SNAPSHOT_H

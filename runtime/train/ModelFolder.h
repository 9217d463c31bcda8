//===- ModelFolder.h - What a training run leaves ---------------*- C++ -*-===//
//
//   OUT/train.plan                the plan, to run the network again
//   OUT/backbone.safetensors      weights, the field's state-dict names
//   OUT/class_centers-RRRRR-of-WWWWW.safetensors
//                                 rank R's rows of W; metadata: first_class,
//                                 classes (on the rank), total_classes; not of
//                                 a run that leaves them out
//   OUT/metrics.jsonl, OUT/curves.svg
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_MODELFOLDER_H
#define PFC_RUNTIME_TRAIN_MODELFOLDER_H

#include "runtime/exec/Executor.h"
#include "runtime/train/weights/TensorFile.h"

#include <cstdint>
#include <string>

namespace pfc::rt {

/// What a run leaves of its weights.
enum class ResultParts { All, Backbone };

class ModelFolder {
public:
  explicit ModelFolder(std::string path) : path(std::move(path)) {}

  /// Makes the folder.
  void create() const;
  /// Copies the plan into it, whose SHA-256 is still `hash`; empty: any.
  void keepPlan(const std::string &planPath, const std::string &hash) const;

  const std::string &folder() const { return path; }
  std::string plan() const { return path + "/train.plan"; }
  std::string backbone() const { return path + "/backbone.safetensors"; }
  std::string classCenters(int rank, int worldSize) const;
  /// Whether a file's name is one that classCenters() gives.
  static bool isClassCenters(const std::string &name);
  std::string metrics() const { return path + "/metrics.jsonl"; }
  std::string curves() const { return path + "/curves.svg"; }

  /// Writes what rank `communicator.rank()` has to of `parts`: the backbone on
  /// rank 0, and each rank's class centers. `steps` were trained.
  void save(const plan::fb::Variant &variant, const Executor &executor,
            const Communicator &communicator, int64_t steps,
            ResultParts parts = ResultParts::All) const;
  /// Removes class centers that an earlier run had left, which all that save()
  /// wrote takes the place of: of another number of ranks, or all, where it
  /// wrote none.
  void removeOlder(int worldSize, ResultParts parts) const;

private:
  std::string path;
};

/// Throws where a weights file has not the plan's layers, all of them and no
/// others.
void checkBackbone(const TensorFile &weights, const plan::fb::Variant &variant);

/// Reads the network of a weights file, which it checks, into the executor's
/// variables.
void loadBackbone(const TensorFile &weights, const plan::fb::Variant &variant,
                  Executor &executor);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_MODELFOLDER_H

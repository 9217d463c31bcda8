//===- TrainData.h - What a run trains and verifies on ----------*- C++ -*-===//
#ifndef PFC_RUNTIME_TRAIN_TRAINDATA_H
#define PFC_RUNTIME_TRAIN_TRAINDATA_H

#include "runtime/data/BatchLoader.h"
#include "runtime/train/Job.h"
#include "runtime/train/ModelFolder.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pfc::rt {

/// Images made in memory.
struct SyntheticData {
  int64_t images = 0; ///< 0: some for each class
};

/// What `--data` says: "synthetic" or "synthetic:IMAGES", or nothing for a
/// folder, which ./synthetic is. Throws where IMAGES is none.
std::optional<SyntheticData> syntheticData(const std::string &option);

/// What a batch of the plan's holds.
data::BatchShape batchShape(const plan::fb::Settings &settings);

class TrainData {
public:
  /// Opens the training images that `option`, of --data, and the spec mean.
  /// Throws where they have more identities than the plan classes.
  TrainData(const Job &job, const std::string &option);

  const std::shared_ptr<const data::Dataset> &images() const { return set; }
  bool synthetic() const { return isSynthetic; }

  /// Files of the sets to verify on, of which synthetic data have none.
  std::vector<std::string> verification() const;

  /// One line.
  std::string describe(int64_t stepsPerEpoch) const;
  /// What a person has to know before and after training on it; empty lines of
  /// data that are what they should be.
  std::vector<std::string> notes() const;
  std::string verdict(const std::string &outDir) const;

private:
  std::string describeIdle() const;

  const plan::fb::Settings &settings;
  std::string folder;
  bool isSynthetic;
  std::string name;
  std::shared_ptr<const data::Dataset> set;
};

/// Whether `folder` has a network that real data made.
bool holdsNetwork(const ModelFolder &folder);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_TRAINDATA_H

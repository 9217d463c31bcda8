//===- Manifest.h - What a checkpoint says of itself ------------*- C++ -*-===//
//
// manifest.json:
//   {"format": 1, "step": 200, "total_steps": 600,
//    "plan": "r100", "spec_hash": "…", "precision": "bf16",
//    "world_size": 2, "batch_per_rank": 64, "seed": 7, "images": 17091657,
//    "bad_records": [7],
//    "files":  [{"name": "backbone.safetensors", "bytes": …, "sha256": "…"},
//    …], "shards": [{"name": "class_centers-00000-of-00002.safetensors",
//                "bytes": …, "sha256": "…", "first_class": 0, "classes":
//                180116},
//               …]}
// `step` is the position in everything: steps done, the next batch of the data,
// the learning rate's place, and with `seed` the key of every random number.
// Of synthetic data it has "synthetic": true.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_TRAIN_CHECKPOINT_MANIFEST_H
#define PFC_RUNTIME_TRAIN_CHECKPOINT_MANIFEST_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pfc::rt {

struct ManifestFile {
  std::string name; ///< in the checkpoint's folder
  uint64_t bytes = 0;
  std::string sha256; ///< hexadecimal
};

struct ManifestShard : ManifestFile {
  int64_t firstClass = 0, classes = 0;
};

/// The precision whose runs have a loss scale in their state.
inline constexpr std::string_view lossScalePrecision = "fp16";

struct Manifest {
  int64_t step = 0, totalSteps = 0;
  std::string plan, specHash, precision;
  int64_t worldSize = 1, batchPerRank = 1;
  uint64_t seed = 0;
  int64_t images = 0;              ///< of the training set
  bool synthetic = false;          ///< it was made in memory
  std::vector<int64_t> badRecords; ///< images found bad so far, rising
  std::vector<ManifestFile> files;
  std::vector<ManifestShard> shards; ///< in the order of their classes

  int64_t globalBatch() const { return worldSize * batchPerRank; }
  int64_t totalClasses() const;
  uint64_t totalBytes() const;
  /// nullptr when there is none of that name among `files`.
  const ManifestFile *find(std::string_view name) const;
};

std::string formatManifest(const Manifest &manifest);

/// Checks `json`, the contents of `path`: every field's type and range, that
/// names stay in the folder, and that the shards' classes follow each other.
/// Throws an Error.
Manifest parseManifest(std::string_view json, const std::string &path);

} // namespace pfc::rt

#endif // PFC_RUNTIME_TRAIN_CHECKPOINT_MANIFEST_H

//===- FeatureFiles.h - Embeddings for MegaFace's devkit --------*- C++ -*-===//
//
// One file a picture, as the devkit reads it: int32 rows = dim + 1, columns =
// 1, bytes an element = 4, OpenCV's type of float = 5; then float32 values. The
// last is 100 for noise among the distractors, which so is far from everything,
// and 0 for all others.
//
//   OUT/facescrub/<person>/<file>_<algorithm>.bin
//   OUT/megaface/<a>/<b>/<file>_<algorithm>.bin
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_EVAL_FEATUREFILES_H
#define PFC_RUNTIME_EVAL_FEATUREFILES_H

#include "runtime/eval/MegaFaceSet.h"

#include <span>
#include <string>

namespace pfc::rt {

class FeatureFiles {
public:
  FeatureFiles(std::string folder, std::string algorithm)
      : folder(std::move(folder)), algorithm(std::move(algorithm)) {}

  /// `row` is of length 1, [dim].
  void writeProbe(const MegaFaceSet::Picture &picture,
                  std::span<const float> row) const;
  void writeDistractor(const MegaFaceSet::Picture &picture,
                       std::span<const float> row) const;

private:
  void write(const std::string &name, std::span<const float> row,
             float last) const;

  std::string folder, algorithm;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_EVAL_FEATUREFILES_H

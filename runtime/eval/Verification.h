//===- Verification.h - The ten-fold verification protocol ------*- C++ -*-===//
//
// How well a network tells same from different identities, by the protocol of
// LFW as InsightFace's recognition/arcface_torch/eval/verification.py runs it:
//
//   d_i = || a_i/|a_i| - b_i/|b_i| ||^2          in [0, 4]
//   predict "same" for pair i  iff  d_i < t
//
// Accuracy: thresholds t = 0, 0.01, ..., 3.99; pairs in 10 contiguous folds
// (no shuffling; n mod 10 first folds hold one more); a fold's threshold is
// the first that maximises accuracy on the other nine; reported are mean and
// population standard deviation of the accuracy over the folds.
//
// TAR at FAR x: thresholds 0, 0.001, ..., 3.999; a fold's threshold is where
// the false accept rate of the other nine folds, interpolated linearly between
// thresholds, is x (0 where it never gets that far); reported is the mean over
// folds of the true accept rate at it.
//
// Deviations from that script, each where it has no defined result:
//  - its interpolation (scipy's interp1d) is undefined, and in newer versions
//    an error, where the rate does not rise between two thresholds. Here it
//    goes from the last threshold whose rate is <= x to the first above;
//  - a fold without a "same" pair divides 0 by 0 there; here it is left out of
//    the mean TAR. A training part without a "different" pair has threshold 0;
//  - embeddings that are not finite are an Error, not a number.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_EVAL_VERIFICATION_H
#define PFC_RUNTIME_EVAL_VERIFICATION_H

#include "runtime/base/Error.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pfc::rt {

/// The network has diverged.
class NotFiniteEmbedding : public Error {
public:
  using Error::Error;
};

struct VerificationResult {
  std::string name = {};  ///< the set's
  int64_t pairs = 0;      ///< n
  double accuracy = 0;    ///< mean over folds, in [0, 1]
  double accuracyStd = 0; ///< population standard deviation over folds
  double threshold = 0;   ///< mean over folds of the squared distance chosen
  double tarAtFar1e3 = 0; ///< mean over folds at FAR 1e-3
  double tarAtFar1e4 = 0; ///< mean over folds at FAR 1e-4
  /// TAR over all pairs at the largest threshold whose FAR over all pairs is
  /// at most 1e-3 or 1e-4: one ROC curve, no folds.
  double rocTarAtFar1e3 = 0;
  double rocTarAtFar1e4 = 0;
  /// Mean Euclidean length of the embeddings before normalisation.
  double xnorm = 0;
};

/// Runs the protocol. `embeddings` is [2n, dim], row-major, rows 2i and 2i+1
/// being pair i (each the sum of the original's and the mirrored picture's
/// embedding where mirroring is used); `same` is [n], n >= 10. A row of zeros
/// stays zero when normalised.
VerificationResult evaluateVerification(std::span<const float> embeddings,
                                        int64_t dim,
                                        const std::vector<bool> &same);

} // namespace pfc::rt

#endif // PFC_RUNTIME_EVAL_VERIFICATION_H

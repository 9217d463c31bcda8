//===- MegaFace.h - Probes among a million distractors ----------*- C++ -*-===//
//
// The protocol of MegaFace's first challenge (Kemelmacher-Shlizerman et al.,
// CVPR 2016, FaceScrub as probes), on the cosine of embeddings of length 1:
//
//   identification  For each ordered pair (i, j) of pictures of one person the
//     gallery is j and all distractors. Rank k: the share of pairs where fewer
//     than k distractors are nearer to i than j is.
//   verification    Same: the unordered pairs of pictures of one person.
//     Different: each probe with each distractor. TAR at FAR x: the share of
//     same pairs above the threshold that lets floor(x n) of the n different
//     ones pass, and no more.
//
// Noise is treated as InsightFace's remove_noises.py does: a probe that shows
// the wrong person gets the sum of the person's others, disturbed by numbers in
// +-1e-3 and scaled to length 1; a distractor that shows a probe's person is
// like none of them, but counted.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_EVAL_MEGAFACE_H
#define PFC_RUNTIME_EVAL_MEGAFACE_H

#include "runtime/eval/MegaFaceSet.h"
#include "runtime/eval/Roc.h"

#include <array>
#include <span>
#include <vector>

namespace pfc::rt {

struct MegaFaceResult {
  static constexpr std::array ranks = {1, 10};
  static constexpr std::array fars = {1e-6, 1e-5};
  int64_t probes = 0, persons = 0, distractors = 0;
  int64_t probeNoises = 0, distractorNoises = 0;
  int64_t pairs = 0;                ///< ordered, of one person
  std::array<double, 2> found = {}; ///< at each of `ranks`
  std::array<double, 2> tars = {};  ///< at each of `fars`
};

/// The probes' rows as they are compared: of length 1, noise replaced.
/// `embeddings` is [probes, dim]; an embedding that is not finite is an Error.
std::vector<float> probeRows(const MegaFaceSet &set,
                             std::span<const float> embeddings, int64_t dim);

/// Scales `row` to length 1; zeros stay. Throws an Error that names `picture`
/// where it is not finite.
void scaleToOne(std::span<float> row, const MegaFaceSet::Picture &picture);

/// Compares distractors with the probes as they come, so that none is kept.
class MegaFaceScores {
public:
  /// `probes` are probeRows'.
  MegaFaceScores(const MegaFaceSet &set, std::vector<float> probes, int64_t dim,
                 int threads);

  /// Distractors from number `first` on; `rows` is [count, dim], of length 1.
  void add(int64_t first, std::span<const float> rows);

  /// When all distractors were added.
  MegaFaceResult result();

private:
  /// The other pictures of a probe's person. A distractor of score 0.6 beside
  /// mates of 0.2, 0.5 and 0.9 is nearer than 2 of them: it counts in
  /// nearerThan[2]. So the distractors nearer than mate m are those counted
  /// behind m.
  struct Mates {
    std::vector<float> scores;       ///< ascending
    std::vector<int64_t> nearerThan; ///< [mates + 1]; [0] is not counted
  };

  const MegaFaceSet &set;
  std::vector<float> probes; ///< [probes, dim]
  int64_t dim;
  int threads;
  std::vector<Mates> mates; ///< [probe]
  std::vector<float> same;  ///< scores of the unordered pairs
  std::vector<float> products;
  LargestScores different;
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_EVAL_MEGAFACE_H

//===- Ijb.h - Verification and identification of templates -----*- C++ -*-===//
//
// What InsightFace's eval_ijbc.py (1:1) and ijb_1n.py (1:N) compute of the
// templates' rows, so that results compare with published ones.
//
// 1:N is over all galleries together, every probe's subject being in one:
//   rank k   the share of probes with the subject's own template among the k
//            nearest of the gallery
//   TPIR at FPIR x   the share of probes whose own template is above the
//            ceil(x probes)-th largest of all similarities to other subjects
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_EVAL_IJB_H
#define PFC_RUNTIME_EVAL_IJB_H

#include "runtime/eval/IjbSet.h"

#include <array>
#include <span>
#include <vector>

namespace pfc::rt {

/// The cosine of each of the set's pairs; `rows` is [templates, dim], of length
/// 1 each.
std::vector<double> pairScores(const IjbSet &set, std::span<const float> rows,
                               int64_t dim, int threads);

struct IjbVerification {
  static constexpr std::array fars = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1};
  int64_t same = 0, different = 0;
  std::vector<double> tars; ///< at each of `fars`
};

/// `scores` are pairScores'.
IjbVerification verifyTemplates(const IjbSet &set,
                                std::span<const double> scores);

struct IjbIdentification {
  static constexpr std::array ranks = {1, 5, 10};
  static constexpr std::array fpirs = {0.01, 0.1};
  int64_t gallery = 0, probes = 0;
  std::array<double, 3> found = {}; ///< at each of `ranks`
  std::array<double, 2> tpirs = {}; ///< at each of `fpirs`
};

/// The set must have a gallery and probes.
IjbIdentification identifyTemplates(const IjbSet &set,
                                    std::span<const float> rows, int64_t dim,
                                    int threads);

} // namespace pfc::rt

#endif // PFC_RUNTIME_EVAL_IJB_H

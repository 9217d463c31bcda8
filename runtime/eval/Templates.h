//===- Templates.h - Many pictures of a subject as one row ------*- C++ -*-===//
#ifndef PFC_RUNTIME_EVAL_TEMPLATES_H
#define PFC_RUNTIME_EVAL_TEMPLATES_H

#include "runtime/eval/IjbSet.h"

#include <span>
#include <vector>

namespace pfc::rt {

/// A template's row, as InsightFace's eval_ijbc.py forms it: of the pictures'
/// embeddings e, not normalised, and the detector's scores w
///   medium m:    u_m = mean over its pictures of w e
///   template t:  v_t = sum over its media of u_m,   v_t / |v_t|
/// so that a medium counts once, however many frames it has, and sure faces
/// with long embeddings count more. Sums are in double precision.
class TemplateBuilder {
public:
  TemplateBuilder(const IjbSet &set, int64_t dim);

  /// Adds picture `index` of the set.
  void add(int64_t index, std::span<const float> embedding);

  /// [templates, dim], in the order of IjbSet::templates; each of length 1, or
  /// 0 where it cannot be scaled.
  std::vector<float> rows() const;

private:
  const IjbSet &set;
  int64_t dim;
  std::vector<int32_t> mediumOf; ///< [picture]; media ascend by template
  std::vector<int32_t> templateOf, pictures; ///< [medium]
  std::vector<double> sums;                  ///< [medium, dim]
};

} // namespace pfc::rt

#endif // PFC_RUNTIME_EVAL_TEMPLATES_H

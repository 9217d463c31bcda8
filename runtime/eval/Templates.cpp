#include "runtime/eval/Templates.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace pfc::rt {

TemplateBuilder::TemplateBuilder(const IjbSet &set, int64_t dim)
    : set(set), dim(dim), mediumOf(set.pictures.size()) {
  auto key = [&](int32_t picture) {
    const IjbSet::Picture &it = set.pictures[picture];
    return std::pair(it.templateId, it.media);
  };
  std::vector<int32_t> order(set.pictures.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](int32_t a, int32_t b) { return key(a) < key(b); });
  int32_t position = -1; // in set.templates, which ascend as well
  for (size_t i = 0; i < order.size(); ++i) {
    bool first = i == 0;
    if (first || key(order[i]).first != key(order[i - 1]).first)
      ++position;
    if (first || key(order[i]) != key(order[i - 1])) {
      templateOf.push_back(position);
      pictures.push_back(0);
    }
    mediumOf[order[i]] = static_cast<int32_t>(templateOf.size() - 1);
    ++pictures.back();
  }
  sums.resize(templateOf.size() * dim);
}

void TemplateBuilder::add(int64_t index, std::span<const float> embedding) {
  const IjbSet::Picture &picture = set.pictures[index];
  double *sum = &sums[mediumOf[index] * dim];
  for (int64_t k = 0; k < dim; ++k) {
    require(std::isfinite(embedding[k]),
            "the embedding of {} is not finite: {} at place {}", picture.name,
            embedding[k], k);
    sum[k] += double{picture.score} * embedding[k];
  }
}

std::vector<float> TemplateBuilder::rows() const {
  std::vector<double> total(set.templates.size() * dim);
  for (size_t medium = 0; medium < templateOf.size(); ++medium)
    for (int64_t k = 0; k < dim; ++k)
      total[templateOf[medium] * dim + k] +=
          sums[medium * dim + k] / pictures[medium];
  std::vector<float> rows(total.size());
  for (size_t row = 0; row < set.templates.size(); ++row) {
    double square = 0;
    for (int64_t k = 0; k < dim; ++k)
      square += total[row * dim + k] * total[row * dim + k];
    double scale = square > 0 ? 1 / std::sqrt(square) : 0;
    for (int64_t k = 0; k < dim; ++k)
      rows[row * dim + k] = static_cast<float>(total[row * dim + k] * scale);
  }
  return rows;
}

} // namespace pfc::rt

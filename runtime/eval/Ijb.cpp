#include "runtime/eval/Ijb.h"

#include "runtime/base/ParallelFor.h"
#include "runtime/eval/DotProducts.h"
#include "runtime/eval/Roc.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace pfc::rt {
namespace {

std::vector<float> rowsOf(const std::vector<IjbSet::Subject> &subjects,
                          std::span<const float> rows, int64_t dim) {
  std::vector<float> chosen;
  chosen.reserve(subjects.size() * dim);
  for (const IjbSet::Subject &subject : subjects) {
    std::span<const float> row = rows.subspan(subject.position * dim, dim);
    chosen.insert(chosen.end(), row.begin(), row.end());
  }
  return chosen;
}

/// Where in the gallery each probe's subject is.
std::vector<int64_t> matesOf(const IjbSet &set) {
  std::map<int64_t, int64_t> bySubject;
  for (size_t i = 0; i < set.gallery.size(); ++i)
    bySubject[set.gallery[i].subject] = static_cast<int64_t>(i);
  std::vector<int64_t> mates;
  for (const IjbSet::Subject &probe : set.probes)
    mates.push_back(bySubject.at(probe.subject));
  return mates;
}

/// How many of the gallery come before `mate`: of equally near ones those
/// listed before it.
int64_t placeOf(std::span<const float> similarities, int64_t mate) {
  int64_t before = 0;
  for (int64_t j = 0; j < static_cast<int64_t>(similarities.size()); ++j)
    before += similarities[j] > similarities[mate] ||
              (j < mate && similarities[j] == similarities[mate]);
  return before;
}

} // namespace

std::vector<double> pairScores(const IjbSet &set, std::span<const float> rows,
                               int64_t dim, int threads) {
  constexpr int64_t chunk = 4096;
  auto count = static_cast<int64_t>(set.pairs.size());
  std::vector<double> scores(count);
  parallelFor(threads, (count + chunk - 1) / chunk, [&](int, int64_t part) {
    int64_t end = std::min(count, (part + 1) * chunk);
    for (int64_t i = part * chunk; i < end; ++i) {
      const float *a = &rows[set.pairs[i].first * dim];
      const float *b = &rows[set.pairs[i].second * dim];
      double sum = 0;
      for (int64_t k = 0; k < dim; ++k)
        sum += double{a[k]} * b[k];
      scores[i] = sum;
    }
  });
  return scores;
}

IjbVerification verifyTemplates(const IjbSet &set,
                                std::span<const double> scores) {
  IjbVerification result;
  std::vector<ScoredPair> pairs(scores.size());
  for (size_t i = 0; i < pairs.size(); ++i) {
    pairs[i] = {scores[i], set.pairs[i].same};
    ++(set.pairs[i].same ? result.same : result.different);
  }
  result.tars = tarAtFar(pairs, IjbVerification::fars);
  return result;
}

IjbIdentification identifyTemplates(const IjbSet &set,
                                    std::span<const float> rows, int64_t dim,
                                    int threads) {
  constexpr int64_t chunk = 1024; // probes at a time
  std::vector<float> gallery = rowsOf(set.gallery, rows, dim);
  std::vector<float> probes = rowsOf(set.probes, rows, dim);
  std::vector<int64_t> mates = matesOf(set);
  auto columns = static_cast<int64_t>(set.gallery.size());
  auto count = static_cast<int64_t>(set.probes.size());

  IjbIdentification result{.gallery = columns, .probes = count};
  std::array<int64_t, IjbIdentification::fpirs.size()> accepted;
  for (size_t i = 0; i < accepted.size(); ++i)
    accepted[i] = static_cast<int64_t>(
        std::ceil(static_cast<double>(count) * IjbIdentification::fpirs[i]));
  LargestScores others(std::ranges::max(accepted));
  std::vector<float> own, similarities(std::min(chunk, count) * columns);
  for (int64_t first = 0; first < count; first += chunk) {
    int64_t size = std::min(chunk, count - first);
    std::span<float> part = std::span(similarities).first(size * columns);
    dotProducts(std::span(probes).subspan(first * dim, size * dim), gallery,
                dim, part, threads);
    for (int64_t i = 0; i < size; ++i) {
      std::span<const float> row = part.subspan(i * columns, columns);
      int64_t mate = mates[first + i], place = placeOf(row, mate);
      own.push_back(row[mate]);
      for (size_t r = 0; r < result.found.size(); ++r)
        result.found[r] += place < IjbIdentification::ranks[r];
      for (int64_t j = 0; j < columns; ++j)
        if (j != mate)
          others.add(row[j]);
    }
  }
  auto share = [&](auto number) {
    return static_cast<double>(number) / static_cast<double>(count);
  };
  for (double &found : result.found)
    found = share(found);
  for (size_t i = 0; i < accepted.size(); ++i) {
    // With one subject in the gallery there is no other to be taken for.
    if (columns == 1) {
      result.tpirs[i] = 1;
      continue;
    }
    float threshold =
        others.largest(std::min(accepted[i], count * (columns - 1)));
    result.tpirs[i] = share(std::ranges::count_if(
        own, [&](float score) { return score > threshold; }));
  }
  return result;
}

} // namespace pfc::rt

#include "runtime/eval/MegaFace.h"

#include "runtime/base/Error.h"
#include "runtime/base/Philox.h"
#include "runtime/eval/DotProducts.h"

#include <algorithm>
#include <cmath>

namespace pfc::rt {
namespace {

int64_t differentPairs(const MegaFaceSet &set) {
  return static_cast<int64_t>(set.probes.size()) *
         static_cast<int64_t>(set.distractors.size());
}

/// How many different pairs may pass.
int64_t passing(const MegaFaceSet &set, double far) {
  // 1e-6 times a million is a whole number, whatever doubles make of it.
  return static_cast<int64_t>(
      std::floor(far * static_cast<double>(differentPairs(set)) + 1e-9));
}

} // namespace

void scaleToOne(std::span<float> row, const MegaFaceSet::Picture &picture) {
  double square = 0;
  for (float value : row)
    square += double{value} * value;
  require(std::isfinite(square), "the embedding of {} is not finite",
          picture.path);
  double scale = square > 0 ? 1 / std::sqrt(square) : 0;
  for (float &value : row)
    value = static_cast<float>(value * scale);
}

std::vector<float> probeRows(const MegaFaceSet &set,
                             std::span<const float> embeddings, int64_t dim) {
  std::vector<float> rows(embeddings.begin(), embeddings.end());
  std::vector<double> centers(int64_t{set.persons} * dim);
  auto rowOf = [&](size_t i) { return std::span(rows).subspan(i * dim, dim); };
  for (size_t i = 0; i < set.probes.size(); ++i) {
    if (set.probes[i].noise)
      continue;
    scaleToOne(rowOf(i), set.probes[i]);
    for (int64_t k = 0; k < dim; ++k)
      centers[set.person[i] * dim + k] += rowOf(i)[k];
  }
  for (size_t i = 0; i < set.probes.size(); ++i) {
    if (!set.probes[i].noise)
      continue;
    for (int64_t k = 0; k < dim; ++k) {
      PhiloxBlock block =
          philox(0, RandomPurpose::ProbeNoise, static_cast<uint32_t>(i),
                 static_cast<uint32_t>(k), 0);
      double noise = (2 * double{unitFloat(block[0])} - 1) * 1e-3;
      rowOf(i)[k] =
          static_cast<float>(centers[set.person[i] * dim + k] + noise);
    }
    scaleToOne(rowOf(i), set.probes[i]);
  }
  return rows;
}

MegaFaceScores::MegaFaceScores(const MegaFaceSet &set,
                               std::vector<float> probeRows, int64_t dim,
                               int threads)
    : set(set), probes(std::move(probeRows)), dim(dim), threads(threads),
      mates(set.probes.size()),
      different(passing(set, std::ranges::max(MegaFaceResult::fars)) + 1) {
  std::vector<std::vector<size_t>> byPerson(set.persons);
  for (size_t i = 0; i < set.probes.size(); ++i)
    byPerson[set.person[i]].push_back(i);
  for (const std::vector<size_t> &pictures : byPerson) {
    std::vector<float> rows;
    for (size_t i : pictures)
      rows.insert(rows.end(), &probes[i * dim], &probes[(i + 1) * dim]);
    size_t count = pictures.size();
    std::vector<float> scores(count * count);
    dotProducts(rows, rows, dim, scores, threads);
    for (size_t i = 0; i < count; ++i)
      for (size_t j = 0; j < count; ++j) {
        if (i != j)
          mates[pictures[i]].scores.push_back(scores[i * count + j]);
        if (i < j)
          same.push_back(scores[i * count + j]);
      }
  }
  for (Mates &own : mates) {
    std::ranges::sort(own.scores);
    own.nearerThan.resize(own.scores.size() + 1);
  }
}

void MegaFaceScores::add(int64_t first, std::span<const float> rows) {
  int64_t count = static_cast<int64_t>(rows.size()) / dim;
  products.resize(set.probes.size() * count);
  dotProducts(probes, rows, dim, products, threads);
  for (size_t i = 0; i < set.probes.size(); ++i) {
    Mates &own = mates[i];
    for (int64_t j = 0; j < count; ++j) {
      if (set.distractors[first + j].noise)
        continue;
      float score = products[i * count + j];
      different.add(score);
      if (own.scores.empty() || score <= own.scores.front())
        continue; // nearly all
      auto end = std::ranges::lower_bound(own.scores, score);
      ++own.nearerThan[end - own.scores.begin()];
    }
  }
}

MegaFaceResult MegaFaceScores::result() {
  auto isNoise = [](const MegaFaceSet::Picture &picture) {
    return picture.noise;
  };
  MegaFaceResult result{
      .probes = static_cast<int64_t>(set.probes.size()),
      .persons = set.persons,
      .distractors = static_cast<int64_t>(set.distractors.size()),
      .probeNoises = std::ranges::count_if(set.probes, isNoise),
      .distractorNoises = std::ranges::count_if(set.distractors, isNoise)};
  for (const Mates &own : mates) {
    result.pairs += static_cast<int64_t>(own.scores.size());
    int64_t nearer = 0; // than the m-th mate
    for (size_t m = own.scores.size(); m-- > 0;) {
      nearer += own.nearerThan[m + 1];
      for (size_t r = 0; r < result.found.size(); ++r)
        result.found[r] += nearer < MegaFaceResult::ranks[r];
    }
  }
  for (double &found : result.found)
    found /= static_cast<double>(result.pairs);
  int64_t compared =
      result.probes * (result.distractors - result.distractorNoises);
  for (size_t f = 0; f < result.tars.size(); ++f) {
    int64_t pass = passing(set, MegaFaceResult::fars[f]);
    float threshold =
        pass < compared ? different.largest(pass + 1) : -__builtin_inff();
    auto above = std::ranges::count_if(
        same, [&](float score) { return score > threshold; });
    result.tars[f] =
        static_cast<double>(above) / static_cast<double>(same.size());
  }
  return result;
}

} // namespace pfc::rt

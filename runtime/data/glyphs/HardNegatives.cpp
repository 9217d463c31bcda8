#include "runtime/data/glyphs/HardNegatives.h"

#include "runtime/base/ParallelFor.h"
#include "runtime/data/glyphs/Renderer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace pfc::rt::data::glyphs {

namespace {

constexpr int drawn = 48, grid = 16, cell = drawn / grid;
constexpr int values = grid * grid;
constexpr size_t maxReferences = 3;

/// Print and serif designs show a character's structure best.
std::vector<int> referenceDesigns(const Typefaces &typefaces) {
  std::vector<int> references;
  for (bool formal : {true, false})
    for (size_t i = 0; i < typefaces.designs().size(); ++i) {
      const Design &design = typefaces.designs()[i];
      if (design.split == Split::Held && design.isFormal() == formal &&
          references.size() < maxReferences)
        references.push_back(static_cast<int>(i));
    }
  return references;
}

/// The averaged drawing with mean 0 and length 1; zeros when it is blank.
void describe(std::span<const uint8_t> coverage, float *out) {
  std::fill(out, out + values, 0.0f);
  if (coverage.empty())
    return;
  for (int y = 0; y < drawn; ++y)
    for (int x = 0; x < drawn; ++x)
      out[y / cell * grid + x / cell] += coverage[y * drawn + x];
  float mean = std::accumulate(out, out + values, 0.0f) / values;
  float square = 0;
  for (int i = 0; i < values; ++i) {
    out[i] -= mean;
    square += out[i] * out[i];
  }
  for (int i = 0; i < values; ++i)
    out[i] /= std::sqrt(square);
}

} // namespace

std::vector<std::vector<int>>
nearestLookalikes(const Typefaces &typefaces,
                  const std::vector<Identity> &identities, int count,
                  int threads) {
  std::vector<int> references = referenceDesigns(typefaces);
  size_t length = references.size() * values;
  auto total = static_cast<int64_t>(identities.size());
  std::vector<float> descriptors(identities.size() * length);
  std::vector<std::unique_ptr<Renderer>> renderers;
  for (int i = 0; i < threads; ++i)
    renderers.push_back(
        std::make_unique<Renderer>(typefaces, ImageShape{drawn, drawn, 1}));
  parallelFor(threads, total, [&](int thread, int64_t i) {
    float *out = &descriptors[i * length];
    for (int design : references) {
      std::vector<int> faces = typefaces.facesFor(design, identities[i]);
      std::span<const uint8_t> coverage;
      if (!faces.empty())
        coverage = renderers[thread]->plain({faces[0], identities[i]});
      describe(coverage, out);
      out += values;
    }
  });

  std::vector<std::vector<int>> nearest(identities.size());
  size_t kept = std::min<size_t>(count, identities.size() - 1);
  parallelFor(threads, total, [&](int, int64_t i) {
    std::vector<std::pair<float, int>> others;
    const float *a = &descriptors[i * length];
    for (int64_t j = 0; j < total; ++j) {
      if (j == i)
        continue;
      const float *b = &descriptors[j * length];
      float dot = 0;
      for (size_t k = 0; k < length; ++k)
        dot += a[k] * b[k];
      others.push_back({-dot, static_cast<int>(j)});
    }
    std::partial_sort(others.begin(), others.begin() + kept, others.end());
    for (size_t k = 0; k < kept; ++k)
      nearest[i].push_back(others[k].second);
  });
  return nearest;
}

} // namespace pfc::rt::data::glyphs

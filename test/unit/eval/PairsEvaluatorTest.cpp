// The evaluator with a made-up network, on simulated ranks.
#include "runtime/eval/PairsEvaluator.h"
#include "runtime/base/Error.h"
#include "runtime/eval/Resize.h"
#include "test/unit/eval/SimulatedRanks.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace pfc::rt;

namespace {

constexpr int size = 6, dim = 3;

/// A picture whose left half is `left` and whose right half is `right`.
std::vector<uint8_t> picture(int extent, uint8_t left, uint8_t right) {
  std::vector<uint8_t> pixels(size_t(extent) * extent);
  for (int y = 0; y < extent; ++y)
    for (int x = 0; x < extent; ++x)
      pixels[y * extent + x] = x < extent / 2 ? left : right;
  return pixels;
}

/// 11 pairs; pictures of a "same" pair are equal.
VerificationSet makeSet() {
  VerificationSet set;
  set.name = "made";
  for (int i = 0; i < 11; ++i) {
    bool same = i % 2 == 0;
    uint8_t a = static_cast<uint8_t>(10 * i);
    uint8_t b = static_cast<uint8_t>(same ? a : 250 - a);
    for (uint8_t value : {a, b}) {
      set.images.push_back(
          data::encodePng(picture(size, value, 255 - value), {size, size, 1}));
      set.shapes.push_back({});
    }
    set.same.push_back(same);
  }
  return set;
}

/// e = (mean of the left half, mean of the right half, 100): mirroring swaps
/// the first two.
struct Network {
  std::vector<int64_t> batches;

  void operator()(std::span<const uint8_t> images, int64_t rows,
                  std::span<float> embeddings) {
    EXPECT_EQ(images.size() % (size * size), 0u);
    batches.push_back(rows);
    size_t capacity = images.size() / (size * size);
    for (size_t i = 0; i < capacity; ++i) {
      float left = 0, right = 0;
      for (int p = 0; p < size * size; ++p)
        (p % size < size / 2 ? left : right) += images[i * size * size + p];
      if (static_cast<int64_t>(i) >= rows) {
        EXPECT_EQ(left + right, 0);
        continue;
      }
      float *e = &embeddings[i * dim];
      e[0] = left / (size * size / 2);
      e[1] = right / (size * size / 2);
      e[2] = 100;
    }
  }
};

EmbedOptions makeOptions(int rank, int worldSize, bool flip) {
  return {.input = {size, size, 1},
          .batch = 4,
          .dim = dim,
          .flipTest = flip,
          .rank = rank,
          .worldSize = worldSize,
          .decodeThreads = 1 + rank};
}

/// The result, which is every rank's.
VerificationResult runRanks(const VerificationSet &set, int worldSize,
                            bool flip) {
  std::vector<VerificationResult> results(worldSize);
  std::vector<size_t> calls(worldSize);
  onSimulatedRanks(worldSize, [&](int rank, const AllGatherFloats &gather) {
    Network network;
    results[rank] = evaluatePairs(set, makeOptions(rank, worldSize, flip),
                                  std::ref(network), gather);
    calls[rank] = network.batches.size();
  });
  for (int rank = 1; rank < worldSize; ++rank) {
    EXPECT_EQ(calls[rank], calls[0]); // equally often on every rank
    EXPECT_EQ(results[rank].accuracy, results[0].accuracy);
    EXPECT_EQ(results[rank].xnorm, results[0].xnorm);
  }
  return results[0];
}

/// The embedding `Network` gives picture `index` of `makeSet`.
std::array<double, 3> expectedRow(const VerificationSet &set, size_t index) {
  int a = 10 * static_cast<int>(index / 2);
  double left = index % 2 == 0 || set.same[index / 2] ? a : 250 - a;
  return {left, 255 - left, 100};
}

TEST(PairsEvaluator, SameResultAtAnyWorldSize) {
  VerificationSet set = makeSet();
  std::vector<float> plain;
  double lengths = 0;
  for (size_t i = 0; i < set.images.size(); ++i) {
    auto row = expectedRow(set, i);
    plain.insert(plain.end(), row.begin(), row.end());
    lengths += std::hypot(row[0], row[1], row[2]);
  }
  VerificationResult expected = evaluateVerification(plain, dim, set.same);
  for (int worldSize : {1, 2, 3, 4, 30}) {
    SCOPED_TRACE(worldSize);
    VerificationResult result = runRanks(set, worldSize, false);
    EXPECT_EQ(result.name, "made");
    EXPECT_EQ(result.pairs, 11);
    EXPECT_EQ(result.accuracy, expected.accuracy);
    EXPECT_EQ(result.threshold, expected.threshold);
    EXPECT_EQ(result.rocTarAtFar1e3, expected.rocTarAtFar1e3);
    EXPECT_NEAR(result.xnorm, lengths / set.images.size(), 1e-3);
  }
}

/// Mirrored pictures swap the halves, so every sum is (255, 255, 200): pairs
/// become indistinguishable, and XNorm is still the mean of single passes.
TEST(PairsEvaluator, FlipAddsTheMirroredPicture) {
  VerificationSet set = makeSet();
  VerificationResult without = runRanks(set, 2, false);
  VerificationResult with = runRanks(set, 2, true);
  EXPECT_GT(without.rocTarAtFar1e3, 0.9);
  EXPECT_EQ(with.rocTarAtFar1e3, 0);
  EXPECT_NEAR(with.xnorm, without.xnorm, 1e-3);
}

TEST(PairsEvaluator, OtherSizesAreResizedAndRawPicturesTaken) {
  VerificationSet set = makeSet();
  VerificationResult expected = runRanks(set, 2, false);
  for (size_t i = 0; i < set.images.size(); ++i) {
    auto value = static_cast<uint8_t>(expectedRow(set, i)[0]);
    int extent = i % 3 == 0 ? 2 * size : size;
    std::vector<uint8_t> pixels = picture(extent, value, 255 - value);
    uint32_t side = static_cast<uint32_t>(extent);
    bool raw = i % 3 == 1;
    set.images[i] = raw ? pixels : data::encodePng(pixels, {extent, extent, 1});
    set.shapes[i] = raw ? RawShape{side, side, 1} : RawShape{};
  }
  VerificationResult result = runRanks(set, 2, false);
  EXPECT_EQ(result.accuracy, expected.accuracy);
  EXPECT_NEAR(result.xnorm, expected.xnorm, 1e-3);
}

TEST(PairsEvaluator, DamagedPicturesAreNamed) {
  VerificationSet set = makeSet();
  set.images[5] = {1, 2, 3};
  try {
    runRanks(set, 1, false);
    FAIL() << "no error";
  } catch (const Error &error) {
    EXPECT_NE(std::string(error.what()).find("made: picture 5"),
              std::string::npos)
        << error.what();
  }
  set = makeSet();
  set.images[0] = {1, 2, 3};
  set.shapes[0] = {1, 1, 3};
  EXPECT_THROW(runRanks(set, 1, false), Error);
}

TEST(Resize, BlendsBetweenPixelCentres) {
  std::vector<uint8_t> from = {0, 100}, to(4);
  resizeBilinear(from, 1, 2, to, 1, 4, 1);
  EXPECT_EQ(to, (std::vector<uint8_t>{0, 25, 75, 100}));
  // Halving a picture averages the two pixels around each sample.
  std::vector<uint8_t> wide = {0, 10, 20, 30, 100, 110, 120, 130}, half(4);
  resizeBilinear(wide, 2, 4, half, 2, 2, 1);
  EXPECT_EQ(half, (std::vector<uint8_t>{5, 25, 105, 125}));
  // Channels don't mix.
  std::vector<uint8_t> colour = {10, 20, 30, 50, 60, 70}, one(3);
  resizeBilinear(colour, 1, 2, one, 1, 1, 3);
  EXPECT_EQ(one, (std::vector<uint8_t>{30, 40, 50}));
}

} // namespace

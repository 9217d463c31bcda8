// Alignment against the definition in float64, and against what OpenCV 4.10's
// warpAffine and scikit-image's SimilarityTransform gave (align_oracle.py).
#include "runtime/data/Align.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <vector>

namespace pfc::rt::data {
namespace {

/// A picture that align_oracle.py makes too.
Image makePicture(int height, int width, int channels) {
  Image image{{height, width, channels}, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < channels; ++c)
        image.pixels.push_back(
            static_cast<uint8_t>((x * x + 3 * y * y + x * y + 85 * c) % 251));
  return image;
}

const Landmarks tilted{{{70.25, 60.5},
                        {112.75, 74.0},
                        {84.5, 92.25},
                        {62.0, 109.75},
                        {97.5, 121.0}}};

/// Sum of squares over the landmarks.
double missOf(const Similarity &fit, const Landmarks &from,
              const Landmarks &to) {
  double sum = 0;
  for (size_t i = 0; i < from.size(); ++i) {
    Point at = fit(from[i]);
    sum += std::pow(at.x - to[i].x, 2) + std::pow(at.y - to[i].y, 2);
  }
  return sum;
}

TEST(Align, FindsASimilarityThatThereIs) {
  Similarity known{0.7, -1.1, 31, -8.5};
  Landmarks from = cropLandmarks(112, 112), to;
  std::ranges::transform(from, to.begin(), known);
  Similarity fit = fitSimilarity(from, to);
  EXPECT_NEAR(fit.a, known.a, 1e-12);
  EXPECT_NEAR(fit.b, known.b, 1e-12);
  EXPECT_NEAR(fit.dx, known.dx, 1e-10);
  EXPECT_NEAR(fit.dy, known.dy, 1e-10);
}

TEST(Align, FitsInTheLeastSquares) {
  Landmarks to = cropLandmarks(112, 112);
  Similarity fit = fitSimilarity(tilted, to);
  // scikit-image 0.26.
  EXPECT_NEAR(fit.a, 0.777062835, 1e-8);
  EXPECT_NEAR(fit.b, -0.216671677, 1e-8);
  EXPECT_NEAR(fit.dx, -30.160464580, 1e-8);
  EXPECT_NEAR(fit.dy, 19.303291783, 1e-8);
  double least = missOf(fit, tilted, to);
  for (double step : {-1e-3, 1e-3})
    for (double Similarity::*part :
         {&Similarity::a, &Similarity::b, &Similarity::dx, &Similarity::dy}) {
      Similarity other = fit;
      other.*part += step;
      EXPECT_GT(missOf(other, tilted, to), least);
    }
}

TEST(Align, CropsInProportion) {
  Landmarks whole = cropLandmarks(112, 112), half = cropLandmarks(56, 56);
  EXPECT_NEAR(whole[0].x, 38.2946, 1e-9);
  for (size_t i = 0; i < whole.size(); ++i) {
    EXPECT_NEAR(half[i].x, whole[i].x / 2, 1e-12);
    EXPECT_NEAR(half[i].y, whole[i].y / 2, 1e-12);
  }
}

TEST(Align, RefusesLandmarksThatAreOnePoint) {
  Landmarks one;
  one.fill({5, 7});
  EXPECT_THROW(fitSimilarity(one, cropLandmarks(112, 112)), Error);
  Image image = makePicture(8, 8, 1);
  std::vector<uint8_t> out(16);
  EXPECT_THROW(warp(image.pixels, image.shape, {0, 0, 1, 1}, out, {4, 4, 1}),
               Error);
}

/// Bilinear sampling in float64, zeros beyond the picture.
double sampleAt(const Image &image, double x, double y, int c) {
  auto at = [&](int row, int column) {
    bool inside = row >= 0 && column >= 0 && row < image.shape.height &&
                  column < image.shape.width;
    return inside ? image.pixels[(row * image.shape.width + column) *
                                     image.shape.channels +
                                 c]
                  : 0;
  };
  int left = static_cast<int>(std::floor(x)),
      top = static_cast<int>(std::floor(y));
  double right = x - left, below = y - top;
  return (1 - below) *
             ((1 - right) * at(top, left) + right * at(top, left + 1)) +
         below *
             ((1 - right) * at(top + 1, left) + right * at(top + 1, left + 1));
}

/// Smooth, so that a 32nd of a pixel is little.
TEST(Align, SamplesBilinearly) {
  for (int channels : {1, 3}) {
    Image image{{90, 130, channels}, {}};
    for (int y = 0; y < 90; ++y)
      for (int x = 0; x < 130; ++x)
        for (int c = 0; c < channels; ++c)
          image.pixels.push_back(static_cast<uint8_t>(std::lround(
              127 + 60 * std::sin(x * 0.1 + c) + 60 * std::cos(y * 0.13))));
    double scale = 0.8, angle = 0.4;
    Similarity to{scale * std::cos(angle), scale * std::sin(angle), -12, 9};
    std::vector<uint8_t> out(size_t{64} * 48 * channels, 77);
    warp(image.pixels, image.shape, to, out, {64, 48, channels});
    int inner = 0, black = 0;
    for (int y = 0; y < 64; ++y)
      for (int x = 0; x < 48; ++x)
        for (int c = 0; c < channels; ++c) {
          // Inverted by hand: rotate the shifted point back.
          double px = x - to.dx, py = y - to.dy;
          double sx = (std::cos(angle) * px + std::sin(angle) * py) / scale;
          double sy = (-std::sin(angle) * px + std::cos(angle) * py) / scale;
          bool edge = sx < 1 || sy < 1 || sx > 128 || sy > 88;
          int got = out[(y * 48 + x) * channels + c];
          if (sx < -1 || sy < -1 || sx > 130 || sy > 90) {
            EXPECT_EQ(got, 0);
            ++black;
          } else if (!edge) {
            EXPECT_NEAR(got, sampleAt(image, sx, sy, c), 1.0);
            ++inner;
          }
        }
    EXPECT_GT(inner, 1000);
    EXPECT_GT(black, 100);
  }
}

/// FNV-1a of all bytes.
uint64_t hashOf(const std::vector<uint8_t> &bytes) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (uint8_t byte : bytes)
    hash = (hash ^ byte) * 0x100000001B3u;
  return hash;
}

TEST(Align, IsOpenCvsBitForBit) {
  struct Case {
    int height, width, channels, size;
    Similarity to;
    uint64_t hash;
  };
  const Case cases[] = {
      {180,
       150,
       3,
       112,
       {0.7753, -0.2494, -33.0944, 16.4059},
       0xe43201563467ade7},
      {60, 75, 1, 56, {1.25, 0.5, -20.75, 3.125}, 0xf5973201cc3c12c4},
      {40, 40, 3, 112, {-2.5, 0.75, 90, 120}, 0x25c78cead1d91a3f},
  };
  for (const Case &it : cases) {
    Image image = makePicture(it.height, it.width, it.channels);
    std::vector<uint8_t> out(size_t(it.size) * it.size * it.channels);
    warp(image.pixels, image.shape, it.to, out,
         {it.size, it.size, it.channels});
    EXPECT_EQ(hashOf(out), it.hash) << it.height;
  }
}

} // namespace
} // namespace pfc::rt::data

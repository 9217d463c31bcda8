#include "runtime/data/Align.h"

#include "runtime/base/Error.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace pfc::rt::data {
namespace {

constexpr int stepBits = 5, steps = 1 << stepBits; // of a pixel
constexpr int placeBits = 10;                      // of a place's fraction

/// Nearest whole number, halves to even; far beyond any picture three of them
/// still add up.
int rounded(double value) {
  return static_cast<int>(std::clamp(std::nearbyint(value), -0x1p29, 0x1p29));
}

/// A place's share along one axis, in 2^-placeBits pixels.
std::vector<int> placesAlong(double perPixel, int count) {
  std::vector<int> places(count);
  for (int i = 0; i < count; ++i)
    places[i] = rounded(perPixel * i * (1 << placeBits));
  return places;
}

class Sampler {
public:
  Sampler(std::span<const uint8_t> pixels, ImageShape shape)
      : pixels(pixels), shape(shape) {}

  /// The picture's value at (x, y), in 1/32 pixels.
  void sample(int x, int y, uint8_t *out) const {
    int left = x >> stepBits, top = y >> stepBits;
    int right = x & (steps - 1), below = y & (steps - 1); // weights
    for (int c = 0; c < shape.channels; ++c) {
      int upper =
          at(left, top, c) * (steps - right) + at(left + 1, top, c) * right;
      int lower = at(left, top + 1, c) * (steps - right) +
                  at(left + 1, top + 1, c) * right;
      int sum = upper * (steps - below) + lower * below;
      out[c] =
          static_cast<uint8_t>((sum + steps * steps / 2) >> (2 * stepBits));
    }
  }

private:
  int at(int x, int y, int c) const {
    if (x < 0 || y < 0 || x >= shape.width || y >= shape.height)
      return 0;
    return pixels[(size_t(y) * shape.width + x) * shape.channels + c];
  }

  std::span<const uint8_t> pixels;
  ImageShape shape;
};

} // namespace

Landmarks cropLandmarks(int height, int width) {
  constexpr double crop = 112;
  Landmarks places{{{38.2946, 51.6963},
                    {73.5318, 51.5014},
                    {56.0252, 71.7366},
                    {41.5493, 92.3655},
                    {70.7299, 92.2041}}};
  for (Point &place : places)
    place = {place.x * width / crop, place.y * height / crop};
  return places;
}

/// As complex numbers the fit is q = z p + t with
///   z = sum conj(p_i - mean p) (q_i - mean q) / sum |p_i - mean p|^2.
Similarity fitSimilarity(const Landmarks &from, const Landmarks &to) {
  Point fromMean, toMean;
  double count = static_cast<double>(from.size());
  for (size_t i = 0; i < from.size(); ++i) {
    fromMean = {fromMean.x + from[i].x / count, fromMean.y + from[i].y / count};
    toMean = {toMean.x + to[i].x / count, toMean.y + to[i].y / count};
  }
  double real = 0, imaginary = 0, square = 0;
  for (size_t i = 0; i < from.size(); ++i) {
    double px = from[i].x - fromMean.x, py = from[i].y - fromMean.y;
    double qx = to[i].x - toMean.x, qy = to[i].y - toMean.y;
    real += px * qx + py * qy;
    imaginary += px * qy - py * qx;
    square += px * px + py * py;
  }
  require(square > 0 && std::isfinite(square),
          "its five landmarks are one point, or no numbers");
  Similarity fit{real / square, imaginary / square, 0, 0};
  Point mean = fit(fromMean);
  fit.dx = toMean.x - mean.x;
  fit.dy = toMean.y - mean.y;
  return fit;
}

void warp(std::span<const uint8_t> from, ImageShape shape,
          const Similarity &toOutput, std::span<uint8_t> to,
          ImageShape outputShape) {
  require(shape.channels == outputShape.channels,
          "a picture of {} channels for one of {}", shape.channels,
          outputShape.channels);
  double square = toOutput.a * toOutput.a + toOutput.b * toOutput.b;
  require(square > 0 && std::isfinite(square),
          "its landmarks give no place in the crop");
  // The other way: from places in the output to places in the picture.
  Similarity back{toOutput.a / square, -toOutput.b / square, 0, 0};
  Point shift = back({toOutput.dx, toOutput.dy});
  back.dx = -shift.x;
  back.dy = -shift.y;

  std::vector<int> xAlong = placesAlong(back.a, outputShape.width);
  std::vector<int> yAlong = placesAlong(back.b, outputShape.width);
  constexpr int half = 1 << (placeBits - stepBits - 1);
  Sampler sampler(from, shape);
  uint8_t *out = to.data();
  for (int row = 0; row < outputShape.height; ++row) {
    int x = rounded((-back.b * row + back.dx) * (1 << placeBits)) + half;
    int y = rounded((back.a * row + back.dy) * (1 << placeBits)) + half;
    for (int column = 0; column < outputShape.width;
         ++column, out += outputShape.channels)
      sampler.sample((x + xAlong[column]) >> (placeBits - stepBits),
                     (y + yAlong[column]) >> (placeBits - stepBits), out);
  }
}

} // namespace pfc::rt::data

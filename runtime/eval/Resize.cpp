#include "runtime/eval/Resize.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace pfc::rt {
namespace {

/// The two input positions an output position blends.
struct Tap {
  int low, high;
  float weight; ///< of high
};

std::vector<Tap> taps(int from, int to) {
  std::vector<Tap> result(to);
  for (int i = 0; i < to; ++i) {
    float at = (i + 0.5f) * from / to - 0.5f;
    at = std::clamp(at, 0.0f, static_cast<float>(from - 1));
    int low = static_cast<int>(at);
    result[i] = {low, std::min(low + 1, from - 1), at - low};
  }
  return result;
}

} // namespace

void resizeBilinear(std::span<const uint8_t> from, int fromHeight,
                    int fromWidth, std::span<uint8_t> to, int toHeight,
                    int toWidth, int channels) {
  if (fromHeight == toHeight && fromWidth == toWidth) {
    std::copy_n(from.begin(), to.size(), to.begin());
    return;
  }
  std::vector<Tap> rows = taps(fromHeight, toHeight);
  std::vector<Tap> columns = taps(fromWidth, toWidth);
  uint8_t *out = to.data();
  for (const Tap &y : rows) {
    const uint8_t *top = &from[size_t(y.low) * fromWidth * channels];
    const uint8_t *bottom = &from[size_t(y.high) * fromWidth * channels];
    for (const Tap &x : columns) {
      for (int c = 0; c < channels; ++c) {
        int left = x.low * channels + c, right = x.high * channels + c;
        float upper = top[left] + (top[right] - top[left]) * x.weight;
        float lower = bottom[left] + (bottom[right] - bottom[left]) * x.weight;
        *out++ = static_cast<uint8_t>(
            std::lround(upper + (lower - upper) * y.weight));
      }
    }
  }
}

} // namespace pfc::rt

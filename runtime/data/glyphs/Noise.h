//===- Noise.h - Sensor noise from a table ----------------------*- C++ -*-===//
//
// Drawing a Gaussian for each of 37,632 values would cost more than all the
// rest of an image. A row takes a run of one fixed table instead, from a place
// drawn at random.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DATA_GLYPHS_NOISE_H
#define PFC_RUNTIME_DATA_GLYPHS_NOISE_H

#include "runtime/base/Philox.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace pfc::rt::data::glyphs {

/// At least 2048 Gaussian values of standard deviation 8.
inline const int8_t *noiseRow(uint32_t where) {
  constexpr uint32_t starts = 1 << 16;
  static const std::vector<int8_t> table = [] {
    std::vector<int8_t> values(starts + 2048);
    for (uint32_t i = 0; i < values.size(); ++i) { // Box and Muller
      PhiloxBlock words = philox(0, RandomPurpose::Glyphs, i, ~0u, ~0u);
      double radius = std::sqrt(-2 * std::log(1.0 - unitFloat(words[0])));
      double value =
          8 * radius * std::cos(2 * std::numbers::pi * unitFloat(words[1]));
      values[i] =
          static_cast<int8_t>(std::clamp(std::lround(value), -127l, 127l));
    }
    return values;
  }();
  return &table[where % starts];
}

} // namespace pfc::rt::data::glyphs

#endif // PFC_RUNTIME_DATA_GLYPHS_NOISE_H

// Against the compiler's own _Float16.
#include "runtime/base/Float16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

namespace pfc::rt {
namespace {

uint16_t expectedBits(float value) {
  auto half = static_cast<_Float16>(value);
  uint16_t bits;
  std::memcpy(&bits, &half, sizeof bits);
  return bits;
}

TEST(Float16, EveryValueAndBack) {
  for (uint32_t i = 0; i < 65536; ++i) {
    auto bits = static_cast<uint16_t>(i);
    _Float16 half;
    std::memcpy(&half, &bits, sizeof half);
    float value = float16ToFloat(bits);
    if (std::isnan(static_cast<float>(half))) {
      ASSERT_TRUE(std::isnan(value));
      ASSERT_TRUE(std::isnan(float16ToFloat(floatToFloat16(value))));
    } else {
      ASSERT_EQ(value, static_cast<float>(half));
      ASSERT_EQ(floatToFloat16(value), bits);
    }
  }
}

TEST(Float16, RoundsToNearestEven) {
  std::mt19937 random(3);
  std::uniform_int_distribution<uint32_t> exponents(90, 145),
      fractions(0, 8191);
  for (int i = 0; i < 100000; ++i) {
    // Fractions with few bits, so that ties come up.
    uint32_t bits = exponents(random) << 23 | fractions(random) << 10;
    float value = std::bit_cast<float>(bits);
    ASSERT_EQ(floatToFloat16(value), expectedBits(value)) << value;
    ASSERT_EQ(floatToFloat16(-value), expectedBits(-value)) << -value;
  }
  for (float edge : {65504.0f, 65519.996f, 65520.0f, 1e30f, INFINITY, 0x1p-24f,
                     0x1p-25f, 0x1.000002p-25f, 0x1.8p-24f})
    EXPECT_EQ(floatToFloat16(edge), expectedBits(edge)) << edge;
}

} // namespace
} // namespace pfc::rt

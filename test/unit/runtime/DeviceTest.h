//===- DeviceTest.h - One instruction on every device -----------*- C++ -*-===//
//
// Conformance tests of the Device interface, on the CPU or $PFC_TEST_DEVICE:
// each builds one instruction with buffers of its own in an arena, fills
// operands with random numbers and the result with NaN, executes, and compares
// with a float64 reference.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_TEST_UNIT_RUNTIME_DEVICETEST_H
#define PFC_TEST_UNIT_RUNTIME_DEVICETEST_H

#include "runtime/base/Bfloat16.h"
#include "runtime/device/Device.h"
#include "runtime/plan/Shape.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>

namespace pfc::rt::test {

class DeviceTest : public testing::Test {
protected:
  static constexpr uint64_t arenaBytes = 8 << 20;

  static std::string deviceName() {
    const char *name = std::getenv("PFC_TEST_DEVICE");
    return name ? name : "cpu";
  }
  /// oneDNN wants AVX-512 for bf16, CUDA a chip of 2020 or later.
  bool multipliesBf16() const {
    return device->supports("avx512") || device->supports("sm_80");
  }

  std::unique_ptr<Device> device = openDevice(deviceName(), {2});
  std::byte *arena = device->allocateArena(arenaBytes).device;
  uint64_t used = 0;
  std::mt19937 random{11};

  BufferView place(plan::fb::DType dtype, std::vector<int64_t> shape) {
    BufferView view{arena + used, dtype, std::move(shape)};
    used += (static_cast<uint64_t>(view.elements()) * byteWidth(dtype) + 63) /
            64 * 64;
    EXPECT_LE(used, arenaBytes);
    return view;
  }

  /// Uploads `values`, rounded to the buffer's type; returns what is there.
  std::vector<double> fill(const BufferView &view,
                           const std::vector<float> &values) {
    std::vector<double> stored(values.begin(), values.end());
    if (view.dtype == plan::fb::DType_F32) {
      device->upload(values.data(), view);
      return stored;
    }
    std::vector<uint16_t> bits;
    for (float value : values)
      bits.push_back(floatToBfloat16(value));
    device->upload(bits.data(), view);
    for (size_t i = 0; i < bits.size(); ++i)
      stored[i] = bfloat16ToFloat(bits[i]);
    return stored;
  }

  std::vector<double> fillRandom(const BufferView &view) {
    std::uniform_real_distribution<float> uniform(-1, 1);
    std::vector<float> values(static_cast<size_t>(view.elements()));
    for (float &value : values)
      value = uniform(random);
    return fill(view, values);
  }

  void poison(const BufferView &view) {
    fill(view, std::vector<float>(static_cast<size_t>(view.elements()),
                                  std::numeric_limits<float>::quiet_NaN()));
  }

  std::vector<float> read(const BufferView &view) {
    std::vector<float> values(static_cast<size_t>(view.elements()));
    if (view.dtype == plan::fb::DType_F32) {
      device->download(view, values.data());
      return values;
    }
    std::vector<uint16_t> bits(values.size());
    device->download(view, bits.data());
    for (size_t i = 0; i < bits.size(); ++i)
      values[i] = bfloat16ToFloat(bits[i]);
    return values;
  }

  /// Relative to the largest magnitude: fp32 sums err by a few ulp of their
  /// terms, and a bf16 result is rounded to 8 bits.
  void expectNear(const BufferView &result,
                  const std::vector<double> &reference) {
    std::vector<float> actual = read(result);
    ASSERT_EQ(actual.size(), reference.size());
    double largest = 0;
    for (double value : reference)
      largest = std::max(largest, std::abs(value));
    double tolerance =
        largest * (result.dtype == plan::fb::DType_F32 ? 1e-5 : 1.0 / 256);
    for (size_t i = 0; i < actual.size(); ++i)
      ASSERT_NEAR(actual[i], reference[i], tolerance) << "element " << i;
  }
};

/// The element types of a product's operands and its result.
struct ProductTypes {
  plan::fb::DType operand, result;
};

inline std::string typesName(const ProductTypes &types) {
  return std::string(dtypeName(types.operand)) + "_" + dtypeName(types.result);
}

} // namespace pfc::rt::test

#endif // PFC_TEST_UNIT_RUNTIME_DEVICETEST_H

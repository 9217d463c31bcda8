//===- EmulatedCudaTest.h - CUDA text on the emulated device ----*- C++ -*-===//
//
// A test states a kernel, its launch and its buffers; the kernel is compiled by
// the host's compiler and executed as a plan's would be.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_TEST_UNIT_RUNTIME_EMULATEDCUDATEST_H
#define PFC_TEST_UNIT_RUNTIME_EMULATEDCUDATEST_H

#include "TestPlan.h"
#include "runtime/base/Error.h"
#include "runtime/device/Device.h"
#include "runtime/plan/Shape.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

namespace pfc::rt::test {

class EmulatedCudaTest : public testing::Test {
protected:
  static constexpr uint64_t arenaBytes = 1 << 20;

  static void SetUpTestSuite() {
    setenv("PFC_CACHE_DIR", PFC_TEST_CACHE, /*overwrite=*/1);
  }

  std::unique_ptr<Device> device = openDevice("emulated-cuda", {2});
  std::byte *arena = device->allocateArena(arenaBytes).device;
  uint64_t used = 0;
  uint32_t shared = 0;                   ///< bytes that a launch gives a block
  std::vector<plan::fb::TensorMap> maps; ///< that it makes

  /// The next bytes of the arena: neighbours touch, where 64 bytes divide them.
  BufferView place(plan::fb::DType dtype, std::vector<int64_t> shape) {
    BufferView view{arena + used, dtype, std::move(shape)};
    used += (bytesOf(view) + 63) / 64 * 64;
    EXPECT_LE(used, arenaBytes);
    return view;
  }

  template <typename T>
  BufferView hold(plan::fb::DType dtype, const std::vector<T> &values) {
    BufferView view = place(dtype, {static_cast<int64_t>(values.size())});
    EXPECT_EQ(bytesOf(view), values.size() * sizeof(T));
    device->upload(values.data(), view);
    return view;
  }

  template <typename T>
  std::vector<T> read(const BufferView &view) {
    std::vector<T> values(static_cast<size_t>(view.elements()));
    EXPECT_EQ(bytesOf(view), values.size() * sizeof(T));
    device->download(view, values.data());
    return values;
  }

  /// What a kernel takes behind its buffers.
  struct Numbers {
    std::vector<plan::fb::DType> types;
    std::vector<int64_t> bits;
  };

  /// Compiles `cuda` and launches its kernel 'k'.
  void run(const std::string &cuda, unsigned threads, int64_t work,
           std::vector<BufferView> arguments, Numbers numbers = {}) {
    plan = TestPlan();
    plan.kernel("k", static_cast<uint32_t>(arguments.size()));
    plan.variant().kernels[0]->threads = threads;
    plan.variant().kernels[0]->numbers = numbers.types;
    plan.variant().kernels[0]->shared = shared;
    plan.variant().kernels[0]->tensor_maps = maps;
    plan.variant().kernel_cuda = cuda;
    plan.launch(0, std::vector<uint32_t>(arguments.size(), 0), work)
        .operation.AsLaunch()
        ->numbers = numbers.bits;
    plan.buffer(plan::fb::DType_F32, {1, 32}); // what a tensor map may be of
    const plan::fb::Variant &variant = *plan.finish().variants()->Get(0);
    device->loadKernels(variant);
    device
        ->makeLaunch(*variant.programs()
                          ->Get(0)
                          ->instructions()
                          ->Get(0)
                          ->operation_as_Launch(),
                     std::move(arguments))
        ->execute();
  }

  /// What `run` refuses.
  std::string problem(const std::string &cuda, unsigned threads, int64_t work,
                      std::vector<BufferView> arguments) {
    try {
      run(cuda, threads, work, std::move(arguments));
    } catch (const Error &error) {
      return error.what();
    }
    return "nothing";
  }

private:
  static uint64_t bytesOf(const BufferView &view) {
    return static_cast<uint64_t>(view.elements()) * byteWidth(view.dtype);
  }

  TestPlan plan;
};

/// With two buffers of 64 floats, to break a rule of CUDA on.
class EmulatedCudaChecks : public EmulatedCudaTest {
protected:
  std::vector<float> zeros = std::vector<float>(64);
  BufferView x = hold(plan::fb::DType_F32, zeros),
             y = hold(plan::fb::DType_F32, zeros);
};

} // namespace pfc::rt::test

#endif // PFC_TEST_UNIT_RUNTIME_EMULATEDCUDATEST_H

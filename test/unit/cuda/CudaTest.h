//===- CudaTest.h - What tests of the CUDA device share ---------*- C++ -*-===//
#ifndef PFC_TEST_UNIT_CUDA_CUDATEST_H
#define PFC_TEST_UNIT_CUDA_CUDATEST_H

#include "../runtime/TestPlan.h"
#include "fake/FakeCuda.h"
#include "runtime/base/Error.h"
#include "runtime/device/Device.h"
#include "runtime/device/cuda/CudaLibraries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace pfc::rt::test {

/// The kernel scale(out, in) of `plan`, which doubles four numbers.
inline uint32_t addScale(TestPlan &plan) {
  uint32_t kernel = plan.kernel("scale", 2);
  plan.variant().kernels[kernel]->threads = 32;
  plan.variant().kernel_cuda =
      "extern \"C\" __global__ void scale(float *out, const float *in) {\n"
      "  out[threadIdx.x] = 2.0f * in[threadIdx.x];\n}\n";
  return kernel;
}

class CudaTest : public testing::Test {
protected:
  static void SetUpTestSuite() {
    setenv("PFC_CUDA_LIBRARIES", PFC_FAKE_CUDA, 1);
    setenv("PFC_CACHE_DIR", PFC_TEST_CACHE, 1);
  }

  void SetUp() override {
    fakecuda::reset();
    try {
      cuda::nvrtc();
    } catch (const Error &error) {
      GTEST_SKIP() << "kernels are compiled by the real NVRTC: "
                   << error.what();
    }
  }

  static std::string messageOf(const std::function<void()> &body) {
    try {
      body();
    } catch (const Error &error) {
      return error.what();
    }
    return "no error";
  }
};

} // namespace pfc::rt::test

#endif // PFC_TEST_UNIT_CUDA_CUDATEST_H

// What the emulated device executes: CUDA's built-in variables, barriers, warp
// functions, shared memory, atomics, types and mathematics, each in a kernel
// whose results are known.
#include "EmulatedCudaTest.h"
#include "runtime/base/Bfloat16.h"
#include "runtime/base/Float16.h"

#include <bit>
#include <cmath>
#include <numeric>
#include <random>

namespace pfc::rt::test {
namespace {

using namespace plan::fb;

class EmulatedCuda : public EmulatedCudaTest {
protected:
  std::mt19937 random{7};

  std::vector<float> uniform(size_t count, float low, float high) {
    std::uniform_real_distribution<float> distribution(low, high);
    std::vector<float> values(count);
    for (float &value : values)
      value = distribution(random);
    return values;
  }

  /// One int from each of a warp's 32 lanes.
  std::vector<int> warp(const std::string &expression) {
    BufferView result = hold(DType_I32, std::vector<int>(32, -1));
    run("extern \"C\" __global__ void k(int *result) {\n"
        "  int lane = threadIdx.x;\n"
        "  result[lane] = " +
            expression + ";\n}\n",
        32, 1, {result});
    return read<int>(result);
  }

  template <typename Function>
  static std::vector<int> lanes(Function expected) {
    std::vector<int> values(32);
    for (int lane = 0; lane < 32; ++lane)
      values[static_cast<size_t>(lane)] = expected(lane);
    return values;
  }
};

//===--- Grid and blocks -------------------------------------------------===//

TEST_F(EmulatedCuda, EveryThreadOfEveryBlockOnce) {
  constexpr int blocks = 5, threads = 48; // no multiple of a warp
  BufferView seen = hold(DType_I32, std::vector<int>(blocks * threads));
  BufferView shape = hold(DType_I32, std::vector<int>(7));
  run(R"(
extern "C" __global__ void k(int *seen, int *shape) {
  seen[blockIdx.x * blockDim.x + threadIdx.x] += threadIdx.x + 1;
  if (blockIdx.x == 4 && threadIdx.x == 47) {
    shape[0] = blockDim.x, shape[1] = blockDim.y, shape[2] = gridDim.x;
    shape[3] = gridDim.z, shape[4] = threadIdx.y, shape[5] = blockIdx.y;
    shape[6] = warpSize;
  }
})",
      threads, blocks, {seen, shape});
  std::vector<int> values = read<int>(seen);
  for (int i = 0; i < blocks * threads; ++i)
    ASSERT_EQ(values[static_cast<size_t>(i)], i % threads + 1);
  EXPECT_EQ(read<int>(shape), (std::vector<int>{48, 1, 5, 1, 0, 0, 32}));
}

// More units of work than blocks: the kernel's loop does the rest.
TEST_F(EmulatedCuda, GridStrideLoop) {
  BufferView y = hold(DType_I32, std::vector<int>(1000));
  BufferView blocks = hold(DType_I32, std::vector<int>(1));
  run(R"(
extern "C" __global__ void k(int *y, int *blocks) {
  for (long unit = blockIdx.x; unit < 1000; unit += gridDim.x)
    if (threadIdx.x == unit % 32)
      y[unit] += (int)unit;
  *blocks = gridDim.x;
})",
      32, 1000, {y, blocks});
  std::vector<int> expected(1000);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(read<int>(y), expected);
  EXPECT_LT(read<int>(blocks)[0], 1000);
}

// Behind the buffers: the first bytes of 64 bits, as the kernel's type has it.
TEST_F(EmulatedCuda, Numbers) {
  BufferView y = hold(DType_F32, std::vector<float>(64, 1));
  Numbers numbers{{DType_I32, DType_F32, DType_I64},
                  {-7, std::bit_cast<int32_t>(-0.5f), int64_t{1} << 40}};
  run(R"(
extern "C" __global__ void k(float *__restrict__ y, int n, float factor,
                             long long large) {
  y[threadIdx.x] = (n + (float)(large >> 38)) * factor;
})",
      64, 1, {y}, numbers);
  EXPECT_EQ(read<float>(y), std::vector<float>(64, 1.5f));
}

//===--- Barriers and shared memory --------------------------------------===//

// A block's sum over a tree with a barrier a level, at every block size.
TEST_F(EmulatedCuda, BlockSumOverBarriers) {
  for (unsigned threads : {1u, 32u, 100u, 256u, 1024u}) {
    std::vector<float> values = uniform(8 * threads, -1, 1);
    used = 0;
    BufferView x = hold(DType_F32, values);
    BufferView sums = hold(DType_F32, std::vector<float>(8, NAN));
    run(R"(
extern "C" __global__ void k(const float *x, float *sums) {
  __shared__ float partial[1024];
  unsigned i = threadIdx.x, n = blockDim.x;
  partial[i] = x[blockIdx.x * n + i];
  __syncthreads();
  while (n > 1) {
    unsigned half = (n + 1) / 2;
    if (i + half < n)
      partial[i] += partial[i + half];
    n = half;
    __syncthreads();
  }
  if (i == 0)
    sums[blockIdx.x] = partial[0];
})",
        threads, 8, {x, sums});
    std::vector<float> result = read<float>(sums);
    for (size_t block = 0; block < 8; ++block) {
      auto begin = values.begin() + static_cast<long>(block * threads);
      double sum = std::accumulate(begin, begin + threads, 0.0);
      ASSERT_NEAR(result[block], sum, 1e-4) << threads << " threads";
    }
  }
}

TEST_F(EmulatedCuda, SharedArraysOfEveryForm) {
  BufferView y = hold(DType_F32, std::vector<float>(64, NAN));
  run(R"(
template <int N>
__device__ float rotated(float value) { // one array an instantiation
  __shared__ float ring[64]; /* with a ; in a comment */
  ring[threadIdx.x] = value;
  __syncthreads();
  float result = ring[(threadIdx.x + N) % 64];
  __syncthreads();
  return result;
}
extern "C" __global__ void k(float *y) {
  __shared__ __align__(16) float tile[8]
                                     [8 + 1];
  __shared__ float4 packs[16];
  __shared__ unsigned count;
  if (threadIdx.x == 0)
    count = 0;
  tile[threadIdx.x % 8][threadIdx.x / 8] = threadIdx.x;
  if (threadIdx.x < 16)
    packs[threadIdx.x] = make_float4(threadIdx.x, 0, 0, 0.5f);
  __syncthreads();
  atomicAdd(&count, 1u);
  __syncthreads();
  y[threadIdx.x] = tile[threadIdx.x / 8][threadIdx.x % 8]  // transposed
                   + packs[threadIdx.x % 16].w + 100.0f * count
                   + 10000.0f * rotated<1>(threadIdx.x)
                   + 1000000.0f * rotated<2>(threadIdx.x);
})",
      64, 1, {y});
  std::vector<float> result = read<float>(y);
  for (unsigned i = 0; i < 64; ++i)
    ASSERT_EQ(result[i], static_cast<float>(i % 8 * 8 + i / 8) + 0.5f +
                             6400.0f + 10000.0f * float((i + 1) % 64) +
                             1000000.0f * float((i + 2) % 64));
}

// A thread's registers, stack and place survive while the others run.
TEST_F(EmulatedCuda, ManyRoundsOfBarriers) {
  BufferView y = hold(DType_I32, std::vector<int>(256));
  run(R"(
extern "C" __global__ void k(int *y) {
  __shared__ int ring[256];
  int sum = 0, local[4] = {};
  ring[threadIdx.x] = threadIdx.x;
  for (int round = 0; round < 100; ++round) {
    __syncthreads();
    int next = ring[(threadIdx.x + 1) % 256];
    __syncthreads();
    ring[threadIdx.x] = next;
    local[round % 4] += next;
  }
  for (int part : local)
    sum += part;
  y[threadIdx.x] = sum;
})",
      256, 1, {y});
  std::vector<int> result = read<int>(y);
  for (int i = 0; i < 256; ++i) {
    int sum = 0;
    for (int round = 1; round <= 100; ++round)
      sum += (i + round) % 256;
    ASSERT_EQ(result[static_cast<size_t>(i)], sum);
  }
}

//===--- Warps -----------------------------------------------------------===//

TEST_F(EmulatedCuda, Shuffles) {
  EXPECT_EQ(warp("__shfl_sync(~0u, lane * lane, 5)"),
            lanes([](int) { return 25; }));
  EXPECT_EQ(warp("__shfl_sync(~0u, lane, lane + 33)"),
            lanes([](int lane) { return (lane + 1) % 32; }));
  EXPECT_EQ(warp("__shfl_xor_sync(~0u, lane, 9)"),
            lanes([](int lane) { return lane ^ 9; }));
  EXPECT_EQ(warp("__shfl_down_sync(~0u, lane, 3)"),
            lanes([](int lane) { return lane + 3 < 32 ? lane + 3 : lane; }));
  EXPECT_EQ(warp("__shfl_up_sync(~0u, lane, 3)"),
            lanes([](int lane) { return lane >= 3 ? lane - 3 : lane; }));
}

TEST_F(EmulatedCuda, ShufflesOfSegments) {
  EXPECT_EQ(warp("__shfl_sync(~0u, lane, 2, 8)"),
            lanes([](int lane) { return lane / 8 * 8 + 2; }));
  EXPECT_EQ(warp("__shfl_down_sync(~0u, lane, 5, 16)"), lanes([](int lane) {
              return lane % 16 + 5 < 16 ? lane + 5 : lane;
            }));
  EXPECT_EQ(warp("__shfl_up_sync(~0u, lane, 1, 4)"),
            lanes([](int lane) { return lane % 4 ? lane - 1 : lane; }));
  EXPECT_EQ(warp("__shfl_xor_sync(~0u, lane, 2, 4)"),
            lanes([](int lane) { return lane ^ 2; }));
}

TEST_F(EmulatedCuda, ShufflesKeepEveryBit) {
  EXPECT_EQ(warp("(int)(__shfl_xor_sync(~0u, lane * 1e6 + 0.25, 1) * 4) - "
                 "4000000 * (lane ^ 1)"),
            lanes([](int) { return 1; }));
  EXPECT_EQ(warp("(int)(__shfl_xor_sync(~0u, (long long)lane << 40, 1) >> 40)"),
            lanes([](int lane) { return lane ^ 1; }));
}

TEST_F(EmulatedCuda, Votes) {
  EXPECT_EQ(warp("(int)__ballot_sync(~0u, lane % 3 == 0)"),
            lanes([](int) { return 0x49249249; }));
  EXPECT_EQ(warp("__any_sync(~0u, lane == 31) + 2 * __any_sync(~0u, 0) + "
                 "4 * __all_sync(~0u, lane < 32) + "
                 "8 * __all_sync(~0u, lane < 31)"),
            lanes([](int) { return 1 + 4; }));
}

// Half of a warp exchanges while the other half does otherwise.
TEST_F(EmulatedCuda, MasksOfHalves) {
  EXPECT_EQ(warp("lane < 16 ? __shfl_xor_sync(0x0000ffffu, lane, 1) "
                 ": (__syncwarp(0xffff0000u), -lane)"),
            lanes([](int lane) { return lane < 16 ? lane ^ 1 : -lane; }));
}

TEST_F(EmulatedCuda, WarpSumsInABlockOfSeveral) {
  std::vector<float> values = uniform(256, -1, 1);
  BufferView x = hold(DType_F32, values);
  BufferView sums = hold(DType_F32, std::vector<float>(8, NAN));
  run(R"(
extern "C" __global__ void k(const float *x, float *sums) {
  float v = x[threadIdx.x];
  for (int offset = 16; offset > 0; offset /= 2)
    v += __shfl_xor_sync(0xffffffff, v, offset);
  if (threadIdx.x % 32 == 0)
    sums[threadIdx.x / 32] = v;
})",
      256, 1, {x, sums});
  std::vector<float> result = read<float>(sums);
  for (size_t i = 0; i < 8; ++i) {
    auto begin = values.begin() + static_cast<long>(32 * i);
    ASSERT_NEAR(result[i], std::accumulate(begin, begin + 32, 0.0), 1e-5);
  }
}

//===--- Atomics ---------------------------------------------------------===//

TEST_F(EmulatedCuda, AtomicsOverBlocks) {
  BufferView ints = hold(DType_I32, std::vector<int>{0, 1000, -1000, 0, 7});
  BufferView sum = hold(DType_F32, std::vector<float>{0});
  BufferView wide = hold(DType_I64, std::vector<int64_t>{0, 0, 0});
  run(R"(
extern "C" __global__ void k(int *ints, float *sum, unsigned long long *wide) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  atomicAdd(&ints[0], 1);
  atomicMin(&ints[1], i - 5);
  atomicMax(&ints[2], i);
  atomicOr((unsigned *)&ints[3], 1u << (i % 4));
  atomicCAS(&ints[4], 7, i + 100);
  atomicAdd(sum, 0.5f);
  atomicAdd(wide, 1ull << 33);
  if (atomicOr(&wide[1], 1ull << (i % 40)) >> (i % 40) & 1)
    atomicAdd(&wide[2], 1ull << 40);
})",
      64, 8, {ints, sum, wide});
  std::vector<int> result = read<int>(ints);
  EXPECT_EQ(result[0], 512);
  EXPECT_EQ(result[1], -5);
  EXPECT_EQ(result[2], 511);
  EXPECT_EQ(result[3], 15);
  EXPECT_GE(result[4], 100); // the first to come, whoever it is
  EXPECT_EQ(read<float>(sum)[0], 256.0f);
  EXPECT_EQ(read<int64_t>(wide)[0], int64_t{512} << 33);
  EXPECT_EQ(read<int64_t>(wide)[1], (int64_t{1} << 40) - 1);
  EXPECT_EQ(read<int64_t>(wide)[2], int64_t{512 - 40} << 40);
}

//===--- Types -----------------------------------------------------------===//

// Every bf16 to float and back, and floats between them.
TEST_F(EmulatedCuda, Bfloat16AsTheRuntimeRounds) {
  std::vector<uint16_t> all(65536);
  std::iota(all.begin(), all.end(), uint16_t{0});
  std::vector<float> values = uniform(4096, -3, 3);
  for (float edge : {1.00390625f, 1.01171875f, 3.3895314e38f, 1e-40f, 0.0f,
                     -0.0f, INFINITY, 65504.0f})
    values.push_back(edge);
  BufferView bits = hold(DType_BF16, all);
  BufferView floats = hold(DType_F32, std::vector<float>(65536));
  BufferView x = hold(DType_F32, values);
  BufferView rounded = hold(DType_BF16, std::vector<uint16_t>(values.size()));
  run(R"(
#include <cuda_bf16.h>
extern "C" __global__ void k(__nv_bfloat16 *bits, float *floats,
                             const float *x, __nv_bfloat16 *rounded) {
  for (int i = threadIdx.x; i < 65536; i += blockDim.x) {
    floats[i] = __bfloat162float(bits[i]);
    bits[i] = __float2bfloat16(floats[i]);
  }
  for (int i = threadIdx.x; i < )" +
          std::to_string(values.size()) + R"(; i += blockDim.x)
    rounded[i] = __float2bfloat16_rn(x[i]);
})",
      128, 1, {bits, floats, x, rounded});
  std::vector<float> wide = read<float>(floats);
  std::vector<uint16_t> back = read<uint16_t>(bits);
  for (size_t i = 0; i < 65536; ++i) {
    float expected = bfloat16ToFloat(all[i]);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(wide[i]));
      ASSERT_TRUE(std::isnan(bfloat16ToFloat(back[i])));
    } else {
      ASSERT_EQ(wide[i], expected);
      ASSERT_EQ(back[i], all[i]);
    }
  }
  std::vector<uint16_t> result = read<uint16_t>(rounded);
  for (size_t i = 0; i < values.size(); ++i)
    ASSERT_EQ(result[i], floatToBfloat16(values[i])) << values[i];
}

// Every fp16 to float and back; floats against the compiler's own _Float16.
TEST_F(EmulatedCuda, HalfAsTheHardwareRounds) {
  std::vector<uint16_t> all(65536);
  std::iota(all.begin(), all.end(), uint16_t{0});
  std::vector<float> values = uniform(4096, -3, 3);
  for (float scale : {1e-4f, 1e-6f, 3e-8f, 1e4f, 6e4f})
    for (float value : uniform(1024, -scale, scale))
      values.push_back(value);
  for (float edge : {65504.0f, 65519.0f, 65520.0f, 1e9f, INFINITY, -0.0f,
                     5.9604645e-8f, 2.9802322e-8f, 2.9802326e-8f, 6.1035156e-5f,
                     1.00048828125f, 1.00146484375f})
    values.push_back(edge);
  BufferView bits = hold(DType_F16, all);
  BufferView floats = hold(DType_F32, std::vector<float>(65536));
  BufferView x = hold(DType_F32, values);
  BufferView rounded = hold(DType_F16, std::vector<uint16_t>(values.size()));
  run(R"(
#include <cuda_fp16.h>
extern "C" __global__ void k(__half *bits, float *floats, const float *x,
                             __half *rounded) {
  for (int i = threadIdx.x; i < 65536; i += blockDim.x) {
    floats[i] = __half2float(bits[i]);
    bits[i] = __float2half(floats[i]);
  }
  for (int i = threadIdx.x; i < )" +
          std::to_string(values.size()) + R"(; i += blockDim.x)
    rounded[i] = __float2half_rn(x[i]);
})",
      128, 1, {bits, floats, x, rounded});
  std::vector<float> wide = read<float>(floats);
  std::vector<uint16_t> back = read<uint16_t>(bits);
  for (size_t i = 0; i < 65536; ++i) {
    _Float16 half;
    std::memcpy(&half, &all[i], sizeof half);
    if (std::isnan(static_cast<float>(half))) {
      ASSERT_TRUE(std::isnan(wide[i]));
    } else {
      ASSERT_EQ(wide[i], static_cast<float>(half));
      ASSERT_EQ(back[i], all[i]);
    }
  }
  std::vector<uint16_t> result = read<uint16_t>(rounded);
  for (size_t i = 0; i < values.size(); ++i) {
    auto half = static_cast<_Float16>(values[i]);
    uint16_t expected;
    std::memcpy(&expected, &half, sizeof half);
    ASSERT_EQ(result[i], expected) << values[i];
  }
}

TEST_F(EmulatedCuda, PairsAndPacks) {
  BufferView y = hold(DType_BF16, std::vector<uint16_t>(16));
  run(R"(
#include <cuda_bf16.h>
typedef unsigned int uint32_t;
template <typename T, int N>
struct alignas(sizeof(T) * N) Pack {
  T values[N];
};
extern "C" __global__ void k(__nv_bfloat16 *y) {
  Pack<__nv_bfloat16, 8> pack;
  for (int i = 0; i < 8; ++i)
    pack.values[i] = 1.5f * i;
  *reinterpret_cast<Pack<__nv_bfloat16, 8> *>(y) = pack;
  float2 pair = __bfloat1622float2(
      *reinterpret_cast<const __nv_bfloat162 *>(y + 2));
  reinterpret_cast<__nv_bfloat162 *>(y)[4] =
      __floats2bfloat162_rn(pair.y, pair.x);
  uint4 raw = *reinterpret_cast<const uint4 *>(y);
  reinterpret_cast<uint2 *>(y)[3] = make_uint2(raw.x, raw.w);
})",
      1, 1, {y});
  std::vector<uint16_t> result = read<uint16_t>(y);
  const float expected[] = {0,    1.5f, 3, 4.5f, 6, 7.5f, 9,    10.5f,
                            4.5f, 3,    0, 0,    0, 1.5f, 9.0f, 10.5f};
  for (size_t i = 0; i < 16; ++i)
    EXPECT_EQ(bfloat16ToFloat(result[i]), expected[i]) << i;
}

//===--- Mathematics -----------------------------------------------------===//

TEST_F(EmulatedCuda, Mathematics) {
  struct {
    const char *expression;
    double (*reference)(double);
    float low, high;
  } const functions[] = {
      {"expf(v)", [](double v) { return std::exp(v); }, -80, 80},
      {"__expf(v)", [](double v) { return std::exp(v); }, -10, 10},
      {"logf(v)", [](double v) { return std::log(v); }, 1e-3f, 1e3f},
      {"__logf(v)", [](double v) { return std::log(v); }, 1e-3f, 1e3f},
      {"log1pf(v)", [](double v) { return std::log1p(v); }, -0.5, 10},
      {"sqrtf(v)", [](double v) { return std::sqrt(v); }, 0, 1e6f},
      {"rsqrtf(v)", [](double v) { return 1 / std::sqrt(v); }, 1e-3f, 1e3f},
      {"cosf(v)", [](double v) { return std::cos(v); }, -3, 3},
      {"__sinf(v)", [](double v) { return std::sin(v); }, -3, 3},
      {"acosf(v)", [](double v) { return std::acos(v); }, -1, 1},
      {"tanhf(v)", [](double v) { return std::tanh(v); }, -3, 3},
      {"powf(v, 1.5f)", [](double v) { return std::pow(v, 1.5); }, 0, 9},
      {"__fdividef(1.0f, v)", [](double v) { return 1 / v; }, 1, 9},
      {"fmaxf(v, 0.25f) + min(v, 0.5f)",
       [](double v) { return std::fmax(v, 0.25) + std::fmin(v, 0.5); }, -1, 1},
      {"fmaf(v, 2.0f, 1.0f)", [](double v) { return 2 * v + 1; }, -1, 1},
  };
  std::string body;
  for (size_t i = 0; i < std::size(functions); ++i)
    body += fmt::format("  {{ float v = x[{0} + t]; y[{0} + t] = {1}; }}\n",
                        64 * i, functions[i].expression);
  std::vector<float> values;
  for (const auto &function : functions)
    for (float value : uniform(64, function.low, function.high))
      values.push_back(value);
  BufferView x = hold(DType_F32, values);
  BufferView y = hold(DType_F32, std::vector<float>(values.size(), NAN));
  run("extern \"C\" __global__ void k(const float *x, float *y) {\n"
      "  unsigned t = threadIdx.x;\n" +
          body + "}\n",
      64, 1, {x, y});
  std::vector<float> result = read<float>(y);
  for (size_t i = 0; i < values.size(); ++i) {
    const auto &function = functions[i / 64];
    double expected = function.reference(static_cast<double>(values[i]));
    ASSERT_NEAR(result[i], expected, 1e-6 * std::abs(expected) + 1e-6)
        << function.expression << " of " << values[i];
  }
}

TEST_F(EmulatedCuda, IntegerFunctions) {
  EXPECT_EQ(warp("__popc(lane) + 100 * __clz(lane) + 10000 * __ffs(lane)"),
            lanes([](int lane) {
              return __builtin_popcount(static_cast<unsigned>(lane)) +
                     100 * (lane ? __builtin_clz(unsigned(lane)) : 32) +
                     10000 * __builtin_ffs(lane);
            }));
  EXPECT_EQ(warp("(int)__umulhi(0x80000000u, lane) + "
                 "(int)__umul64hi(1ull << 63, 4ull * lane)"),
            lanes([](int lane) { return lane / 2 + 2 * lane; }));
  EXPECT_EQ(warp("__float_as_int(__int_as_float(lane + 0x3f800000)) - "
                 "0x3f800000"),
            lanes([](int lane) { return lane; }));
}

//===--- Tensor cores ----------------------------------------------------===//

/// Bits of `values` in bf16, or fp16.
std::vector<uint16_t> narrowed(const std::vector<float> &values, bool bf16) {
  std::vector<uint16_t> bits;
  for (float value : values)
    bits.push_back(bf16 ? floatToBfloat16(value) : floatToFloat16(value));
  return bits;
}

/// A warp's d[16,8] = a[16,16] · b[8,16]ᵀ, loaded as matrices of 8 x 8.
TEST_F(EmulatedCuda, FragmentsOfAProduct) {
  for (bool bf16 : {true, false}) {
    std::vector<float> a = uniform(16 * 16, -1, 1), b = uniform(16 * 16, -1, 1);
    DType type = bf16 ? DType_BF16 : DType_F16;
    std::vector<uint16_t> narrowA = narrowed(a, bf16),
                          narrowB = narrowed(b, bf16);
    BufferView d = place(DType_F32, {16 * 8});
    run(fmt::format(R"(
#include <cuda_bf16.h>
#include <cuda_fp16.h>
typedef {0} T;
extern "C" __global__ void k(const T *a, const T *b, float *d) {{
  __shared__ __align__(16) T both[2][256];
  int lane = threadIdx.x;
  for (int i = lane; i < 256; i += 32) {{
    both[0][i] = a[i];
    both[1][i] = b[i];
  }}
  __syncthreads();
  unsigned fromA[4], fromB[4];
  pfc::loadMatrices(fromA, &both[0][lane % 16 * 16 + lane / 16 * 8]);
  pfc::loadMatrices(fromB,
                    &both[1][(lane % 8 + lane / 16 * 8) * 16 + lane / 8 % 2 * 8]);
  float s[4] = {{1, 1, 1, 1}};
  pfc::multiply(s[0], s[1], s[2], s[3], fromA, fromB[0], fromB[1], a);
  for (int i = 0; i < 4; ++i)
    d[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = s[i];
}})",
                    bf16 ? "__nv_bfloat16" : "__half"),
        32, 1, {hold(type, narrowA), hold(type, narrowB), d});
    std::vector<float> result = read<float>(d);
    auto wide = [&](uint16_t bits) -> double {
      return bf16 ? bfloat16ToFloat(bits) : float16ToFloat(bits);
    };
    for (size_t row = 0; row < 16; ++row)
      for (size_t column = 0; column < 8; ++column) {
        double sum = 1;
        for (size_t k = 0; k < 16; ++k)
          sum += wide(narrowA[row * 16 + k]) * wide(narrowB[column * 16 + k]);
        ASSERT_NEAR(result[row * 8 + column], sum, 1e-5)
            << row << " " << column;
      }
  }
}

//===--- The rest of the device ------------------------------------------===//

/// A [6, 4] x [4, 5] product of these buffers.
void multiply(Device &device, BufferView lhs, BufferView rhs, BufferView out) {
  TestPlan plan;
  lhs.shape = {6, 4}, rhs.shape = {4, 5}, out.shape = {6, 5};
  MatmulT matmul;
  matmul.lhs = plan.buffer(lhs.dtype, lhs.shape);
  matmul.rhs = plan.buffer(rhs.dtype, rhs.shape);
  matmul.out = plan.buffer(out.dtype, out.shape);
  matmul.m = 6, matmul.n = 5, matmul.k = 4;
  plan.add(std::move(matmul));
  const Program &program =
      *plan.finish().variants()->Get(0)->programs()->Get(0);
  device
      .makeMatmul(*program.instructions()->Get(0)->operation_as_Matmul(), lhs,
                  rhs, out)
      ->execute();
}

double product(const std::vector<float> &a, const std::vector<float> &b,
               size_t i) {
  double sum = 0;
  for (size_t j = 0; j < 4; ++j)
    sum += static_cast<double>(a[i / 5 * 4 + j]) *
           static_cast<double>(b[j * 5 + i % 5]);
  return sum;
}

TEST_F(EmulatedCuda, ProductsAndCopies) {
  std::vector<float> a = uniform(6 * 4, -1, 1), b = uniform(4 * 5, -1, 1);
  BufferView out = place(DType_F32, {30}), copy = place(DType_F32, {30});
  multiply(*device, hold(DType_F32, a), hold(DType_F32, b), out);
  device->makeCopy(out, copy)->execute();
  std::vector<float> result = read<float>(copy);
  for (size_t i = 0; i < 30; ++i)
    ASSERT_NEAR(result[i], product(a, b, i), 1e-6);
}

TEST_F(EmulatedCuda, ProductsOfHalves) {
  auto halves = [&](size_t count) {
    std::vector<uint16_t> bits;
    for (float value : uniform(count, -1, 1))
      bits.push_back(floatToFloat16(value));
    return bits;
  };
  auto wide = [](const std::vector<uint16_t> &bits) {
    std::vector<float> values;
    for (uint16_t value : bits)
      values.push_back(float16ToFloat(value));
    return values;
  };
  std::vector<uint16_t> a = halves(6 * 4), b = halves(4 * 5);
  BufferView lhs = hold(DType_F16, a), rhs = hold(DType_F16, b);
  BufferView toFloats = place(DType_F32, {30});
  BufferView toHalves = place(DType_F16, {30});
  multiply(*device, lhs, rhs, toFloats);
  multiply(*device, lhs, rhs, toHalves);
  EXPECT_EQ(read<uint16_t>(lhs), a);
  std::vector<float> floats = read<float>(toFloats);
  std::vector<uint16_t> rounded = read<uint16_t>(toHalves);
  for (size_t i = 0; i < 30; ++i) {
    ASSERT_NEAR(floats[i], product(wide(a), wide(b), i), 1e-6);
    ASSERT_EQ(rounded[i], floatToFloat16(floats[i]));
  }
}

TEST_F(EmulatedCuda, Describes) {
  EXPECT_THAT(device->describe(), testing::HasSubstr("emulated-cuda: "));
  EXPECT_THAT(device->describe(), testing::HasSubstr("2 threads"));
  EXPECT_TRUE(device->supports(""));
  EXPECT_TRUE(device->supports("sm_80"));
  EXPECT_TRUE(device->supports("sm_90a"));
  EXPECT_FALSE(device->supports("amx_bf16"));
}

} // namespace
} // namespace pfc::rt::test

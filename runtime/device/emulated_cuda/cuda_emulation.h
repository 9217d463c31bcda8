//===- cuda_emulation.h - CUDA C++ as a host compiler's C++ ----------------==//
//
// Put before a plan's kernels, which are then plain C++: the built-in
// variables, synchronisation and warp functions go to the device (see
// EmulationAbi.h), types and mathematics are defined here. It includes nothing,
// because NVRTC gives the text no system headers either, and the text may
// define int64_t and friends as it likes.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_EMULATED_CUDA_CUDA_EMULATION_H
#define PFC_RUNTIME_DEVICE_EMULATED_CUDA_CUDA_EMULATION_H

#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(bytes) alignas(bytes)
#define __launch_bounds__(...)
#define __restrict__ __restrict
#define __grid_constant__
// What device code tests to see that it is compiled for a device.
#define __CUDACC__ 1
// Of tensor cores, what assembly does on a chip is below.
#define PFC_EMULATED_CUDA 1
#define __CUDA_ARCH__ 900

typedef __SIZE_TYPE__ size_t;

//===--- Execution model -------------------------------------------------===//

#define threadIdx (pfc::emulation::Dim3{pfc::emulation::threadIndex(), 0, 0})
#define blockIdx (pfc::emulation::Dim3{pfc::emulation::blockIndex(), 0, 0})
#define blockDim (pfc::emulation::Dim3{pfc::emulation::blockSize(), 1, 1})
#define gridDim (pfc::emulation::Dim3{pfc::emulation::gridSize(), 1, 1})
static constexpr int warpSize = 32;

#define __syncthreads() pfc::emulation::syncThreads(__LINE__)
#define __syncwarp(...) pfc::emulation::syncWarp(__LINE__, ##__VA_ARGS__)
#define __shfl_sync(...)                                                       \
  pfc::emulation::shuffle(pfc::emulation::Collective::Shuffle, __LINE__,       \
                          __VA_ARGS__)
#define __shfl_down_sync(...)                                                  \
  pfc::emulation::shuffle(pfc::emulation::Collective::ShuffleDown, __LINE__,   \
                          __VA_ARGS__)
#define __shfl_up_sync(...)                                                    \
  pfc::emulation::shuffle(pfc::emulation::Collective::ShuffleUp, __LINE__,     \
                          __VA_ARGS__)
#define __shfl_xor_sync(...)                                                   \
  pfc::emulation::shuffle(pfc::emulation::Collective::ShuffleXor, __LINE__,    \
                          __VA_ARGS__)
#define __ballot_sync(...) pfc::emulation::ballot(__LINE__, __VA_ARGS__)
#define __any_sync(...) (pfc::emulation::ballot(__LINE__, __VA_ARGS__) != 0u)
#define __all_sync(...) pfc::emulation::all(__LINE__, __VA_ARGS__)

namespace pfc::emulation {

inline void syncWarp(unsigned line, unsigned mask = 0xffffffffu) {
  exchange(Collective::Sync, mask, 0, 0, 32, line);
}

template <typename T>
inline T shuffle(Collective kind, unsigned line, unsigned mask, T value,
                 int argument, int width = 32) {
  static_assert(sizeof(T) <= 8);
  unsigned long long bits = 0;
  __builtin_memcpy(&bits, &value, sizeof(T));
  bits = exchange(kind, mask, bits, argument, width, line);
  __builtin_memcpy(&value, &bits, sizeof(T));
  return value;
}

inline unsigned ballot(unsigned line, unsigned mask, int predicate) {
  return static_cast<unsigned>(
      exchange(Collective::Ballot, mask, predicate != 0, 0, 32, line));
}

inline bool all(unsigned line, unsigned mask, int predicate) {
  return ballot(line, mask, predicate) == mask;
}

/// What `__shared__ T name;` becomes (see KernelSource.h).
template <typename T>
inline T &shared(const void *key, const char *name) {
  return *static_cast<T *>(sharedArray(key, name, sizeof(T)));
}

template <typename... Parameters>
constexpr unsigned arity(void (*)(Parameters...)) {
  return sizeof...(Parameters);
}

/// What a kernel takes: a number or tensor map is where its pointer goes, a
/// buffer's address the pointer itself. Those are no buffer's, so that reading
/// them is not checked.
template <typename Parameter>
struct Argument {
  __attribute__((noinline, no_sanitize("thread"))) static Parameter
  of(void *pointer) {
    return *static_cast<const Parameter *>(pointer);
  }
};
template <typename T>
struct Argument<T *> {
  static T *of(void *pointer) { return static_cast<T *>(pointer); }
};

/// Calls a kernel with the arguments it takes; the table has their number, so
/// that the device can refuse a plan that says another.
template <typename... Parameters, typename... Pointers>
inline void invoke(void (*kernel)(Parameters...), Pointers... pointers) {
  if constexpr (sizeof...(Parameters) == sizeof...(Pointers))
    kernel(Argument<Parameters>::of(pointers)...);
}

} // namespace pfc::emulation

using pfc::emulation::atomicAdd;
using pfc::emulation::atomicAnd;
using pfc::emulation::atomicCAS;
using pfc::emulation::atomicExch;
using pfc::emulation::atomicMax;
using pfc::emulation::atomicMin;
using pfc::emulation::atomicOr;
using pfc::emulation::atomicXor;

inline void __trap() { __builtin_trap(); }
inline void __threadfence() { __sync_synchronize(); }
inline void __threadfence_block() { __sync_synchronize(); }

//===--- Vector types ----------------------------------------------------===//

#define PFC_VECTORS(T, name, align2, align4)                                   \
  struct alignas(align2) name##2 { T x, y; };                                  \
  struct name##3 { T x, y, z; };                                               \
  struct alignas(align4) name##4 { T x, y, z, w; };                            \
  inline name##2 make_##name##2(T x, T y) { return {x, y}; }                   \
  inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }           \
  inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
PFC_VECTORS(float, float, 8, 16)
PFC_VECTORS(int, int, 8, 16)
PFC_VECTORS(unsigned, uint, 8, 16)
PFC_VECTORS(unsigned char, uchar, 2, 4)
PFC_VECTORS(unsigned short, ushort, 4, 8)
#undef PFC_VECTORS
struct alignas(16) longlong2 {
  long long x, y;
};
struct alignas(16) ulonglong2 {
  unsigned long long x, y;
};
struct alignas(16) double2 {
  double x, y;
};

//===--- Mathematics -----------------------------------------------------===//

// The host's libm, by its C names.
extern "C" {
float expf(float), exp2f(float), expm1f(float), logf(float), log2f(float);
float log1pf(float), powf(float, float), sqrtf(float), fabsf(float);
float sinf(float), cosf(float), tanf(float), asinf(float), acosf(float);
float atanf(float), atan2f(float, float), tanhf(float), erff(float);
float floorf(float), ceilf(float), truncf(float), rintf(float), roundf(float);
float fmaxf(float, float), fminf(float, float), fmodf(float, float);
float fmaf(float, float, float), copysignf(float, float);
double exp(double), log(double), sqrt(double), fabs(double),
    pow(double, double);
double sin(double), cos(double), acos(double), floor(double), ceil(double);
double fmax(double, double), fmin(double, double);
double fma(double, double, double);
}
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
// Without CUDA's fast mathematics: the CPU has none of its errors.
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __sinf(float x) { return sinf(x); }
inline float __cosf(float x) { return cosf(x); }
inline float __powf(float x, float y) { return powf(x, y); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __frsqrt_rn(float x) { return rsqrtf(x); }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
inline float __saturatef(float x) { return fminf(fmaxf(x, 0.0f), 1.0f); }

#define PFC_MIN_MAX(T)                                                         \
  inline T min(T a, T b) { return b < a ? b : a; }                             \
  inline T max(T a, T b) { return a < b ? b : a; }
PFC_MIN_MAX(int)
PFC_MIN_MAX(unsigned)
PFC_MIN_MAX(long)
PFC_MIN_MAX(unsigned long)
PFC_MIN_MAX(long long)
PFC_MIN_MAX(unsigned long long)
#undef PFC_MIN_MAX
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }

inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((1ull * a * b) >> 32);
}
inline int __mulhi(int a, int b) {
  return static_cast<int>((1ll * a * b) >> 32);
}
inline unsigned long long __umul64hi(unsigned long long a,
                                     unsigned long long b) {
  return static_cast<unsigned long long>(
      (static_cast<unsigned __int128>(a) * b) >> 64);
}
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }

template <typename To, typename From>
inline To pfcBits(From value) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  __builtin_memcpy(&to, &value, sizeof(To));
  return to;
}
inline int __float_as_int(float x) { return pfcBits<int>(x); }
inline unsigned __float_as_uint(float x) { return pfcBits<unsigned>(x); }
inline float __int_as_float(int x) { return pfcBits<float>(x); }
inline float __uint_as_float(unsigned x) { return pfcBits<float>(x); }
inline int __float2int_rn(float x) { return static_cast<int>(rintf(x)); }
inline float __int2float_rn(int x) { return static_cast<float>(x); }

template <typename T>
inline T __ldg(const T *pointer) {
  return *pointer;
}
template <typename T>
inline T __ldcs(const T *pointer) {
  return *pointer;
}
template <typename T>
inline void __stcs(T *pointer, T value) {
  *pointer = value;
}

//===--- bf16 and fp16 ---------------------------------------------------===//

// bf16: the upper half of a float, rounded to nearest even.
struct __nv_bfloat16 {
  unsigned short bits;
  __nv_bfloat16() = default;
  __nv_bfloat16(float value) {
    unsigned wide = __float_as_uint(value);
    if ((wide & 0x7fffffffu) > 0x7f800000u)
      bits = 0x7fff; // CUDA's NaN
    else
      bits = static_cast<unsigned short>((wide + 0x7fffu + (wide >> 16 & 1u)) >>
                                         16);
  }
  operator float() const {
    return __uint_as_float(static_cast<unsigned>(bits) << 16);
  }
};

// fp16: IEEE-754 binary16, converted as the hardware does: to nearest even,
// subnormals kept.
struct __half {
  unsigned short bits;
  __half() = default;
  __half(float value) : bits(round(value)) {}
  operator float() const;

private:
  static unsigned short round(float value);
};

inline unsigned short __half::round(float value) {
  unsigned wide = __float_as_uint(value), sign = wide >> 16 & 0x8000u;
  unsigned magnitude = wide & 0x7fffffffu;
  if (magnitude > 0x7f800000u)
    return 0x7fff;
  if (magnitude >= 0x47800000u) // 65536 and more
    return static_cast<unsigned short>(sign | 0x7c00u);
  unsigned half;
  if (magnitude < 0x38800000u) // below 2^-14, the addition rounds to 2^-24
    half = __float_as_uint(__uint_as_float(magnitude) + 0.5f) - 0x3f000000u;
  else
    half = (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
  return static_cast<unsigned short>(sign | half);
}

inline __half::operator float() const {
  unsigned sign = (bits & 0x8000u) << 16, magnitude = bits & 0x7fffu;
  if (magnitude >= 0x7c00u) // infinity or NaN
    return __uint_as_float(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
  float value = magnitude < 0x400u
                    ? static_cast<float>(magnitude) * 0x1p-24f
                    : __uint_as_float((magnitude << 13) + 0x38000000u);
  return __uint_as_float(sign | __float_as_uint(value));
}

typedef __nv_bfloat16 nv_bfloat16;
typedef __half half;

struct alignas(4) __nv_bfloat162 {
  __nv_bfloat16 x, y;
};
struct alignas(4) __half2 {
  __half x, y;
};
typedef __nv_bfloat162 nv_bfloat162;
typedef __half2 half2;

inline float __bfloat162float(__nv_bfloat16 x) { return x; }
inline __nv_bfloat16 __float2bfloat16(float x) { return x; }
inline __nv_bfloat16 __float2bfloat16_rn(float x) { return x; }
inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits) {
  return pfcBits<__nv_bfloat16>(bits);
}
inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 x) { return x.bits; }
inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) { return {x, y}; }
inline __nv_bfloat162 __float22bfloat162_rn(float2 v) { return {v.x, v.y}; }
inline float2 __bfloat1622float2(__nv_bfloat162 v) { return {v.x, v.y}; }
inline float __low2float(__nv_bfloat162 v) { return v.x; }
inline float __high2float(__nv_bfloat162 v) { return v.y; }

inline float __half2float(__half x) { return x; }
inline __half __float2half(float x) { return x; }
inline __half __float2half_rn(float x) { return x; }
inline __half __ushort_as_half(unsigned short bits) {
  return pfcBits<__half>(bits);
}
inline unsigned short __half_as_ushort(__half x) { return x.bits; }
inline __half2 __floats2half2_rn(float x, float y) { return {x, y}; }
inline __half2 __float22half2_rn(float2 v) { return {v.x, v.y}; }
inline float2 __half22float2(__half2 v) { return {v.x, v.y}; }
inline float __low2float(__half2 v) { return v.x; }
inline float __high2float(__half2 v) { return v.y; }

//===--- Tensor cores ----------------------------------------------------===//

// The functions of tensor_core.cuh that are assembly on a chip.
namespace pfc {

using emulation::commitCopies;
using emulation::copyAsync;

template <int Left>
inline void waitCopies() {
  emulation::waitCopies(Left);
}

#define PFC_WARPS 1
#define PFC_WARPGROUPS 1
using emulation::arriveExpecting;
using emulation::commitProducts;
using emulation::copyBox;
using emulation::dropBarrier;
using emulation::makeBarrier;
using emulation::publishShared;
using emulation::sharedAddress;
using emulation::TensorMap;
using emulation::waitPhase;

inline void beginProducts(float (&)[64]) { emulation::beginProducts(); }
template <int Left>
inline void waitProducts(float (&)[64]) {
  emulation::waitProducts(Left);
}
inline void multiplyGroup(float (&d)[64], unsigned long long a,
                          unsigned long long b, const __nv_bfloat16 *) {
  emulation::multiplyGroup(d, a, b, true);
}
inline void multiplyGroup(float (&d)[64], unsigned long long a,
                          unsigned long long b, const __half *) {
  emulation::multiplyGroup(d, a, b, false);
}

inline void loadMatrices(unsigned (&to)[4], const void *row) {
  emulation::MatrixRow lane;
  const uint4 &chunk = *static_cast<const uint4 *>(row);
  lane.row[0] = chunk.x;
  lane.row[1] = chunk.y;
  lane.row[2] = chunk.z;
  lane.row[3] = chunk.w;
  lane.to = to;
  emulation::exchangeAll(emulation::Collective::LoadMatrices, &lane, __LINE__);
}

inline void multiply(float &d0, float &d1, float &d2, float &d3,
                     const unsigned (&a)[4], unsigned b0, unsigned b1,
                     bool bf16) {
  emulation::Fragments lane = {
      {&d0, &d1, &d2, &d3}, {a[0], a[1], a[2], a[3]}, {b0, b1}, bf16};
  emulation::exchangeAll(emulation::Collective::Multiply, &lane, __LINE__);
}
inline void multiply(float &d0, float &d1, float &d2, float &d3,
                     const unsigned (&a)[4], unsigned b0, unsigned b1,
                     const __nv_bfloat16 *) {
  multiply(d0, d1, d2, d3, a, b0, b1, true);
}
inline void multiply(float &d0, float &d1, float &d2, float &d3,
                     const unsigned (&a)[4], unsigned b0, unsigned b1,
                     const __half *) {
  multiply(d0, d1, d2, d3, a, b0, b1, false);
}

} // namespace pfc

#endif // PFC_RUNTIME_DEVICE_EMULATED_CUDA_CUDA_EMULATION_H

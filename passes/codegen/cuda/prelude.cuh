typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;

namespace pfc {

/// N neighbours of a buffer, for accesses of up to 16 bytes.
template <typename T, int N>
struct alignas(sizeof(T) * N < 16 ? sizeof(T) * N : 16) Pack {
  T at[N];
};

/// registers[j] = buffer[first + j], where first is a multiple of N.
template <typename T, int N, typename Index>
__device__ __forceinline__ void load(T (&registers)[N], const T *buffer,
                                     Index first) {
  Pack<T, N> pack = *reinterpret_cast<const Pack<T, N> *>(buffer + first);
#pragma unroll
  for (int j = 0; j < N; ++j)
    registers[j] = pack.at[j];
}

/// buffer[first + j] = registers[j], where first is a multiple of N.
template <typename T, int N, typename Index>
__device__ __forceinline__ void store(T *buffer, Index first,
                                      const T (&registers)[N]) {
  Pack<T, N> pack;
#pragma unroll
  for (int j = 0; j < N; ++j)
    pack.at[j] = registers[j];
  *reinterpret_cast<Pack<T, N> *>(buffer + first) = pack;
}

/// *word |= bits, at once; what it was before.
__device__ __forceinline__ int64_t orBits(int64_t *word, int64_t bits) {
  return static_cast<int64_t>(
      atomicOr(reinterpret_cast<unsigned long long *>(word),
               static_cast<unsigned long long>(bits)));
}

template <typename T>
__device__ __forceinline__ T larger(T a, T b) {
  return a > b ? a : b;
}
template <typename T>
__device__ __forceinline__ T smaller(T a, T b) {
  return a < b ? a : b;
}
/// The larger, or NaN if one is.
__device__ __forceinline__ float maximum(float a, float b) {
  return a > b || a != a ? a : b;
}
/// The smaller, or NaN if one is.
__device__ __forceinline__ float minimum(float a, float b) {
  return a < b || a != a ? a : b;
}

/// The sum over `Size` lanes of the warp, `Stride` apart, in each of them.
template <int Size, int Stride, typename T>
__device__ __forceinline__ T warpSum(T x) {
#pragma unroll
  for (int offset = Size / 2; offset > 0; offset /= 2)
    x += __shfl_xor_sync(0xffffffffu, x, offset * Stride);
  return x;
}

/// The sum over the block's `Threads` threads, in each of them.
template <int Threads, typename T>
__device__ T blockSum(T x) {
  __shared__ T warps[Threads / 32];
  x = warpSum<32, 1>(x);
  if (threadIdx.x % 32 == 0)
    warps[threadIdx.x / 32] = x;
  __syncthreads();
  T sum = 0;
#pragma unroll
  for (int i = 0; i < Threads / 32; ++i)
    sum += warps[i];
  __syncthreads(); // the next sum writes there again
  return sum;
}

/// The largest of the block's `Threads` threads, or NaN if one has that, in each
/// of them.
template <int Threads>
__device__ float blockMaximum(float x) {
  __shared__ float warps[Threads / 32];
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2)
    x = maximum(x, __shfl_xor_sync(0xffffffffu, x, offset));
  if (threadIdx.x % 32 == 0)
    warps[threadIdx.x / 32] = x;
  __syncthreads();
#pragma unroll
  for (int i = 0; i < Threads / 32; ++i)
    x = maximum(x, warps[i]);
  __syncthreads(); // the next maximum writes there again
  return x;
}

/// The sum over the threads before this one.
template <int Threads>
__device__ int32_t blockScan(int32_t x) {
  __shared__ int32_t warps[Threads / 32];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  int32_t sum = x;
#pragma unroll
  for (int offset = 1; offset < 32; offset *= 2) {
    int32_t before = __shfl_up_sync(0xffffffffu, sum, offset);
    sum += lane >= offset ? before : 0;
  }
  if (lane == 31)
    warps[warp] = sum;
  __syncthreads();
  int32_t start = 0;
  for (int i = 0; i < warp; ++i)
    start += warps[i];
  __syncthreads(); // the next scan writes there again
  return start + sum - x;
}

} // namespace pfc

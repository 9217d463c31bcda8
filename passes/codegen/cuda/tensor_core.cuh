
// Products on tensor cores, by a block of 256 threads a tile of 128 x 128
// elements: lhs rows x depth, rhs columns x depth, both with rows of neighbours
// and a depth that is a multiple of 8. What a thread has of a tile it has in
// slots (r, c), as the instructions leave sums of products (PTX ISA, "Matrix
// Fragments for mma.m16n8k16", "Register Fragments for wgmma.m64nNk16").
//
//   WarpSlots       8 x 8: 8 warps, 2 x 4 of them, have 64 x 32 each
//   WarpgroupSlots  2 x 32: 2 warpgroups have 64 x 128 each, a warp 16 x 128
namespace pfc {

#if !defined(PFC_EMULATED_CUDA) && __CUDA_ARCH__ >= 800
#define PFC_WARPS

/// 16 bytes to shared memory, zeros unless `inside`; there after a waitCopies
/// and a barrier. Both addresses are multiples of 16.
__device__ __forceinline__ void copyAsync(void *shared, const void *source,
                                          bool inside) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                   (uint32_t)__cvta_generic_to_shared(shared)),
               "l"(source), "r"(inside ? 16 : 0)
               : "memory");
}
/// Ends a group of copies.
__device__ __forceinline__ void commitCopies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
/// Waits for this thread's copies but for the last `Left` groups.
template <int Left>
__device__ __forceinline__ void waitCopies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Left) : "memory");
}

/// Four 8 x 8 matrices of 16-bit elements: lane l has the address of row l % 8
/// of matrix l / 8, and gets elements 2 (l % 4) and the next of row l / 4 of
/// each.
__device__ __forceinline__ void loadMatrices(uint32_t (&to)[4],
                                             const void *row) {
  asm volatile(
      "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
      : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
      : "r"((uint32_t)__cvta_generic_to_shared(row))
      : "memory");
}

#define PFC_MULTIPLY(T, name)                                                  \
  __device__ __forceinline__ void multiply(                                    \
      float &d0, float &d1, float &d2, float &d3, const uint32_t (&a)[4],      \
      uint32_t b0, uint32_t b1, const T *) {                                   \
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." name "." name        \
                 ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "         \
                 "{%0, %1, %2, %3};"                                           \
                 : "+f"(d0), "+f"(d1), "+f"(d2), "+f"(d3)                      \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0),        \
                   "r"(b1));                                                   \
  }
#ifdef __CUDA_BF16_TYPES_EXIST__
/// The warp's d += a · bᵀ, of fragments 16 x 16 and 8 x 16.
PFC_MULTIPLY(__nv_bfloat16, "bf16")
#endif
#ifdef __CUDA_FP16_TYPES_EXIST__
PFC_MULTIPLY(__half, "f16")
#endif
#undef PFC_MULTIPLY

#endif // not emulated, 8.0 or newer

/// The same number, of which the compiler knows nothing.
__device__ __forceinline__ int32_t opaque(int32_t number) {
#ifndef PFC_EMULATED_CUDA
  asm volatile("" : "+r"(number));
#endif
  return number;
}

constexpr int tileSide = 128;

struct WarpSlots {
  static constexpr int rows = 8, columns = 8;
  __device__ static int at(int r, int c) { return 8 * r + c; }
  __device__ static int row(int r) {
    return threadIdx.x / 128 * 64 + r * 8 + threadIdx.x % 32 / 4;
  }
  __device__ static int column(int c) {
    return threadIdx.x / 32 % 4 * 32 + c / 2 * 8 + threadIdx.x % 4 * 2 + c % 2;
  }
};

struct WarpgroupSlots {
  static constexpr int rows = 2, columns = 32;
  __device__ static int at(int r, int c) { return c / 2 * 4 + r * 2 + c % 2; }
  __device__ static int row(int r) {
    return threadIdx.x / 32 * 16 + r * 8 + threadIdx.x % 32 / 4;
  }
  __device__ static int column(int c) {
    return c / 2 * 8 + threadIdx.x % 4 * 2 + c % 2;
  }
};

//===--- By warps, on compute capability 8.0 and newer -------------------===//

#ifdef PFC_WARPS

constexpr int tileDepth = 32, tileStages = 3;

/// Where 8 elements of a tile's row lie in shared memory: rows of 4 such
/// chunks, exchanged so that 8 rows of a column are in different banks.
__device__ __forceinline__ int chunkAt(int row, int chunk) {
  return row * tileDepth + (chunk ^ (row / 2 % 4)) * 8;
}

/// Rows [row0, row0 + 128) and columns [k0, k0 + 32) of a matrix rows x depth,
/// zeros beyond it.
template <typename T>
__device__ __forceinline__ void copyTile(T *shared, const T *matrix, int rows,
                                         int depth, int row0, int k0) {
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    int row = threadIdx.x / 4 + i * 64, chunk = threadIdx.x % 4;
    bool inside = row0 + row < rows && k0 + chunk * 8 < depth;
    int64_t at = inside ? (int64_t)(row0 + row) * depth + k0 + chunk * 8 : 0;
    copyAsync(shared + chunkAt(row, chunk), matrix + at, inside);
  }
}

#endif // PFC_WARPS

/// To the slots of a thread the tile at (row0, column0) of lhs · rhsᵀ is added.
/// The shared memory, of 48 KiB, is the caller's behind it.
template <typename T>
__device__ __forceinline__ void multiplyTile(float (&sums)[64], const T *lhs,
                                             const T *rhs, int rows,
                                             int columns, int depth, int row0,
                                             int column0, T *shared) {
#ifdef PFC_WARPS
  constexpr int half = tileSide * tileDepth; // of a stage
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  int steps = (depth + tileDepth - 1) / tileDepth;
  auto copy = [&](int step) {
    if (step < steps) {
      T *stage = shared + step % tileStages * 2 * half;
      copyTile(stage, lhs, rows, depth, row0, step * tileDepth);
      copyTile(stage + half, rhs, columns, depth, column0, step * tileDepth);
    }
    commitCopies();
  };
  for (int step = 0; step < tileStages - 1; ++step)
    copy(step);
  for (int step = 0; step < steps; ++step) {
    waitCopies<tileStages - 2>();
    __syncthreads(); // all are done with the stage that is filled next, too
    copy(step + tileStages - 1);
    const T *a = shared + step % tileStages * 2 * half, *b = a + half;
#pragma unroll
    for (int k = 0; k < 2; ++k) {
      uint32_t fromA[4][4], fromB[2][4];
#pragma unroll
      for (int i = 0; i < 4; ++i)
        loadMatrices(fromA[i], a + chunkAt(warp / 4 * 64 + i * 16 + lane % 16,
                                           k * 2 + lane / 16));
#pragma unroll
      for (int j = 0; j < 2; ++j)
        loadMatrices(fromB[j], b + chunkAt(warp % 4 * 32 + j * 16 + lane % 8 +
                                               lane / 16 * 8,
                                           k * 2 + lane / 8 % 2));
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          float *upper = sums + 16 * i + 2 * j, *lower = upper + 8;
          multiply(upper[0], upper[1], lower[0], lower[1], fromA[i],
                   fromB[j / 2][j % 2 * 2], fromB[j / 2][j % 2 * 2 + 1], lhs);
        }
    }
  }
  waitCopies<0>();
  __syncthreads();
#else
  __trap(); // of an older chip, which nobody has told to do this
#endif
}

//===--- By warpgroups, on compute capability 9.0a -----------------------===//

#ifndef PFC_EMULATED_CUDA

/// How a launch describes a matrix (CUtensorMap: aligned as since CUDA 13).
struct alignas(128) TensorMap {
  uint64_t words[16];
};

__device__ __forceinline__ uint32_t sharedAddress(const void *shared) {
  return (uint32_t)__cvta_generic_to_shared(shared);
}

#ifdef __CUDA_ARCH_FEAT_SM90_ALL
#define PFC_WARPGROUPS

/// Behind a barrier of the block, products and copies of boxes see what this
/// thread wrote to shared memory.
__device__ __forceinline__ void publishShared() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/// Of copies, in shared memory: a phase of it ends when `arrivals` threads have
/// come, and all the bytes that they expect.
__device__ __forceinline__ void makeBarrier(uint64_t *barrier,
                                            uint32_t arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(
                   sharedAddress(barrier)),
               "r"(arrivals)
               : "memory");
}
/// Its memory is memory again.
__device__ __forceinline__ void dropBarrier(uint64_t *barrier) {
  asm volatile("mbarrier.inval.shared::cta.b64 [%0];" ::"r"(
                   sharedAddress(barrier))
               : "memory");
}
__device__ __forceinline__ void arriveExpecting(uint64_t *barrier,
                                                uint32_t bytes) {
  asm volatile(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(
          sharedAddress(barrier)),
      "r"(bytes)
      : "memory");
}
/// Until a phase of this parity has ended: the first one has 0.
__device__ __forceinline__ void waitPhase(uint64_t *barrier, uint32_t parity) {
  asm volatile("{\n.reg .pred p;\nagain:\n"
               "mbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1;\n"
               "@!p bra again;\n}" ::"r"(sharedAddress(barrier)),
               "r"(parity)
               : "memory");
}
/// The box at (row, column) of a matrix to a multiple of 1024 bytes, as
/// rowsDescriptor has it; zeros beyond the matrix.
__device__ __forceinline__ void copyBox(void *shared, const TensorMap &map,
                                        int row, int column,
                                        uint64_t *barrier) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier"
               "::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(
                   sharedAddress(shared)),
               "l"(&map), "r"(column), "r"(row), "r"(sharedAddress(barrier))
               : "memory");
}

/// Nothing that the compiler does with the sums passes here.
__device__ __forceinline__ void settle(float (&sums)[64]) {
#pragma unroll
  for (int i = 0; i < 64; ++i)
    asm volatile("" : "+f"(sums[i])::"memory");
}
/// Begins a group of products: the sums are the tensor cores', until a
/// waitProducts<0>.
__device__ __forceinline__ void beginProducts(float (&sums)[64]) {
  settle(sums);
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
/// Ends it.
__device__ __forceinline__ void commitProducts() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
/// Waits for the warpgroup's products but for the last `Left` groups.
template <int Left>
__device__ __forceinline__ void waitProducts(float (&sums)[64]) {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Left) : "memory");
  if (Left == 0)
    settle(sums);
}

#define PFC_8(i)                                                               \
  "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), \
      "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7])
#define PFC_MULTIPLY(T, name)                                                  \
  __device__ __forceinline__ void multiplyGroup(float (&d)[64], uint64_t a,    \
                                                uint64_t b, const T *) {       \
    asm volatile(                                                              \
        "{\n.reg .pred p;\nsetp.ne.b32 p, 1, 0;\n"                             \
        "wgmma.mma_async.sync.aligned.m64n128k16.f32." name "." name           \
        " {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, "       \
        "%14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, "    \
        "%27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, "    \
        "%40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, "    \
        "%53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "             \
        "%64, %65, p, 1, 1, 0, 0;\n}"                                          \
        : PFC_8(0), PFC_8(8), PFC_8(16), PFC_8(24), PFC_8(32), PFC_8(40),      \
          PFC_8(48), PFC_8(56)                                                 \
        : "l"(a), "l"(b));                                                     \
  }
#ifdef __CUDA_BF16_TYPES_EXIST__
/// The warpgroup's d += a · bᵀ, of 64 and 128 rows of 16 elements in shared
/// memory (rowsDescriptor).
PFC_MULTIPLY(__nv_bfloat16, "bf16")
#endif
#ifdef __CUDA_FP16_TYPES_EXIST__
PFC_MULTIPLY(__half, "f16")
#endif
#undef PFC_MULTIPLY
#undef PFC_8

#endif // __CUDA_ARCH_FEAT_SM90_ALL
#endif // PFC_EMULATED_CUDA

#ifdef PFC_WARPGROUPS

constexpr int groupDepth = 64, groupStages = 3;

/// Rows of 128 bytes, 64 elements, in shared memory from `address` on, of which
/// the 16-byte chunks are exchanged: chunk i of row r is at i ^ r % 8. Groups of
/// 8 rows, at multiples of 1024 bytes, follow each other (PTX ISA, "Matrix
/// Descriptor Format", 128-byte swizzle).
__device__ __forceinline__ uint64_t rowsDescriptor(uint32_t address) {
  constexpr uint64_t oneChunk = 1, groupStride = 1024 >> 4, swizzle128 = 1;
  return (uint64_t)((address & 0x3ffff) >> 4) | oneChunk << 16 |
         groupStride << 32 | swizzle128 << 62;
}

#endif // PFC_WARPGROUPS

/// The same as multiplyTile, of boxes of 128 x 64 elements, and of shared memory
/// at a multiple of 1024 bytes: 96 KiB, and a barrier a stage behind them. The
/// products of a step are enqueued before those of the step before have ended,
/// whose stage is then filled again. Two blocks fit on a multiprocessor, so that
/// one multiplies while the other looks at its tile.
template <typename T>
__device__ __forceinline__ void
multiplyGroupTile(float (&sums)[64], const TensorMap &lhs, const TensorMap &rhs,
                  int depth, int row0, int column0, T *shared) {
#ifdef PFC_WARPGROUPS
  constexpr int half = tileSide * groupDepth; // of a stage
  auto *arrived = reinterpret_cast<uint64_t *>(shared + groupStages * 2 * half);
  int steps = (depth + groupDepth - 1) / groupDepth;
  // Descriptors are in registers that a warp shares: lane 0's, lest each thread
  // computes its own and each product moves it there.
  uint32_t group = __shfl_sync(0xffffffffu, threadIdx.x / 128, 0);
  auto copy = [&](int step) {
    if (threadIdx.x != 0 || step >= steps)
      return;
    int stage = step % groupStages;
    T *a = shared + stage * 2 * half, *b = a + half;
    arriveExpecting(arrived + stage, 2 * half * sizeof(T));
    copyBox(a, lhs, row0, step * groupDepth, arrived + stage);
    copyBox(b, rhs, column0, step * groupDepth, arrived + stage);
  };
  if (threadIdx.x == 0)
    for (int stage = 0; stage < groupStages; ++stage)
      makeBarrier(arrived + stage, 1);
  publishShared(); // that, and what became of the tile before
  __syncthreads();
  for (int step = 0; step < groupStages; ++step)
    copy(step);
  for (int step = 0; step < steps; ++step) {
    int stage = step % groupStages;
    waitPhase(arrived + stage, step / groupStages % 2);
    uint32_t a = sharedAddress(shared + stage * 2 * half);
    uint32_t b = a + half * sizeof(T);
    a += group * (half * sizeof(T) / 2);
    beginProducts(sums);
#pragma unroll
    for (int k = 0; k < groupDepth / 16; ++k)
      multiplyGroup(sums, rowsDescriptor(a + 32 * k),
                    rowsDescriptor(b + 32 * k), shared);
    commitProducts();
    waitProducts<1>(sums);
    __syncthreads(); // all are done with the stage of the step before
    if (step > 0)
      copy(step - 1 + groupStages);
  }
  waitProducts<0>(sums);
  __syncthreads(); // the shared memory is the caller's
  if (threadIdx.x == 0)
    for (int stage = 0; stage < groupStages; ++stage)
      dropBarrier(arrived + stage);
#else
  __trap(); // of another chip, which nobody has told to do this
#endif
}

//===--- What becomes of a tile ------------------------------------------===//

/// The slots to the tile at (row0, column0) of a matrix rows x columns, through
/// shared memory, so that neighbours are written together.
template <typename Slots, typename T, typename U>
__device__ __forceinline__ void storeSlots(T *matrix, const T (&slots)[64],
                                           int rows, int columns, int row0,
                                           int column0, U *memory) {
  T *shared = reinterpret_cast<T *>(memory);
  constexpr int stride = tileSide + 8; // rows begin in different banks
#pragma unroll
  for (int r = 0; r < Slots::rows; ++r)
#pragma unroll
    for (int c = 0; c < Slots::columns; c += 2) {
      Pack<T, 2> pack = {slots[Slots::at(r, c)], slots[Slots::at(r, c + 1)]};
      *reinterpret_cast<Pack<T, 2> *>(shared + Slots::row(r) * stride +
                                      Slots::column(c)) = pack;
    }
  __syncthreads();
  if (columns % 8 == 0) {
    for (int i = threadIdx.x; i < tileSide * tileSide / 8; i += 256) {
      int row = i / (tileSide / 8), column = i % (tileSide / 8) * 8;
      if (row0 + row < rows && column0 + column < columns)
        *reinterpret_cast<Pack<T, 8> *>(
            matrix + (int64_t)(row0 + row) * columns + column0 + column) =
            *reinterpret_cast<const Pack<T, 8> *>(shared + row * stride +
                                                  column);
    }
  } else {
    for (int i = threadIdx.x; i < tileSide * tileSide; i += 256) {
      int row = i / tileSide, column = i % tileSide;
      if (row0 + row < rows && column0 + column < columns)
        matrix[(int64_t)(row0 + row) * columns + column0 + column] =
            shared[row * stride + column];
    }
  }
  __syncthreads();
}

template <typename T, typename U>
__device__ __forceinline__ void storeTile(T *matrix, const T (&slots)[64],
                                          int rows, int columns, int row0,
                                          int column0, U *shared) {
  storeSlots<WarpSlots>(matrix, slots, rows, columns, row0, column0, shared);
}
template <typename T, typename U>
__device__ __forceinline__ void storeGroupTile(T *matrix, const T (&slots)[64],
                                               int rows, int columns, int row0,
                                               int column0, U *shared) {
  storeSlots<WarpgroupSlots>(matrix, slots, rows, columns, row0, column0,
                             shared);
}

/// sums[tile, row0 + i] = the sum of row i of a tile, of which a thread has the
/// sums of its slots in 8 rows; always in the same order.
template <typename T>
__device__ __forceinline__ void sumRowsOfTile(float *sums,
                                              const float (&ofSlots)[8],
                                              int rows, int tile, int row0,
                                              T *shared) {
  float *parts = reinterpret_cast<float *>(shared);
#pragma unroll
  for (int r = 0; r < WarpSlots::rows; ++r) {
    float sum = warpSum<4, 1>(ofSlots[r]);
    if (threadIdx.x % 4 == 0)
      parts[threadIdx.x / 32 % 4 * tileSide + WarpSlots::row(r)] = sum;
  }
  __syncthreads();
  int row = threadIdx.x;
  if (row < tileSide && row0 + row < rows)
    sums[(int64_t)tile * rows + row0 + row] =
        parts[row] + parts[tileSide + row] + parts[2 * tileSide + row] +
        parts[3 * tileSide + row];
  __syncthreads();
}

/// The same where a warp has whole rows.
template <typename T>
__device__ __forceinline__ void sumRowsOfGroupTile(float *sums,
                                                   const float (&ofSlots)[2],
                                                   int rows, int tile,
                                                   int row0, T *) {
#pragma unroll
  for (int r = 0; r < WarpgroupSlots::rows; ++r) {
    float sum = warpSum<4, 1>(ofSlots[r]);
    int row = row0 + WarpgroupSlots::row(r);
    if (threadIdx.x % 4 == 0 && row < rows)
      sums[(int64_t)tile * rows + row] = sum;
  }
}

} // namespace pfc

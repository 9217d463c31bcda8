#include "runtime/eval/DotProducts.h"

#include "runtime/base/ParallelFor.h"

#include <algorithm>

namespace pfc::rt {
namespace {

constexpr int lanes = 8;          // partial sums of a product
constexpr int tall = 4, wide = 2; // products formed at once

/// Sums `count` lanes of (rows x columns) products; small enough for the
/// compiler to keep all sums in registers.
template <int rows, int columns>
void block(const float *a, const float *b, int64_t dim, float *products,
           int64_t stride) {
  float sums[rows][columns][lanes] = {};
  int64_t whole = dim / lanes * lanes;
  for (int64_t k = 0; k < whole; k += lanes)
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j < columns; ++j)
        for (int lane = 0; lane < lanes; ++lane)
          sums[i][j][lane] += a[i * dim + k + lane] * b[j * dim + k + lane];
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j) {
      float *sum = sums[i][j];
      for (int64_t k = whole; k < dim; ++k)
        sum[k - whole] += a[i * dim + k] * b[j * dim + k];
      for (int half = lanes / 2; half > 0; half /= 2)
        for (int lane = 0; lane < half; ++lane)
          sum[lane] += sum[lane + half];
      products[i * stride + j] = sum[0];
    }
}

template <int rows>
void rowsOfProducts(const float *a, std::span<const float> b, int64_t dim,
                    float *products, int64_t columns) {
  int64_t j = 0;
  for (; j + wide <= columns; j += wide)
    block<rows, wide>(a, &b[j * dim], dim, products + j, columns);
  for (; j < columns; ++j)
    block<rows, 1>(a, &b[j * dim], dim, products + j, columns);
}

// AVX2 without fused operations: the same bits on every machine. (clang doesn't
// take the two attributes together.)
#if defined(__x86_64__) && !defined(__clang__)
#define PFC_CLONES __attribute__((target_clones("avx2", "default"), flatten))
#else
#define PFC_CLONES
#endif

PFC_CLONES void someRows(const float *a, int64_t rows, std::span<const float> b,
                         int64_t dim, float *products, int64_t columns) {
  if (rows == tall)
    return rowsOfProducts<tall>(a, b, dim, products, columns);
  for (int64_t i = 0; i < rows; ++i)
    rowsOfProducts<1>(a + i * dim, b, dim, products + i * columns, columns);
}

} // namespace

void dotProducts(std::span<const float> a, std::span<const float> b,
                 int64_t dim, std::span<float> products, int threads) {
  int64_t rows = static_cast<int64_t>(a.size()) / dim;
  int64_t columns = static_cast<int64_t>(b.size()) / dim;
  parallelFor(threads, (rows + tall - 1) / tall, [&](int, int64_t part) {
    int64_t first = part * tall;
    someRows(&a[first * dim], std::min<int64_t>(tall, rows - first), b, dim,
             &products[first * columns], columns);
  });
}

} // namespace pfc::rt

//===- DotProducts.h - Every row of one set with every of another -*- C++ -*-=//
#ifndef PFC_RUNTIME_EVAL_DOTPRODUCTS_H
#define PFC_RUNTIME_EVAL_DOTPRODUCTS_H

#include <cstdint>
#include <span>

namespace pfc::rt {

/// products[i, j] = sum_k a[i, k] b[j, k], for a [n, dim], b [m, dim]. Summed
/// in fp32 in a fixed order, so the result is the same on any number of
/// threads.
void dotProducts(std::span<const float> a, std::span<const float> b,
                 int64_t dim, std::span<float> products, int threads);

} // namespace pfc::rt

#endif // PFC_RUNTIME_EVAL_DOTPRODUCTS_H

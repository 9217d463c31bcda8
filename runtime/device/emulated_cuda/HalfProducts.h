//===- HalfProducts.h - Products of fp16 by oneDNN's fp32 -------*- C++ -*-===//
//
// oneDNN has no fp16 on processors. Every fp16 number is an fp32 number, and a
// GPU adds up in fp32: so operands are widened, and the result is rounded.
//
//===----------------------------------------------------------------------===//
#ifndef PFC_RUNTIME_DEVICE_EMULATED_CUDA_HALFPRODUCTS_H
#define PFC_RUNTIME_DEVICE_EMULATED_CUDA_HALFPRODUCTS_H

#include "runtime/device/Device.h"

#include <functional>

namespace pfc::rt::emulated {

/// Makes the task of a product for two operands and a result.
using MakeProduct = std::function<std::unique_ptr<Task>(
    const BufferView &lhs, const BufferView &rhs, const BufferView &result)>;

/// `make`'s task where no buffer is fp16, else one that widens and rounds
/// around it.
std::unique_ptr<Task> makeProduct(const BufferView &lhs, const BufferView &rhs,
                                  const BufferView &result,
                                  const MakeProduct &make);

} // namespace pfc::rt::emulated

#endif // PFC_RUNTIME_DEVICE_EMULATED_CUDA_HALFPRODUCTS_H

//===- Tensor.cpp - A tensor of the reference interpreter -----------------===//
#include "dialects/pfc/reference/Tensor.h"
#include <cstring>

using namespace pfc::reference;

Tensor Tensor::zeros(mlir::RankedTensorType type) {
  Tensor tensor;
  tensor.shape.assign(type.getShape().begin(), type.getShape().end());
  if (llvm::isa<mlir::FloatType>(type.getElementType()))
    tensor.reals.resize(type.getNumElements());
  else
    tensor.integers.resize(type.getNumElements());
  return tensor;
}

Tensor Tensor::ofReals(std::vector<int64_t> shape, std::vector<double> values) {
  Tensor tensor;
  tensor.shape = std::move(shape);
  tensor.reals = std::move(values);
  return tensor;
}

Tensor Tensor::ofIntegers(std::vector<int64_t> shape,
                          std::vector<int64_t> values) {
  Tensor tensor;
  tensor.shape = std::move(shape);
  tensor.integers = std::move(values);
  return tensor;
}

bool Tensor::identical(const Tensor &other) const {
  return shape == other.shape && integers == other.integers &&
         reals.size() == other.reals.size() &&
         (reals.empty() || std::memcmp(reals.data(), other.reals.data(),
                                       reals.size() * sizeof(double)) == 0);
}

/// Elements of one index of dimension `axis`: those of all later dimensions.
static int64_t strideOf(const std::vector<int64_t> &shape, unsigned axis) {
  int64_t stride = 1;
  for (size_t i = axis + 1; i < shape.size(); ++i)
    stride *= shape[i];
  return stride;
}

/// Copies `count` elements from each of the blocks of `blockSize` that
/// `values` is made of, beginning at `begin` in the block.
template <typename T>
static std::vector<T> sliceBlocks(const std::vector<T> &values,
                                  int64_t blockSize, int64_t begin,
                                  int64_t count) {
  std::vector<T> out;
  for (size_t block = 0; block < values.size(); block += blockSize)
    out.insert(out.end(), values.begin() + block + begin,
               values.begin() + block + begin + count);
  return out;
}

Tensor pfc::reference::slice(const Tensor &tensor, unsigned axis, int64_t begin,
                             int64_t count) {
  int64_t stride = strideOf(tensor.shape, axis);
  int64_t blockSize = stride * tensor.shape[axis];
  Tensor part;
  part.shape = tensor.shape;
  part.shape[axis] = count;
  part.reals =
      sliceBlocks(tensor.reals, blockSize, begin * stride, count * stride);
  part.integers =
      sliceBlocks(tensor.integers, blockSize, begin * stride, count * stride);
  return part;
}

Tensor pfc::reference::concatenate(const std::vector<Tensor> &parts,
                                   unsigned axis) {
  Tensor whole;
  whole.shape = parts.front().shape;
  whole.shape[axis] = 0;
  int64_t blocks = 1;
  for (unsigned i = 0; i < axis; ++i)
    blocks *= whole.shape[i];
  for (const Tensor &part : parts)
    whole.shape[axis] += part.shape[axis];
  for (int64_t block = 0; block < blocks; ++block)
    for (const Tensor &part : parts) {
      auto append = [&](auto &to, const auto &from) {
        size_t size = from.size() / blocks;
        to.insert(to.end(), from.begin() + block * size,
                  from.begin() + (block + 1) * size);
      };
      append(whole.reals, part.reals);
      append(whole.integers, part.integers);
    }
  return whole;
}

//===- Tensor.h - A tensor of the reference interpreter ---------*- C++ -*-===//
//
// Row-major values of one rank. Every float type is computed in float64 and
// every integer type in int64: element types matter to devices, not to meaning.
//
//===----------------------------------------------------------------------===//
#ifndef DIALECTS_PFC_REFERENCE_TENSOR_H
#define DIALECTS_PFC_REFERENCE_TENSOR_H

#include "mlir/IR/BuiltinTypes.h"
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace pfc::reference {

struct Tensor {
  std::vector<int64_t> shape;
  std::vector<double> reals;     ///< the elements of a float tensor
  std::vector<int64_t> integers; ///< the elements of an integer tensor

  /// All zero, with the type's shape and kind of elements.
  static Tensor zeros(mlir::RankedTensorType type);
  static Tensor ofReals(std::vector<int64_t> shape, std::vector<double> values);
  static Tensor ofIntegers(std::vector<int64_t> shape,
                           std::vector<int64_t> values);

  bool isInteger() const { return reals.empty(); }
  int64_t size() const { return isInteger() ? integers.size() : reals.size(); }
  int64_t rows() const { return shape.front(); }
  /// Elements of a row (everything but dimension 0).
  int64_t width() const { return size() / rows(); }
  int64_t channels() const { return shape.back(); }

  /// Whether shape and elements agree bit for bit.
  bool identical(const Tensor &other) const;
};

using TensorMap = std::map<std::string, Tensor>;

/// The part [begin, begin + count) of dimension `axis`.
Tensor slice(const Tensor &tensor, unsigned axis, int64_t begin, int64_t count);

/// The parts one after the other along dimension `axis`.
Tensor concatenate(const std::vector<Tensor> &parts, unsigned axis);

} // namespace pfc::reference

#endif // DIALECTS_PFC_REFERENCE_TENSOR_H

//===- Compare.cpp - How far two tensors are apart ------------------------===//
#include "dialects/pfc/reference/Compare.h"
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <limits>

using namespace pfc::reference;

/// "[1, 2, 3]", the position of element `i`.
static std::string positionOf(const Tensor &tensor, int64_t i) {
  std::vector<int64_t> position(tensor.shape.size());
  for (size_t d = position.size(); d-- > 0;) {
    position[d] = i % tensor.shape[d];
    i /= tensor.shape[d];
  }
  return fmt::format("[{}]", fmt::join(position, ", "));
}

static Difference compareIntegers(const Tensor &a, const Tensor &b) {
  for (int64_t i = 0; i < a.size(); ++i)
    if (a.integers[i] != b.integers[i])
      return {1.0, fmt::format("{} is {} and {}", positionOf(a, i),
                               a.integers[i], b.integers[i])};
  return {};
}

static Difference compareReals(const Tensor &a, const Tensor &b) {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  double scale = 0.0, largest = 0.0;
  int64_t where = 0;
  for (int64_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a.reals[i]) || !std::isfinite(b.reals[i]))
      return {infinite, fmt::format("{} is {} and {}", positionOf(a, i),
                                    a.reals[i], b.reals[i])};
    scale = std::max({scale, std::abs(a.reals[i]), std::abs(b.reals[i])});
    double difference = std::abs(a.reals[i] - b.reals[i]);
    if (difference > largest) {
      largest = difference;
      where = i;
    }
  }
  if (largest == 0.0)
    return {};
  return {largest / scale,
          fmt::format("{} is {} and {}, {:.2e} of the largest element",
                      positionOf(a, where), a.reals[where], b.reals[where],
                      largest / scale)};
}

Difference pfc::reference::compare(const Tensor &a, const Tensor &b) {
  if (a.shape != b.shape || a.isInteger() != b.isInteger())
    return {std::numeric_limits<double>::infinity(),
            fmt::format("the shape is [{}] and [{}]", fmt::join(a.shape, ", "),
                        fmt::join(b.shape, ", "))};
  return a.isInteger() ? compareIntegers(a, b) : compareReals(a, b);
}

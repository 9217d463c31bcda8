//===- CheckGradients.cpp - Gradients by finite differences ---------------===//
#include "dialects/pfc/reference/CheckGradients.h"
#include "dialects/pfc/reference/RandomInputs.h"
#include <cmath>

using namespace mlir;
using namespace pfc::reference;

static double norm(const Tensor &tensor) {
  double sum = 0.0;
  for (double x : tensor.reals)
    sum += x * x;
  return std::sqrt(sum);
}

namespace {
/// The loss around one value of a parameter.
struct LossAlong {
  func::FuncOp function;
  const TensorMap &inputs;
  const State &state;
  const std::string &name;
  const Tensor &parameter, &direction;

  FailureOr<double> at(double distance) {
    Tensor moved = parameter;
    for (int64_t i = 0; i < moved.size(); ++i)
      moved.reals[i] += distance * direction.reals[i];
    State start = state;
    start.set(name, moved);
    FailureOr<RunResult> run = runFunction(function, inputs, start);
    if (failed(run))
      return failure();
    auto loss = run->outputs.find("loss");
    if (loss == run->outputs.end())
      return function.emitError("has no output \"loss\"");
    return loss->second.reals[0];
  }

  FailureOr<double> slope(double h) {
    FailureOr<double> l1 = at(h), l_1 = at(-h), l2 = at(2 * h),
                      l_2 = at(-2 * h);
    if (failed(l1) || failed(l_1) || failed(l2) || failed(l_2))
      return failure();
    return (8.0 * (*l1 - *l_1) - (*l2 - *l_2)) / (12.0 * h);
  }
};
} // namespace

FailureOr<std::vector<GradientCheck>>
pfc::reference::checkGradients(func::FuncOp function, const TensorMap &inputs,
                               const State &state, int64_t directions,
                               uint64_t seed) {
  State start = state;
  FailureOr<RunResult> run = runFunction(function, inputs, start);
  if (failed(run))
    return failure();
  std::vector<GradientCheck> checks;
  for (const auto &[name, gradient] : run->gradients) {
    FailureOr<Tensor> parameter = state.logical(name, function.getLoc());
    if (failed(parameter))
      return failure();
    double size = std::sqrt(double(parameter->size()));
    double h = 1e-4 * std::max(norm(*parameter) / size, 1e-3);
    GradientCheck check{name};
    for (int64_t d = 0; d < directions; ++d) {
      Tensor direction = randomNormal(gradient.shape, seed, 1000 + d);
      double computed = 0.0;
      for (int64_t i = 0; i < gradient.size(); ++i)
        computed += gradient.reals[i] * direction.reals[i];
      FailureOr<double> slope =
          LossAlong{function, inputs, state, name, *parameter, direction}.slope(
              h);
      if (failed(slope))
        return failure();
      double relative =
          std::abs(computed - *slope) / std::max(norm(gradient), 1e-4);
      if (!(relative <= check.relative)) // not a number counts as large
        check = {name, computed, *slope, relative};
    }
    checks.push_back(check);
  }
  return checks;
}

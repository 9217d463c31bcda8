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

/// |computed − differences| along the direction, at the h where it is least.
static FailureOr<GradientCheck> checkAlong(LossAlong loss,
                                           const Tensor &gradient) {
  double size = std::sqrt(double(gradient.size()));
  double scale = std::max(norm(loss.parameter) / size, 1e-3);
  GradientCheck best{loss.name};
  for (int64_t i = 0; i < gradient.size(); ++i)
    best.computed += gradient.reals[i] * loss.direction.reals[i];
  best.relative = std::numeric_limits<double>::infinity();
  for (double h : {1e-4, 1e-6, 1e-7, 1e-8}) {
    if (best.relative < 1e-6)
      break;
    FailureOr<double> slope = loss.slope(h * scale);
    if (failed(slope))
      return failure();
    double relative =
        std::abs(best.computed - *slope) / std::max(norm(gradient), 1e-3);
    if (relative < best.relative) {
      best.relative = relative;
      best.differences = *slope;
    }
  }
  return best;
}

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
    GradientCheck worst{name};
    for (int64_t d = 0; d < directions; ++d) {
      Tensor direction = randomNormal(gradient.shape, seed, 1000 + d);
      FailureOr<GradientCheck> check = checkAlong(
          {function, inputs, state, name, *parameter, direction}, gradient);
      if (failed(check))
        return failure();
      if (check->relative >= worst.relative)
        worst = *check;
    }
    checks.push_back(worst);
  }
  return checks;
}

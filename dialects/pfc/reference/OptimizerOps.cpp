//===- OptimizerOps.cpp - Running statistics, clipping, SGD ---------------===//
#include "dialects/pfc/ir/PfcDialect.h"
#include "dialects/pfc/reference/Registry.h"
#include "dialects/pfc/reference/Rounding.h"
#include <cmath>
#include <limits>
#include <set>

using namespace mlir;

namespace pfc::reference {

static void movingAverage(MovingAverageOp op, Call &call) {
  const Tensor &average = call[op.getAverage()], &value = call[op.getValue()];
  Tensor &result = call.result(op.getResult());
  double momentum = op.getMomentum().convertToDouble();
  double scale = op.getScale().convertToDouble();
  for (int64_t i = 0; i < result.size(); ++i)
    result.reals[i] =
        (1.0 - momentum) * average.reals[i] + momentum * scale * value.reals[i];
}

static void sumSquares(SumSquaresOp op, Call &call) {
  double sum = 0.0;
  for (double x : call[op.getInput()].reals)
    sum += x * x;
  call.result(op.getOutput()).reals[0] = sum;
}

static void chunkSumSquares(ChunkSumSquaresOp op, Call &call) {
  const Tensor &x = call[op.getInput()];
  Tensor &sums = call.result(op.getOutput());
  for (int64_t i = 0; i < x.size(); ++i)
    sums.reals[i / op.getChunk()] += x.reals[i] * x.reals[i];
}

static void bucket(BucketOp op, Call &call) {
  Tensor &all = call.result(op.getBucket());
  all.reals.clear();
  for (mlir::Value tensor : op.getTensors())
    llvm::append_range(all.reals, call[tensor].reals);
}

static void unbucket(UnbucketOp op, Call &call) {
  auto next = call[op.getBucket()].reals.begin();
  for (mlir::Value tensor : op.getTensors()) {
    std::vector<double> &reals = call.result(tensor).reals;
    std::copy_n(next, reals.size(), reals.begin());
    next += reals.size();
  }
}

static void clipFactor(ClipFactorOp op, Call &call) {
  double unscale = call.real(op.getUnscale(), 1.0);
  double norm = unscale * std::sqrt(call.real(op.getSumSquares(), 0.0));
  double limit = op.getLimit().convertToDouble();
  call.result(op.getNorm()).reals[0] = norm;
  call.result(op.getFactor()).reals[0] =
      unscale * std::min(1.0, limit / (norm + 1e-6));
}

static void foundInf(FoundInfOp op, Call &call) {
  for (Value sum : op.getSums())
    if (!std::isfinite(call[sum].reals[0]))
      call.result(op.getFound()).reals[0] = 1.0;
}

static void updateLossScale(UpdateLossScaleOp op, Call &call) {
  double scale = call[op.getScale()].reals[0];
  double steps = call[op.getGoodSteps()].reals[0] + 1.0;
  bool found = call[op.getFound()].reals[0] > 0.0;
  double next = scale, grown = scale * op.getGrowth().convertToDouble();
  if (found)
    next = scale * op.getBackoff().convertToDouble();
  else if (steps >= static_cast<double>(op.getInterval()) &&
           grown <= std::numeric_limits<float>::max())
    next = grown;
  if (found || steps >= static_cast<double>(op.getInterval()))
    steps = 0.0;
  call.result(op.getUnscale()).reals[0] = 1.0 / scale;
  call.result(op.getNewScale()).reals[0] = next;
  call.result(op.getNewGoodSteps()).reals[0] = steps;
  call.result(op.getSkipped()).reals[0] = found ? 1.0 : 0.0;
}

static void sgd(SgdOp op, Call &call) {
  const Tensor &p = call[op.getParameter()], &v = call[op.getMomentum()],
               &g = call[op.getGradient()];
  Tensor &newP = call.result(op.getNewParameter());
  Tensor &newV = call.result(op.getNewMomentum());
  double lr = call.real(op.getLr(), 0.0), clip = call.real(op.getClip(), 1.0);
  double mu = op.getMu().convertToDouble();
  double decay = op.getWeightDecay().convertToDouble();
  if (call.real(op.getFoundInf(), 0.0) > 0.0) {
    newP.reals = p.reals;
    newV.reals = v.reals;
    return;
  }
  for (int64_t i = 0; i < p.size(); ++i) {
    newV.reals[i] = mu * v.reals[i] + (clip * g.reals[i] + decay * p.reals[i]);
    newP.reals[i] = p.reals[i] - lr * newV.reals[i];
  }
}

/// The gradient of w from that of w/‖w‖.
static std::vector<double> gradientOfRow(const double *w, const double *unit,
                                         int64_t width) {
  double squares = 0.0, dot = 0.0;
  for (int64_t d = 0; d < width; ++d)
    squares += w[d] * w[d];
  double length = std::max(std::sqrt(squares), 1e-12);
  for (int64_t d = 0; d < width; ++d)
    dot += w[d] / length * unit[d];
  std::vector<double> gradient(width);
  for (int64_t d = 0; d < width; ++d)
    gradient[d] = (unit[d] - w[d] / length * dot) / length;
  return gradient;
}

static void updateRows(UpdateRowsOp op, Call &call) {
  const Tensor &indices = call[op.getIndices()],
               &gradients = call[op.getRowsGrad()];
  Tensor &w = call.result(op.getNewTable());
  Tensor &v = call.result(op.getNewMomentum());
  w.reals = call[op.getTable()].reals;
  v.reals = call[op.getMomentum()].reals;
  if (call.real(op.getFoundInf(), 0.0) > 0.0)
    return;
  int64_t width = w.width(), used = call.integer(op.getCount(), w.rows());
  double lr = call.real(op.getLr(), 0.0), mu = op.getMu().convertToDouble();
  double decay = op.getWeightDecay().convertToDouble();
  double unscale = call.real(op.getUnscale(), 1.0);
  const Rounding rounded(op, call);
  // One row; no gradient is a gradient of zero.
  auto update = [&](int64_t row, const double *gradient) {
    for (int64_t d = 0; d < width; ++d) {
      double &wd = w.reals[row * width + d], &vd = v.reals[row * width + d];
      vd = mu * vd + ((gradient ? unscale * gradient[d] : 0.0) + decay * wd);
      wd = rounded(wd - lr * vd, row, d);
    }
  };
  std::set<int64_t> touched;
  for (int64_t j = 0; j < indices.size(); ++j) {
    int64_t row = indices.integers[j];
    if (row < 0)
      continue;
    if (row >= used || !touched.insert(row).second)
      return call.fail("an index is beyond the table or occurs twice");
    const double *gradient = &gradients.reals[j * width];
    if (op.getOfUnitRows())
      update(row, gradientOfRow(&w.reals[row * width], gradient, width).data());
    else
      update(row, gradient);
  }
  if (op.getRowUpdate() == RowUpdate::All)
    for (int64_t row = 0; row < used; ++row)
      if (!touched.count(row))
        update(row, nullptr);
}

static void coastRows(CoastRowsOp op, Call &call) {
  const std::vector<int64_t> &taken = call[op.getIndices()].integers;
  std::set<int64_t> touched(taken.begin(), taken.end());
  Tensor &w = call.result(op.getNewTable());
  Tensor &v = call.result(op.getNewMomentum());
  w.reals = call[op.getTable()].reals;
  v.reals = call[op.getMomentum()].reals;
  if (call.real(op.getFoundInf(), 0.0) > 0.0)
    return;
  double lr = call.real(op.getLr(), 0.0), mu = op.getMu().convertToDouble();
  double decay = op.getWeightDecay().convertToDouble();
  const Rounding rounded(op, call);
  for (int64_t row = 0; row < call.integer(op.getCount(), 0); ++row)
    for (int64_t d = 0; !touched.count(row) && d < w.width(); ++d) {
      double &wd = w.reals[row * w.width() + d];
      double &vd = v.reals[row * w.width() + d];
      vd = mu * vd + decay * wd;
      wd = rounded(wd - lr * vd, row, d);
    }
}

void addOptimizerOps(Registry &registry) {
  registry.add(movingAverage);
  registry.add(sumSquares);
  registry.add(chunkSumSquares);
  registry.add(bucket);
  registry.add(unbucket);
  registry.add(clipFactor);
  registry.add(foundInf);
  registry.add(updateLossScale);
  registry.add(sgd);
  registry.add(updateRows);
  registry.add(coastRows);
}

} // namespace pfc::reference

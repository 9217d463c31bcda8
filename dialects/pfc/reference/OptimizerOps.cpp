//===- OptimizerOps.cpp - Running statistics, clipping, SGD, AdamW --------===//
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

static void biasCorrections(BiasCorrectionsOp op, Call &call) {
  bool skipped = call.real(op.getFoundInf(), 0.0) > 0.0;
  auto advance = [&](Value old, double beta, Value next) {
    double value = call[old].reals[0];
    call.result(next).reals[0] = skipped ? value : beta * value + (1.0 - beta);
  };
  advance(op.getCorrection1(), op.getBeta1().convertToDouble(),
          op.getNewCorrection1());
  advance(op.getCorrection2(), op.getBeta2().convertToDouble(),
          op.getNewCorrection2());
}

namespace {
/// A step of torch.optim.AdamW.
struct AdamW {
  double lr, correction1, correction2, beta1, beta2, eps, decay;

  void operator()(double &p, double &m, double &v, double g) const {
    m = beta1 * m + (1.0 - beta1) * g;
    v = beta2 * v + (1.0 - beta2) * g * g;
    double direction = (m / correction1) / (std::sqrt(v / correction2) + eps);
    p -= lr * (decay * p + direction);
  }
};
} // namespace

static void adamw(AdamWOp op, Call &call) {
  Tensor &p = call.result(op.getNewParameter());
  Tensor &m = call.result(op.getNewMomentum());
  Tensor &v = call.result(op.getNewSquares());
  p.reals = call[op.getParameter()].reals;
  m.reals = call[op.getMomentum()].reals;
  v.reals = call[op.getSquares()].reals;
  if (call.real(op.getFoundInf(), 0.0) > 0.0)
    return;
  const AdamW step{
      call.real(op.getLr(), 0.0),           call.real(op.getCorrection1(), 0.0),
      call.real(op.getCorrection2(), 0.0),  op.getBeta1().convertToDouble(),
      op.getBeta2().convertToDouble(),      op.getEps().convertToDouble(),
      op.getWeightDecay().convertToDouble()};
  double clip = call.real(op.getClip(), 1.0);
  const Tensor &g = call[op.getGradient()];
  for (int64_t i = 0; i < p.size(); ++i)
    step(p.reals[i], m.reals[i], v.reals[i], clip * g.reals[i]);
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

namespace {
/// A table of class centers and its state, updated row by row.
template <typename Op>
class RowUpdater {
public:
  /// Begins with the old values.
  RowUpdater(Op op, Call &call)
      : w(call.result(op.getNewTable())), v(call.result(op.getNewMomentum())),
        lr(call.real(op.getLr(), 0.0)), mu(op.getMu().convertToDouble()),
        decay(op.getWeightDecay().convertToDouble()), rounded(op, call) {
    w.reals = call[op.getTable()].reals;
    v.reals = call[op.getMomentum()].reals;
    if (!op.getSquares())
      return;
    squares = &call.result(op.getNewSquares());
    squares->reals = call[op.getSquares()].reals;
    adamw = {lr,
             call.real(op.getCorrection1(), 0.0),
             call.real(op.getCorrection2(), 0.0),
             mu,
             op.getBeta2()->convertToDouble(),
             op.getEps()->convertToDouble(),
             decay};
  }

  /// No gradient is a gradient of zero.
  void operator()(int64_t row, const double *gradient, double factor) {
    for (int64_t d = 0; d < w.width(); ++d) {
      int64_t at = row * w.width() + d;
      double g = gradient ? factor * gradient[d] : 0.0, next = w.reals[at];
      if (squares) {
        adamw(next, v.reals[at], squares->reals[at], g);
      } else {
        v.reals[at] = mu * v.reals[at] + (g + decay * next);
        next -= lr * v.reals[at];
      }
      w.reals[at] = rounded(next, row, d);
    }
  }

private:
  Tensor &w, &v, *squares = nullptr; ///< squares: null for SGD
  double lr, mu, decay;
  AdamW adamw{};
  const Rounding rounded;
};
} // namespace

static void updateRows(UpdateRowsOp op, Call &call) {
  const Tensor &indices = call[op.getIndices()],
               &gradients = call[op.getRowsGrad()];
  const Tensor &w = call.result(op.getNewTable());
  RowUpdater update(op, call);
  if (call.real(op.getFoundInf(), 0.0) > 0.0)
    return;
  int64_t width = w.width(), used = call.integer(op.getCount(), w.rows());
  double unscale = call.real(op.getUnscale(), 1.0);
  std::set<int64_t> touched;
  for (int64_t j = 0; j < indices.size(); ++j) {
    int64_t row = indices.integers[j];
    if (row < 0)
      continue;
    if (row >= used || !touched.insert(row).second)
      return call.fail("an index is beyond the table or occurs twice");
    const double *gradient = &gradients.reals[j * width];
    if (op.getOfUnitRows())
      update(row, gradientOfRow(&w.reals[row * width], gradient, width).data(),
             unscale);
    else
      update(row, gradient, unscale);
  }
  if (op.getRowUpdate() == RowUpdate::All)
    for (int64_t row = 0; row < used; ++row)
      if (!touched.count(row))
        update(row, nullptr, unscale);
}

static void coastRows(CoastRowsOp op, Call &call) {
  const std::vector<int64_t> &taken = call[op.getIndices()].integers;
  std::set<int64_t> touched(taken.begin(), taken.end());
  RowUpdater update(op, call);
  if (call.real(op.getFoundInf(), 0.0) > 0.0)
    return;
  for (int64_t row = 0; row < call.integer(op.getCount(), 0); ++row)
    if (!touched.count(row))
      update(row, nullptr, 1.0);
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
  registry.add(biasCorrections);
  registry.add(adamw);
  registry.add(updateRows);
  registry.add(coastRows);
}

} // namespace pfc::reference

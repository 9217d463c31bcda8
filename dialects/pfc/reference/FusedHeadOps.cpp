//===- FusedHeadOps.cpp - The head from its un-normalised exponentials ----===//
//
// E [B,S] un-normalised exponentials, stats [B,2] = (Z, target logit), targets
// [B] cosines of each row's own class, columns [B] (−1: not on this rank).
// Each entry is written from the formula in ir/ops/RankHead.td, not from the
// unfused ops, so that the two check each other.
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/reference/Margin.h"
#include "dialects/pfc/reference/Registry.h"

namespace pfc::reference {

/// E, stats and targets from cosines [B,S] of which `count` columns are used.
static void exponentials(MarginSoftmaxOp op, Call &call,
                         const Tensor &cosines) {
  const Tensor &columns = call[op.getColumns()];
  Tensor &exps = call.result(op.getExps()), &stats = call.result(op.getStats()),
         &targets = call.result(op.getTargets());
  int64_t count = call.integer(op.getCount(), 0);
  MarginAttr margin = op.getMargin();
  double s = margin.getScale(), shift = op.getShift().convertToDouble();
  int64_t width = cosines.width();
  for (int64_t i = 0; i < cosines.rows(); ++i) {
    int64_t column = columns.integers[i];
    for (int64_t j = 0; j < std::min(count, width); ++j) {
      double c = cosines.reals[i * width + j];
      if (j == column)
        continue;
      if (isFiltered(margin, c)) {
        stats.reals[2 * i] += std::exp(-shift);
        continue;
      }
      exps.reals[i * width + j] = std::exp(s * c - shift);
      stats.reals[2 * i] += exps.reals[i * width + j];
    }
    if (column < 0)
      continue;
    targets.reals[i] = clampCosine(cosines.reals[i * width + column]);
    double logit = s * RowMargin(op, call, i).psi(targets.reals[i]);
    stats.reals[2 * i] += std::exp(logit - shift);
    stats.reals[2 * i + 1] = logit;
  }
}

/// E' and a: the target's element, and the factors of the rows.
static void patch(MarginSoftmaxGradOp op, Call &call, Tensor &patched,
                  Tensor &factors) {
  const Tensor &exps = call[op.getExps()], &stats = call[op.getStats()],
               &targets = call[op.getTargets()],
               &columns = call[op.getColumns()];
  double shift = op.getShift().convertToDouble();
  double scale = call.real(op.getLossScale(), 1.0) * op.getMargin().getScale();
  for (int64_t i = 0; i < exps.rows(); ++i) {
    double z = stats.reals[2 * i], t = stats.reals[2 * i + 1];
    factors.reals[i] = scale / (op.getBatch() * z);
    if (columns.integers[i] < 0)
      continue;
    double g = (std::exp(t - shift) / z - 1.0) *
               RowMargin(op, call, i).psiDerivative(targets.reals[i]);
    patched.reals[i * exps.width() + columns.integers[i]] = g * z;
  }
}

static void marginSoftmax(MarginSoftmaxOp op, Call &call) {
  const Tensor &x = call[op.getEmbeddings()], &w = call[op.getCenters()];
  Tensor cosines;
  cosines.shape = {x.rows(), w.rows()};
  for (int64_t i = 0; i < x.rows(); ++i)
    for (int64_t j = 0; j < w.rows(); ++j) {
      double sum = 0.0;
      for (int64_t d = 0; d < x.width(); ++d)
        sum += x.reals[i * x.width() + d] * w.reals[j * w.width() + d];
      cosines.reals.push_back(sum);
    }
  exponentials(op, call, cosines);
}

//===----------------------------------------------------------------------===//
// A tile of the columns
//===----------------------------------------------------------------------===//

static void marginExp(MarginExpOp op, Call &call) {
  const Tensor &cosines = call[op.getCosines()],
               &columns = call[op.getColumns()];
  Tensor &exps = call.result(op.getExps()),
         &sums = call.result(op.getNewSums());
  MarginAttr margin = op.getMargin();
  double s = margin.getScale(), shift = op.getShift().convertToDouble();
  int64_t width = cosines.width(), first = call.integer(op.getFirst(), 0);
  int64_t used = call.integer(op.getCount(), 0) - first;
  for (int64_t i = 0; i < cosines.rows(); ++i) {
    if (op.getSums())
      sums.reals[i] = call[op.getSums()].reals[i];
    for (int64_t j = 0; j < std::min(used, width); ++j) {
      double c = cosines.reals[i * width + j];
      if (first + j == columns.integers[i])
        continue;
      if (!isFiltered(margin, c))
        exps.reals[i * width + j] = std::exp(s * c - shift);
      sums.reals[i] += std::exp((isFiltered(margin, c) ? 0.0 : s * c) - shift);
    }
  }
}

/// Of each row of `op`, the unit vector of its own class, or nothing.
template <typename Op>
static std::vector<double> ownCenter(Op op, Call &call, int64_t row) {
  int64_t column = call[op.getColumns()].integers[row];
  if (column < 0)
    return {};
  const Tensor &table = call[op.getTable()];
  auto first = table.reals.begin() +
               call[op.getIndices()].integers[column] * table.width();
  std::vector<double> center(first, first + table.width());
  double squares = 0.0;
  for (double w : center)
    squares += w * w;
  for (double &w : center)
    w /= std::max(std::sqrt(squares), 1e-12);
  return center;
}

static void targetCosines(TargetCosinesOp op, Call &call) {
  const Tensor &x = call[op.getEmbeddings()];
  Tensor &targets = call.result(op.getTargets());
  for (int64_t i = 0; i < x.rows(); ++i) {
    std::vector<double> center = ownCenter(op, call, i);
    for (size_t d = 0; d < center.size(); ++d)
      targets.reals[i] += x.reals[i * x.width() + d] * center[d];
    targets.reals[i] = clampCosine(targets.reals[i]);
  }
}

static void marginTarget(MarginTargetOp op, Call &call) {
  Tensor &stats = call.result(op.getStats());
  double s = op.getMargin().getScale();
  for (int64_t i = 0; i < stats.rows(); ++i) {
    stats.reals[2 * i] = call[op.getSums()].reals[i];
    if (call[op.getColumns()].integers[i] < 0)
      continue;
    double logit =
        s * RowMargin(op, call, i).psi(call[op.getTargets()].reals[i]);
    stats.reals[2 * i] +=
        std::max(std::exp(logit - op.getShift().convertToDouble()),
                 MarginTargetOp::leastTerm);
    stats.reals[2 * i + 1] = logit;
  }
}

/// (exp(t − shift)/Z − 1)·ψ'·Z of row i.
template <typename Op>
static double targetGradient(Op op, Call &call, int64_t i) {
  const Tensor &stats = call[op.getStats()];
  double z = stats.reals[2 * i], t = stats.reals[2 * i + 1];
  double own = std::exp(t - op.getShift().convertToDouble());
  return (own / z - 1.0) * z *
         RowMargin(op, call, i).psiDerivative(call[op.getTargets()].reals[i]);
}

static void marginEmbeddingsGrad(MarginEmbeddingsGradOp op, Call &call) {
  const Tensor &products = call[op.getProducts()];
  Tensor &dx = call.result(op.getEmbeddingsGrad());
  Tensor &factors = call.result(op.getFactors());
  for (int64_t i = 0; i < products.rows(); ++i) {
    double z = call[op.getStats()].reals[2 * i];
    factors.reals[i] = op.getMargin().getScale() / (op.getBatch() * z);
    std::vector<double> center = ownCenter(op, call, i);
    double own = center.empty() ? 0.0 : targetGradient(op, call, i);
    for (int64_t d = 0; d < products.width(); ++d)
      dx.reals[i * products.width() + d] =
          factors.reals[i] * (products.reals[i * products.width() + d] +
                              (center.empty() ? 0.0 : own * center[d]));
  }
}

/// Column of the tile `exps` that row i's own class has, −1 if none.
template <typename Op>
static int64_t ownColumn(Op op, Call &call, int64_t i) {
  int64_t column = call[op.getColumns()].integers[i];
  int64_t j = column - call.integer(op.getFirst(), 0);
  return column >= 0 && j >= 0 && j < call[op.getExps()].width() ? j : -1;
}

static void marginPatch(MarginPatchOp op, Call &call) {
  Tensor &patched = call.result(op.getPatched());
  patched.reals = call[op.getExps()].reals;
  for (int64_t i = 0; i < patched.rows(); ++i)
    if (int64_t j = ownColumn(op, call, i); j >= 0)
      patched.reals[i * patched.width() + j] = targetGradient(op, call, i);
}

static void marginCosinesGrad(MarginCosinesGradOp op, Call &call) {
  const Tensor &exps = call[op.getExps()];
  Tensor &gradient = call.result(op.getCosinesGrad());
  double scale = call.real(op.getLossScale(), 1.0);
  for (int64_t i = 0; i < exps.rows(); ++i) {
    double z = call[op.getStats()].reals[2 * i];
    double factor = scale * op.getMargin().getScale() / (op.getBatch() * z);
    int64_t own = ownColumn(op, call, i);
    for (int64_t j = 0; j < exps.width(); ++j) {
      double e = j == own ? targetGradient(op, call, i)
                          : exps.reals[i * exps.width() + j];
      gradient.reals[i * exps.width() + j] = factor * e;
    }
  }
}

//===----------------------------------------------------------------------===//
// All columns
//===----------------------------------------------------------------------===//

static void marginSoftmaxGrad(MarginSoftmaxGradOp op, Call &call) {
  const Tensor &x = call[op.getEmbeddings()], &w = call[op.getCenters()],
               &exps = call[op.getExps()];
  Tensor &dx = call.result(op.getEmbeddingsGrad());
  Tensor &dw = call.result(op.getCentersGrad());
  Tensor patched = exps, factors = Tensor::ofReals({x.rows()}, {});
  factors.reals.resize(x.rows());
  patch(op, call, patched, factors);
  int64_t width = x.width();
  for (int64_t i = 0; i < x.rows(); ++i)
    for (int64_t j = 0; j < w.rows(); ++j) {
      double g = factors.reals[i] * patched.reals[i * w.rows() + j];
      for (int64_t d = 0; d < width; ++d) {
        dx.reals[i * width + d] += g * w.reals[j * width + d];
        dw.reals[j * width + d] += g * x.reals[i * width + d];
      }
    }
}

void addFusedHeadOps(Registry &registry) {
  registry.add(marginSoftmax);
  registry.add(marginSoftmaxGrad);
  registry.add(marginExp);
  registry.add(marginPatch);
  registry.add(marginCosinesGrad);
  registry.add(targetCosines);
  registry.add(marginTarget);
  registry.add(marginEmbeddingsGrad);
}

} // namespace pfc::reference

//===- HeadOps.cpp - Normalisation, margin, softmax cross entropy ---------===//
#include "dialects/pfc/reference/Margin.h"
#include "dialects/pfc/reference/Registry.h"

namespace pfc::reference {

//===----------------------------------------------------------------------===//
// Rows of unit length: x [M,D]
//===----------------------------------------------------------------------===//

/// ‖row‖₂
static double normOf(const Tensor &x, int64_t row) {
  double sum = 0.0;
  for (int64_t d = row * x.width(); d < (row + 1) * x.width(); ++d)
    sum += x.reals[d] * x.reals[d];
  return std::sqrt(sum);
}

/// What a row is divided by.
static double lengthOf(const Tensor &x, int64_t row) {
  return std::max(normOf(x, row), 1e-12);
}

static void normalize(NormalizeOp op, Call &call) {
  const Tensor &x = call[op.getInput()];
  Tensor &y = call.result(op.getOutput());
  for (int64_t i = 0; i < x.rows(); ++i) {
    double length = lengthOf(x, i);
    for (int64_t d = i * x.width(); d < (i + 1) * x.width(); ++d)
      y.reals[d] = x.reals[d] / length;
  }
}

static void rowNorms(RowNormsOp op, Call &call) {
  const Tensor &x = call[op.getInput()];
  for (int64_t i = 0; i < x.rows(); ++i)
    call.result(op.getOutput()).reals[i] = normOf(x, i);
}

static void normalizeGrad(NormalizeGradOp op, Call &call) {
  const Tensor &dy = call[op.getOutputGrad()], &x = call[op.getInput()];
  Tensor &dx = call.result(op.getInputGrad());
  for (int64_t i = 0; i < x.rows(); ++i) {
    double length = lengthOf(x, i), dot = 0.0;
    for (int64_t d = i * x.width(); d < (i + 1) * x.width(); ++d)
      dot += x.reals[d] / length * dy.reals[d];
    for (int64_t d = i * x.width(); d < (i + 1) * x.width(); ++d)
      dx.reals[d] = (dy.reals[d] - x.reals[d] / length * dot) / length;
  }
}

//===----------------------------------------------------------------------===//
// Margin: cosines, logits [B,S]; columns [B]
//===----------------------------------------------------------------------===//

static void adaptiveMargins(AdaptiveMarginsOp op, Call &call) {
  std::vector<double> norms = call[op.getNorms()].reals;
  double mean = 0.0, variance = 0.0, count = norms.size();
  for (double &norm : norms) {
    norm = std::clamp(norm, 1e-3, 100.0);
    mean += norm / count;
  }
  for (double norm : norms)
    variance += (norm - mean) * (norm - mean) / std::max(count - 1.0, 1.0);
  double t = op.getMomentum().convertToDouble();
  double m = op.getM().convertToDouble(), h = op.getH().convertToDouble();
  double newMean = t * mean + (1.0 - t) * call[op.getMean()].reals[0];
  double newStd =
      t * std::sqrt(variance) + (1.0 - t) * call[op.getStd()].reals[0];
  call.result(op.getNewMean()).reals[0] = newMean;
  call.result(op.getNewStd()).reals[0] = newStd;
  Tensor &margins = call.result(op.getMargins());
  for (size_t i = 0; i < norms.size(); ++i) {
    double u =
        std::clamp(h * (norms[i] - newMean) / (newStd + 1e-3), -1.0, 1.0);
    margins.reals[2 * i] = -m * u;
    margins.reals[2 * i + 1] = m + m * u;
  }
}

static void margin(MarginOp op, Call &call) {
  const Tensor &cosines = call[op.getCosines()],
               &columns = call[op.getColumns()];
  Tensor &logits = call.result(op.getLogits());
  MarginAttr margin = op.getMargin();
  for (int64_t i = 0; i < cosines.size(); ++i) {
    double c = cosines.reals[i];
    if (i % cosines.width() == columns.integers[i / cosines.width()])
      c = RowMargin(op, call, i / cosines.width()).psi(c);
    else if (isFiltered(margin, c))
      c = 0.0;
    logits.reals[i] = margin.getScale() * c;
  }
}

static void marginGrad(MarginGradOp op, Call &call) {
  const Tensor &dz = call[op.getLogitsGrad()], &cosines = call[op.getCosines()],
               &columns = call[op.getColumns()];
  Tensor &dcos = call.result(op.getCosinesGrad());
  MarginAttr margin = op.getMargin();
  for (int64_t i = 0; i < cosines.size(); ++i) {
    double c = cosines.reals[i], slope = 1.0;
    if (i % cosines.width() == columns.integers[i / cosines.width()])
      slope = RowMargin(op, call, i / cosines.width()).psiDerivative(c);
    else if (isFiltered(margin, c))
      slope = 0.0;
    dcos.reals[i] = margin.getScale() * dz.reals[i] * slope;
  }
}

//===----------------------------------------------------------------------===//
// Softmax cross entropy: logits [B, R·S], R shards of S slots
//===----------------------------------------------------------------------===//

/// Whether a column of the logits is among its shard's first counts[r] slots.
static bool isUsed(const Tensor &counts, int64_t columns, int64_t column) {
  int64_t slots = columns / counts.size();
  return column % slots < counts.integers[column / slots];
}

/// stats[i] = (Σ over used j of exp(z[i,j] − shift), target logit or 0).
static void softmaxSums(const Tensor &logits, const Tensor &columns,
                        const Tensor &counts, double shift, Tensor &stats) {
  for (int64_t i = 0; i < logits.rows(); ++i) {
    const double *row = &logits.reals[i * logits.width()];
    for (int64_t j = 0; j < logits.width(); ++j)
      if (isUsed(counts, logits.width(), j))
        stats.reals[2 * i] += std::exp(row[j] - shift);
    if (columns.integers[i] >= 0)
      stats.reals[2 * i + 1] = row[columns.integers[i]];
  }
}

/// Σ_i (log Z_i + shift − t_i) / B
static double meanLoss(const Tensor &stats, double shift) {
  double sum = 0.0;
  for (int64_t i = 0; i < stats.rows(); ++i)
    sum += std::log(stats.reals[2 * i]) + shift - stats.reals[2 * i + 1];
  return sum / stats.rows();
}

static void softmaxCrossEntropy(SoftmaxCrossEntropyOp op, Call &call) {
  Tensor &stats = call.result(op.getStats());
  double shift = op.getShift().convertToDouble();
  softmaxSums(call[op.getLogits()], call[op.getColumns()], call[op.getCounts()],
              shift, stats);
  call.result(op.getLoss()).reals[0] = meanLoss(stats, shift);
}

static void softmaxStats(SoftmaxStatsOp op, Call &call) {
  softmaxSums(call[op.getLogits()], call[op.getColumns()], call[op.getCount()],
              op.getShift().convertToDouble(), call.result(op.getStats()));
}

static void softmaxLoss(SoftmaxLossOp op, Call &call) {
  call.result(op.getLoss()).reals[0] =
      meanLoss(call[op.getStats()], op.getShift().convertToDouble());
}

static void softmaxCrossEntropyGrad(SoftmaxCrossEntropyGradOp op, Call &call) {
  const Tensor &logits = call[op.getLogits()], &columns = call[op.getColumns()],
               &counts = call[op.getCounts()], &stats = call[op.getStats()];
  Tensor &dz = call.result(op.getLogitsGrad());
  double shift = op.getShift().convertToDouble();
  double factor = call.real(op.getLossScale(), 1.0) / op.getBatch();
  int64_t width = logits.width();
  for (int64_t i = 0; i < logits.rows(); ++i)
    for (int64_t j = 0; j < width; ++j)
      if (isUsed(counts, width, j))
        dz.reals[i * width + j] =
            (std::exp(logits.reals[i * width + j] - shift) /
                 stats.reals[2 * i] -
             (j == columns.integers[i] ? 1.0 : 0.0)) *
            factor;
}

void addHeadOps(Registry &registry) {
  registry.add(normalize);
  registry.add(normalizeGrad);
  registry.add(rowNorms);
  registry.add(adaptiveMargins);
  registry.add(margin);
  registry.add(marginGrad);
  registry.add(softmaxCrossEntropy);
  registry.add(softmaxStats);
  registry.add(softmaxLoss);
  registry.add(softmaxCrossEntropyGrad);
}

} // namespace pfc::reference

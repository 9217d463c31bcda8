//===- BatchNormOps.cpp - Statistics, normalisation, their gradients ------===//
//
// x [B,…,C]; statistics [G,C] over G equal groups of consecutive rows.
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/ir/PfcDialect.h"
#include "dialects/pfc/reference/Registry.h"
#include <cmath>

namespace pfc::reference {

/// Element i of x [B,…,C] uses element `of(i)` of statistics [G,C].
struct StatisticsIndex {
  StatisticsIndex(const Tensor &x, const Tensor &stats)
      : groupSize(x.size() / stats.rows()), channels(x.channels()) {}
  int64_t of(int64_t i) const {
    return i / groupSize * channels + i % channels;
  }
  /// Elements that one statistic is taken over.
  double count() const { return double(groupSize) / channels; }

  int64_t groupSize, channels;
};

static double rsqrt(double x) { return 1.0 / std::sqrt(x); }

static void batchStats(BatchStatsOp op, Call &call) {
  const Tensor &x = call[op.getInput()];
  Tensor &mean = call.result(op.getMean());
  Tensor &variance = call.result(op.getVariance());
  StatisticsIndex index(x, mean);
  for (int64_t i = 0; i < x.size(); ++i)
    mean.reals[index.of(i)] += x.reals[i] / index.count();
  for (int64_t i = 0; i < x.size(); ++i) {
    double d = x.reals[i] - mean.reals[index.of(i)];
    variance.reals[index.of(i)] += d * d / index.count();
  }
}

static void mergeStats(MergeStatsOp op, Call &call) {
  const Tensor &mean = call[op.getMean()], &variance = call[op.getVariance()];
  Tensor &merged = call.result(op.getMergedMean());
  Tensor &mergedVariance = call.result(op.getMergedVariance());
  int64_t channels = mean.channels();
  double groups = mean.rows();
  for (int64_t i = 0; i < mean.size(); ++i)
    merged.reals[i % channels] += mean.reals[i] / groups;
  for (int64_t i = 0; i < mean.size(); ++i) {
    double d = mean.reals[i] - merged.reals[i % channels];
    mergedVariance.reals[i % channels] += (variance.reals[i] + d * d) / groups;
  }
}

static void batchNorm(BatchNormOp op, Call &call) {
  const Tensor &x = call[op.getInput()], &mean = call[op.getMean()],
               &variance = call[op.getVariance()], &gamma = call[op.getGamma()],
               &beta = call[op.getBeta()];
  Tensor &y = call.result(op.getOutput());
  double eps = op.getEps().convertToDouble();
  StatisticsIndex index(x, mean);
  for (int64_t i = 0; i < x.size(); ++i) {
    int64_t s = index.of(i), c = i % x.channels();
    y.reals[i] = (x.reals[i] - mean.reals[s]) * rsqrt(variance.reals[s] + eps) *
                     gamma.reals[c] +
                 beta.reals[c];
  }
}

static void batchNormGradStats(BatchNormGradStatsOp op, Call &call) {
  const Tensor &dy = call[op.getOutputGrad()], &x = call[op.getInput()],
               &mean = call[op.getMean()], &variance = call[op.getVariance()];
  Tensor &dgamma = call.result(op.getGammaGrad());
  Tensor &dbeta = call.result(op.getBetaGrad());
  double eps = op.getEps().convertToDouble();
  StatisticsIndex index(x, mean);
  for (int64_t i = 0; i < x.size(); ++i) {
    int64_t s = index.of(i);
    double normalized =
        (x.reals[i] - mean.reals[s]) * rsqrt(variance.reals[s] + eps);
    dgamma.reals[s] += dy.reals[i] * normalized;
    dbeta.reals[s] += dy.reals[i];
  }
}

static void batchNormGrad(BatchNormGradOp op, Call &call) {
  const Tensor &dy = call[op.getOutputGrad()], &x = call[op.getInput()],
               &mean = call[op.getMean()], &variance = call[op.getVariance()],
               &gamma = call[op.getGamma()], &dgamma = call[op.getGammaGrad()],
               &dbeta = call[op.getBetaGrad()];
  Tensor &dx = call.result(op.getInputGrad());
  double eps = op.getEps().convertToDouble(), n = op.getCount();
  StatisticsIndex index(x, mean);
  for (int64_t i = 0; i < x.size(); ++i) {
    int64_t s = index.of(i);
    double inverse = rsqrt(variance.reals[s] + eps);
    double normalized = (x.reals[i] - mean.reals[s]) * inverse;
    double d = dy.reals[i];
    if (op.getTraining())
      d -= dbeta.reals[s] / n + normalized * dgamma.reals[s] / n;
    dx.reals[i] = gamma.reals[i % x.channels()] * inverse * d;
  }
}

void addBatchNormOps(Registry &registry) {
  registry.add(batchStats);
  registry.add(mergeStats);
  registry.add(batchNorm);
  registry.add(batchNormGradStats);
  registry.add(batchNormGrad);
}

} // namespace pfc::reference

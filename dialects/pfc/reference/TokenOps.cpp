//===- TokenOps.cpp - Layer norm, attention's parts, masking --------------===//
//
// Formulas: ir/ops/Tokens.td. Tokens are [B,…,C], statistics of them [B,…].
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/ir/PfcDialect.h"
#include "dialects/pfc/reference/Registry.h"
#include "runtime/base/Philox.h"
#include <algorithm>
#include <cmath>
#include <numeric>

namespace pfc::reference {

//===----------------------------------------------------------------------===//
// Layer norm
//===----------------------------------------------------------------------===//

static void layerStats(LayerStatsOp op, Call &call) {
  const Tensor &x = call[op.getInput()];
  Tensor &mean = call.result(op.getMean());
  Tensor &variance = call.result(op.getVariance());
  double channels = x.channels();
  for (int64_t i = 0; i < x.size(); ++i)
    mean.reals[i / x.channels()] += x.reals[i] / channels;
  for (int64_t i = 0; i < x.size(); ++i) {
    double d = x.reals[i] - mean.reals[i / x.channels()];
    variance.reals[i / x.channels()] += d * d / channels;
  }
}

namespace {
/// x̂ and the factor it was made with, for element i.
struct Normalization {
  const Tensor &x, &mean, &variance;
  double eps;

  double factor(int64_t i) const {
    return 1.0 / std::sqrt(variance.reals[i / x.channels()] + eps);
  }
  double of(int64_t i) const {
    return (x.reals[i] - mean.reals[i / x.channels()]) * factor(i);
  }
};
} // namespace

template <typename Op>
static Normalization normalizationOf(Op op, Call &call) {
  return {call[op.getInput()], call[op.getMean()], call[op.getVariance()],
          op.getEps().convertToDouble()};
}

static void layerNorm(LayerNormOp op, Call &call) {
  Normalization normalized = normalizationOf(op, call);
  const Tensor &gamma = call[op.getGamma()], &beta = call[op.getBeta()];
  Tensor &y = call.result(op.getOutput());
  for (int64_t i = 0; i < y.size(); ++i) {
    int64_t c = i % y.channels();
    y.reals[i] = normalized.of(i) * gamma.reals[c] + beta.reals[c];
  }
}

static void layerNormGradStats(LayerNormGradStatsOp op, Call &call) {
  Normalization normalized = normalizationOf(op, call);
  const Tensor &dy = call[op.getOutputGrad()], &gamma = call[op.getGamma()];
  Tensor &sum = call.result(op.getSum());
  Tensor &projection = call.result(op.getProjection());
  for (int64_t i = 0; i < dy.size(); ++i) {
    double d = gamma.reals[i % dy.channels()] * dy.reals[i];
    sum.reals[i / dy.channels()] += d;
    projection.reals[i / dy.channels()] += d * normalized.of(i);
  }
}

static void layerNormGrad(LayerNormGradOp op, Call &call) {
  Normalization normalized = normalizationOf(op, call);
  const Tensor &dy = call[op.getOutputGrad()], &gamma = call[op.getGamma()],
               &sum = call[op.getSum()], &projection = call[op.getProjection()];
  Tensor &dx = call.result(op.getInputGrad());
  double channels = dx.channels();
  for (int64_t i = 0; i < dx.size(); ++i) {
    int64_t token = i / dx.channels();
    double along =
        sum.reals[token] + normalized.of(i) * projection.reals[token];
    dx.reals[i] =
        normalized.factor(i) *
        (gamma.reals[i % dx.channels()] * dy.reals[i] - along / channels);
  }
}

static void layerNormGainGrad(LayerNormGainGradOp op, Call &call) {
  Normalization normalized = normalizationOf(op, call);
  const Tensor &dy = call[op.getOutputGrad()];
  Tensor &dgamma = call.result(op.getGammaGrad());
  for (int64_t i = 0; i < dy.size(); ++i)
    dgamma.reals[i % dy.channels()] += dy.reals[i] * normalized.of(i);
}

//===----------------------------------------------------------------------===//
// Element-wise
//===----------------------------------------------------------------------===//

static void relu6(Relu6Op op, Call &call) {
  const Tensor &x = call[op.getInput()];
  Tensor &y = call.result(op.getOutput());
  for (int64_t i = 0; i < x.size(); ++i)
    y.reals[i] = std::min(std::max(x.reals[i], 0.0), 6.0);
}

static void relu6Grad(Relu6GradOp op, Call &call) {
  const Tensor &dy = call[op.getOutputGrad()], &x = call[op.getInput()];
  Tensor &dx = call.result(op.getInputGrad());
  for (int64_t i = 0; i < x.size(); ++i)
    dx.reals[i] = x.reals[i] > 0.0 && x.reals[i] < 6.0 ? dy.reals[i] : 0.0;
}

static void dropPath(DropPathOp op, Call &call) {
  const Tensor &x = call[op.getInput()];
  Tensor &y = call.result(op.getOutput());
  double rate = op.getRate().convertToDouble();
  for (int64_t b = 0; b < x.rows(); ++b) {
    uint64_t image = call.integer(op.getRowOffset(), 0) + b;
    rt::PhiloxBlock words = rt::philox(
        op.getSeed(), rt::RandomPurpose::DropPath,
        static_cast<uint32_t>(image / 4),
        static_cast<uint32_t>(call.integer(op.getStep(), 0)), op.getLayer());
    bool keep = double(rt::unitFloat(words[image % 4])) >= rate;
    for (int64_t i = b * x.width(); i < (b + 1) * x.width(); ++i)
      y.reals[i] = keep ? x.reals[i] / (1.0 - rate) : 0.0;
  }
}

//===----------------------------------------------------------------------===//
// Heads
//===----------------------------------------------------------------------===//

/// Calls f(m, element of part m, element of the tokens) for all of `tokens`
/// [B,…,n·h·d] and n parts [B·h,T,d].
template <typename Body>
static void forEachOfHeads(const Tensor &tokens, int64_t parts, int64_t heads,
                           Body f) {
  int64_t channels = tokens.channels(), size = channels / (parts * heads);
  int64_t positions = tokens.width() / channels;
  for (int64_t b = 0; b < tokens.rows(); ++b)
    for (int64_t t = 0; t < positions; ++t)
      for (int64_t c = 0; c < channels; ++c) {
        int64_t m = c / size / heads, head = c / size % heads, e = c % size;
        f(m, ((b * heads + head) * positions + t) * size + e,
          (b * positions + t) * channels + c);
      }
}

static void splitHeads(SplitHeadsOp op, Call &call) {
  const Tensor &x = call[op.getInput()];
  forEachOfHeads(x, op.getNumResults(), op.getHeads(),
                 [&](int64_t m, int64_t part, int64_t token) {
                   call.result(op.getParts()[m]).reals[part] = x.reals[token];
                 });
}

static void mergeHeads(MergeHeadsOp op, Call &call) {
  Tensor &y = call.result(op.getOutput());
  forEachOfHeads(y, op.getNumOperands(), op.getHeads(),
                 [&](int64_t m, int64_t part, int64_t token) {
                   y.reals[token] = call[op.getParts()[m]].reals[part];
                 });
}

static void softmax(SoftmaxOp op, Call &call) {
  const Tensor &x = call[op.getInput()];
  Tensor &y = call.result(op.getOutput());
  double scale = op.getScale().convertToDouble();
  for (int64_t row = 0; row < x.size(); row += x.channels()) {
    auto begin = x.reals.begin() + row, end = begin + x.channels();
    double most = *std::max_element(begin, end), sum = 0.0;
    for (auto at = begin; at != end; ++at)
      sum += std::exp(scale * (*at - most));
    for (int64_t j = 0; j < x.channels(); ++j)
      y.reals[row + j] = std::exp(scale * (begin[j] - most)) / sum;
  }
}

static void softmaxGrad(SoftmaxGradOp op, Call &call) {
  const Tensor &dy = call[op.getOutputGrad()], &y = call[op.getOutput()];
  Tensor &dx = call.result(op.getInputGrad());
  double scale = op.getScale().convertToDouble();
  for (int64_t row = 0; row < y.size(); row += y.channels()) {
    double dot = 0.0;
    for (int64_t j = row; j < row + y.channels(); ++j)
      dot += y.reals[j] * dy.reals[j];
    for (int64_t j = row; j < row + y.channels(); ++j)
      dx.reals[j] = scale * y.reals[j] * (dy.reals[j] - dot);
  }
}

//===----------------------------------------------------------------------===//
// Masking
//===----------------------------------------------------------------------===//

static void sampleTokens(SampleTokensOp op, Call &call) {
  Tensor &kept = call.result(op.getKept()), &slots = call.result(op.getSlots()),
         &keys = call.result(op.getKeys());
  int64_t tokens = slots.channels();
  std::vector<int64_t> order(tokens);
  for (int64_t b = 0; b < slots.rows(); ++b) {
    int64_t *key = &keys.integers[b * tokens];
    uint64_t first = (call.integer(op.getRowOffset(), 0) + b) * tokens;
    for (int64_t t = 0; t < tokens; ++t)
      key[t] = rt::philox(op.getSeed(), rt::RandomPurpose::SampleTokens,
                          static_cast<uint32_t>((first + t) / 4),
                          static_cast<uint32_t>(call.integer(op.getStep(), 0)),
                          0)[(first + t) % 4];
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t s, int64_t t) { return key[s] < key[t]; });
    for (int64_t r = 0; r < tokens; ++r) {
      bool isKept = r < kept.channels();
      slots.integers[b * tokens + order[r]] = isKept ? r : -1;
      if (isKept)
        kept.integers[b * kept.channels() + r] = order[r];
    }
  }
}

static void gatherTokens(GatherTokensOp op, Call &call) {
  const Tensor &x = call[op.getInput()], &kept = call[op.getKept()];
  Tensor &y = call.result(op.getOutput());
  int64_t channels = x.channels(), tokens = x.width() / channels;
  for (int64_t i = 0; i < y.size(); ++i) {
    int64_t row = i / channels, image = row / kept.channels();
    int64_t from = image * tokens + kept.integers[row];
    y.reals[i] = x.reals[from * channels + i % channels];
  }
}

static void restoreTokens(RestoreTokensOp op, Call &call) {
  const Tensor &x = call[op.getInput()], &slots = call[op.getSlots()];
  Tensor &y = call.result(op.getOutput());
  int64_t channels = x.channels(), some = x.width() / channels;
  for (int64_t i = 0; i < y.size(); ++i) {
    int64_t row = i / channels, slot = slots.integers[row];
    int64_t from = row / slots.channels() * some + slot;
    if (slot >= 0)
      y.reals[i] = x.reals[from * channels + i % channels];
    else if (op.getMask())
      y.reals[i] = call[op.getMask()].reals[i % channels];
  }
}

static void maskTokenGrad(MaskTokenGradOp op, Call &call) {
  const Tensor &dy = call[op.getOutputGrad()], &slots = call[op.getSlots()];
  Tensor &dmask = call.result(op.getMaskGrad());
  for (int64_t i = 0; i < dy.size(); ++i)
    if (slots.integers[i / dy.channels()] < 0)
      dmask.reals[i % dy.channels()] += dy.reals[i];
}

void addTokenOps(Registry &registry) {
  registry.add(layerStats);
  registry.add(layerNorm);
  registry.add(layerNormGradStats);
  registry.add(layerNormGrad);
  registry.add(layerNormGainGrad);
  registry.add(relu6);
  registry.add(relu6Grad);
  registry.add(dropPath);
  registry.add(splitHeads);
  registry.add(mergeHeads);
  registry.add(softmax);
  registry.add(softmaxGrad);
  registry.add(sampleTokens);
  registry.add(gatherTokens);
  registry.add(restoreTokens);
  registry.add(maskTokenGrad);
}

} // namespace pfc::reference

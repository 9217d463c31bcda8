//===- ElementwiseOps.cpp - scale_pixels, prelu, add, bias, dropout … -----===//
//
// Formulas: ir/ops/*.td. The last dimension is the channel c.
//
//===----------------------------------------------------------------------===//
#include "dialects/pfc/ir/PfcDialect.h"
#include "dialects/pfc/reference/Registry.h"
#include "runtime/base/Philox.h"

namespace pfc::reference {

static void scalePixels(ScalePixelsOp op, Call &call) {
  const Tensor &x = call[op.getInput()];
  Tensor &y = call.result(op.getOutput());
  for (int64_t i = 0; i < x.size(); ++i)
    y.reals[i] = x.integers[i] / 127.5 - 1.0;
}

static void prelu(PReluOp op, Call &call) {
  const Tensor &x = call[op.getInput()], &slope = call[op.getSlope()];
  Tensor &y = call.result(op.getOutput());
  for (int64_t i = 0; i < x.size(); ++i)
    y.reals[i] = x.reals[i] > 0 ? x.reals[i]
                                : slope.reals[i % x.channels()] * x.reals[i];
}

static void preluGrad(PReluGradOp op, Call &call) {
  const Tensor &dy = call[op.getOutputGrad()], &x = call[op.getInput()],
               &slope = call[op.getSlope()];
  Tensor &dx = call.result(op.getInputGrad());
  for (int64_t i = 0; i < x.size(); ++i)
    dx.reals[i] = x.reals[i] > 0 ? dy.reals[i]
                                 : slope.reals[i % x.channels()] * dy.reals[i];
}

static void preluSlopeGrad(PReluSlopeGradOp op, Call &call) {
  const Tensor &dy = call[op.getOutputGrad()], &x = call[op.getInput()];
  Tensor &dslope = call.result(op.getSlopeGrad());
  for (int64_t i = 0; i < x.size(); ++i)
    if (!(x.reals[i] > 0))
      dslope.reals[i % x.channels()] += dy.reals[i] * x.reals[i];
}

static void add(AddOp op, Call &call) {
  const Tensor &lhs = call[op.getLhs()], &rhs = call[op.getRhs()];
  Tensor &sum = call.result(op.getResult());
  for (int64_t i = 0; i < sum.size(); ++i)
    sum.reals[i] = lhs.reals[i] + rhs.reals[i];
}

static void addBias(AddBiasOp op, Call &call) {
  const Tensor &x = call[op.getInput()], &bias = call[op.getBias()];
  Tensor &y = call.result(op.getOutput());
  for (int64_t i = 0; i < x.size(); ++i)
    y.reals[i] = x.reals[i] + bias.reals[i % x.channels()];
}

static void channelSum(ChannelSumOp op, Call &call) {
  const Tensor &x = call[op.getInput()];
  Tensor &y = call.result(op.getOutput());
  for (int64_t i = 0; i < x.size(); ++i)
    y.reals[i % x.channels()] += x.reals[i];
}

static void sumGroups(SumGroupsOp op, Call &call) {
  const Tensor &x = call[op.getInput()];
  Tensor &y = call.result(op.getOutput());
  for (int64_t i = 0; i < x.size(); ++i)
    y.reals[i % x.channels()] += op.getScale().convertToDouble() * x.reals[i];
}

static void sliceRows(SliceOp op, Call &call) {
  Tensor &output = call.result(op.getOutput());
  output = slice(call[op.getInput()], 0, op.getFrom(), output.rows());
}

static void reshape(ReshapeOp op, Call &call) {
  const Tensor &x = call[op.getInput()];
  Tensor &y = call.result(op.getOutput());
  y.reals = x.reals;
  y.integers = x.integers;
}

static void barrier(BarrierOp op, Call &call) {
  call.result(op.getOutput()) = call[op.getInput()];
}

static void dropout(DropoutOp op, Call &call) {
  const Tensor &x = call[op.getInput()];
  Tensor &y = call.result(op.getOutput());
  double rate = op.getRate().convertToDouble();
  // The rows of lower ranks come first in the logical batch.
  uint64_t first = call.integer(op.getRowOffset(), 0) * x.width();
  for (int64_t i = 0; i < x.size(); ++i) {
    uint64_t element = first + i;
    rt::PhiloxBlock words = rt::philox(
        op.getSeed(), rt::RandomPurpose::Dropout,
        static_cast<uint32_t>(element / 4),
        static_cast<uint32_t>(call.integer(op.getStep(), 0)), op.getLayer());
    bool keep = double(rt::unitFloat(words[element % 4])) >= rate;
    y.reals[i] = keep ? x.reals[i] / (1.0 - rate) : 0.0;
  }
}

// Exact: narrowing is the interpreter's option, for all ops alike.
static void castElements(CastOp op, Call &call) {
  call.result(op.getOutput()).reals = call[op.getInput()].reals;
}

static void scaleRows(ScaleRowsOp op, Call &call) {
  const Tensor &x = call[op.getInput()], &factors = call[op.getFactors()];
  Tensor &y = call.result(op.getOutput());
  for (int64_t i = 0; i < x.size(); ++i)
    y.reals[i] = factors.reals[i / x.width()] * x.reals[i];
}

void addElementwiseOps(Registry &registry) {
  registry.add(scalePixels);
  registry.add(prelu);
  registry.add(preluGrad);
  registry.add(preluSlopeGrad);
  registry.add(add);
  registry.add(addBias);
  registry.add(channelSum);
  registry.add(sumGroups);
  registry.add(reshape);
  registry.add(sliceRows);
  registry.add(barrier);
  registry.add(dropout);
  registry.add(castElements);
  registry.add(scaleRows);
}

} // namespace pfc::reference

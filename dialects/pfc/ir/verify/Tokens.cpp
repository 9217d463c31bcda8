//===- Tokens.cpp - Constraints of ops/Tokens.td --------------------------===//
#include "dialects/pfc/ir/verify/Shapes.h"

using namespace mlir;
using namespace pfc::verify;

namespace pfc {

/// Statistics [B,…] of an input [B,…,C].
static LogicalResult verifyTokenStats(Operation *op, ArrayRef<int64_t> input,
                                      Value stats) {
  if (input.size() < 2)
    return op->emitOpError("takes an input [B,…,C]");
  return verifyShape(op, stats, "a statistic", input.drop_back());
}

LogicalResult LayerStatsOp::verify() {
  return verifyTokenStats(*this, shapeOf(getInput()), getMean());
}

LogicalResult LayerNormOp::verify() {
  ArrayRef<int64_t> input = shapeOf(getInput());
  if (failed(verifyTokenStats(*this, input, getMean())))
    return failure();
  return verifyPerChannel(*this, input, getGamma(), "gamma");
}

LogicalResult LayerNormGradStatsOp::verify() {
  ArrayRef<int64_t> input = shapeOf(getInput());
  if (failed(verifyTokenStats(*this, input, getMean())))
    return failure();
  return verifyPerChannel(*this, input, getGamma(), "gamma");
}

LogicalResult LayerNormGradOp::verify() {
  ArrayRef<int64_t> input = shapeOf(getInput());
  if (failed(verifyTokenStats(*this, input, getMean())))
    return failure();
  return verifyPerChannel(*this, input, getGamma(), "gamma");
}

LogicalResult LayerNormGainGradOp::verify() {
  ArrayRef<int64_t> input = shapeOf(getInput());
  if (failed(verifyTokenStats(*this, input, getMean())))
    return failure();
  return verifyPerChannel(*this, input, getGammaGrad(), "gamma_grad");
}

LogicalResult DropPathOp::verify() {
  double rate = getRate().convertToDouble();
  if (!(rate >= 0.0 && rate < 1.0))
    return emitOpError("rate must be in [0, 1)");
  return success();
}

/// Tokens [B,…,n·h·d] and n parts [B·h,T,d] (C1).
static LogicalResult verifyHeads(Operation *op, Value tokens, ValueRange parts,
                                 int64_t heads) {
  ArrayRef<int64_t> shape = shapeOf(tokens);
  int64_t count = static_cast<int64_t>(parts.size()) * heads;
  if (shape.size() < 3 || parts.empty() || heads < 1 ||
      shape.back() % count != 0)
    return op->emitOpError("takes tokens [B,…,C] whose channels ")
           << heads << " heads of " << parts.size() << " parts divide";
  int64_t positions = 1;
  for (int64_t extent : shape.drop_front().drop_back())
    positions *= extent;
  for (Value part : parts)
    if (failed(
            verifyShape(op, part, "a part",
                        {shape[0] * heads, positions, shape.back() / count})))
      return failure();
  return success();
}

LogicalResult SplitHeadsOp::verify() {
  return verifyHeads(*this, getInput(), getParts(), getHeads());
}

LogicalResult MergeHeadsOp::verify() {
  return verifyHeads(*this, getOutput(), getParts(), getHeads());
}

LogicalResult SoftmaxOp::verify() {
  if (!(getScale().convertToDouble() > 0.0)) // (C1)
    return emitOpError("needs scale > 0");
  return verifyShape(*this, getOutput(), "output", shapeOf(getInput()));
}

LogicalResult SampleTokensOp::verify() {
  ArrayRef<int64_t> kept = shapeOf(getKept()), slots = shapeOf(getSlots());
  if (kept.size() != 2 || slots.size() != 2 || kept[0] != slots[0])
    return emitOpError("makes kept [B,K] and slots [B,T]");
  if (kept[1] > slots[1]) // (C1)
    return emitOpError("keeps ") << kept[1] << " of " << slots[1] << " tokens";
  return success();
}

/// All tokens [B,T,1,C], some of them [B,K,1,C], kept [B,K], slots [B,T].
static LogicalResult verifyTokens(Operation *op, Value all, Value some,
                                  Value kept, Value slots) {
  ArrayRef<int64_t> whole = shapeOf(all), part = shapeOf(some);
  if (whole.size() != 4 || part.size() != 4 || whole[2] != 1 || part[2] != 1 ||
      whole[0] != part[0] || whole[3] != part[3])
    return op->emitOpError("takes tokens [B,T,1,C] and [B,K,1,C]");
  if (failed(verifyShape(op, kept, "kept", {part[0], part[1]})))
    return failure();
  return verifyShape(op, slots, "slots", {whole[0], whole[1]});
}

LogicalResult GatherTokensOp::verify() {
  return verifyTokens(*this, getInput(), getOutput(), getKept(), getSlots());
}

LogicalResult RestoreTokensOp::verify() {
  if (failed(
          verifyTokens(*this, getOutput(), getInput(), getKept(), getSlots())))
    return failure();
  return getMask()
             ? verifyPerChannel(*this, shapeOf(getInput()), getMask(), "mask")
             : success();
}

LogicalResult MaskTokenGradOp::verify() {
  ArrayRef<int64_t> grad = shapeOf(getOutputGrad());
  if (grad.size() != 4 || grad[2] != 1)
    return emitOpError("takes tokens [B,T,1,C]");
  if (failed(verifyShape(*this, getSlots(), "slots", {grad[0], grad[1]})))
    return failure();
  return verifyPerChannel(*this, grad, getMaskGrad(), "mask_grad");
}

} // namespace pfc

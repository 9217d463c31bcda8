//===- ScheduleFlat.cpp - Element-wise kernels ----------------------------===//
//
// A thread does a pack: 16 bytes of the narrowest operand that has the whole
// shape. Channel vectors are read as packs too, when the channels are a
// multiple of the pack.
//
//===----------------------------------------------------------------------===//
#include "passes/codegen/cuda/PackedBody.h"
#include "passes/codegen/cuda/Schedules.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace pfc::cuda {

static constexpr int64_t kThreads = 256;

LaunchShape scheduleFlat(linalg::GenericOp op) {
  OpBuilder builder(op);
  DeviceCode code(builder, op.getLoc());
  PackedBody body(op, code);
  int64_t volume = 1;
  for (int64_t range : op.getStaticLoopRanges())
    volume *= range;
  int64_t packs = volume / body.width();

  Value first = code.add(code.mul(code.block(), kThreads), code.thread());
  Value stride = code.mul(code.blocks(), kThreads);
  code.loop(first, code.index(packs), stride, [&](Value pack) {
    Position at = body.positionOf(code.mul(pack, body.width()));
    body.loadAll(at);
    SmallVector<Value> results;
    for (Value output : op.getDpsInits())
      results.push_back(code.registers(
          body.width(), cast<MemRefType>(output.getType()).getElementType()));
    code.unrolled(body.width(), [&](Value j) {
      // A sum over nothing but one element starts at zero, as all sums do.
      SmallVector<Value> zeros(results.size(), code.zero());
      for (auto [value, registers] :
           llvm::zip(body.body(at, j, zeros), results))
        code.store(value, registers, j);
    });
    for (auto [registers, output] : llvm::zip(results, op.getDpsInits()))
      code.storePack(registers, code.flat(output), at.linear);
  });
  op.erase();
  return {kThreads, llvm::divideCeilSigned(packs, kThreads)};
}

} // namespace pfc::cuda

//===- ScheduleChannels.cpp - Runs of small ops on channels ---------------===//
//
// A block has 32 channels, a lane of each warp one of them. It does one op
// after another, with a barrier between: of a sum the warps have equal shares,
// and the first adds what they found, in their order; what isn't a sum the
// first warp does alone.
//
//===----------------------------------------------------------------------===//
#include "passes/codegen/cuda/PackedBody.h"
#include "passes/codegen/cuda/Schedules.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace pfc::cuda {
namespace {

constexpr int64_t kWarp = 32;
constexpr int64_t kWarps = 8;
constexpr int64_t kThreads = kWarp * kWarps;

/// One op of a run, for the channel of a thread.
class ChannelStep {
public:
  ChannelStep(linalg::GenericOp op, DeviceCode &code)
      : op(op), code(code), body(op, code, /*mostWidth=*/1),
        ranges(op.getStaticLoopRanges()), channels(ranges.back()) {
    for (int64_t range : ArrayRef<int64_t>(ranges).drop_back())
      steps *= range;
  }

  bool isSum() { return op.getNumReductionLoops() > 0; }
  /// `shared` has kThreads floats for each result of a sum.
  void emit(Value channel, ValueRange shared);

private:
  void emitSums(Value channel, ValueRange shared);
  void emitElement(Value channel);
  /// Where channel `channel` of this step's thread is.
  void inChannel(Value channel, llvm::function_ref<void()> emit) {
    if (channels % kWarp == 0)
      emit();
    else
      code.when(code.less(channel, channels), emit);
  }
  Value lane() { return code.rem(code.thread(), kWarp); }
  void inFirstWarp(llvm::function_ref<void()> emit) {
    code.when(code.less(code.thread(), kWarp), emit);
  }
  Position positionOf(Value step, Value channel) {
    SmallVector<Value> dims(ranges.size(), code.index(0));
    dims.back() = channel;
    int64_t rest = steps; // that `step` is below
    for (size_t d = ranges.size() - 1; rest > 1; rest /= ranges[d]) {
      --d;
      dims[d] = ranges[d] == rest ? step : code.rem(step, ranges[d]);
      step = code.div(step, ranges[d]);
    }
    return body.positionOf(dims);
  }

  linalg::GenericOp op;
  DeviceCode &code;
  PackedBody body;
  SmallVector<int64_t> ranges;
  int64_t channels, steps = 1; ///< a sum's terms
};

void ChannelStep::emitElement(Value channel) {
  inFirstWarp([&] {
    inChannel(channel, [&] {
      SmallVector<Value> zeros(op.getNumDpsInits(), code.zero());
      Position at = positionOf(code.index(0), channel);
      body.loadAll(at);
      for (auto [value, output] :
           llvm::zip(body.body(at, code.index(0), zeros), op.getDpsInits()))
        code.store(value, code.flat(output), channel);
    });
  });
}

void ChannelStep::emitSums(Value channel, ValueRange shared) {
  Value first = code.index(0);
  SmallVector<Value> sums;
  for (size_t k = op.getNumDpsInits(); k > 0; --k)
    sums.push_back(code.accumulators(1));
  inChannel(channel, [&] {
    body.load(positionOf(first, channel), /*invariant=*/true);
    code.hintUnroll(4);
    code.loop(code.div(code.thread(), kWarp), code.index(steps),
              code.index(kWarps), [&](Value step) {
                SmallVector<Value> before;
                for (Value sum : sums)
                  before.push_back(code.load(sum, first));
                Position at = positionOf(step, channel);
                body.load(at, /*invariant=*/false);
                for (auto [value, sum] :
                     llvm::zip(body.body(at, first, before), sums))
                  code.store(value, sum, first);
              });
  });
  for (auto [sum, part] : llvm::zip(sums, shared))
    code.store(code.load(sum, first), part, code.thread());
  code.barrier();
  inFirstWarp([&] {
    for (auto [output, part] : llvm::zip(op.getDpsInits(), shared)) {
      Value total = code.accumulators(1);
      code.unrolled(kWarps, [&](Value warp) {
        Value at = code.add(code.mul(warp, kWarp), lane());
        code.store(arith::AddFOp::create(code.builder, code.loc,
                                         code.load(total, first),
                                         code.load(part, at)),
                   total, first);
      });
      inChannel(channel, [&] {
        code.store(code.load(total, first), code.flat(output), channel);
      });
    }
  });
}

void ChannelStep::emit(Value channel, ValueRange shared) {
  if (isSum())
    emitSums(channel, shared.take_front(op.getNumDpsInits()));
  else
    emitElement(channel);
  // The next step reads what this one wrote, and writes to `shared`.
  code.barrier();
}

} // namespace

FailureOr<LaunchShape> scheduleChannelRun(ArrayRef<linalg::GenericOp> ops,
                                          int64_t channels) {
  size_t most = 0;
  for (linalg::GenericOp op : ops) {
    if (op.getNumReductionLoops() == 0)
      continue;
    if (failed(requireSums(op)))
      return failure();
    most = std::max<size_t>(most, op.getNumDpsInits());
  }
  linalg::GenericOp front = ops.front();
  OpBuilder builder(front);
  DeviceCode code(builder, front.getLoc());
  SmallVector<Value> shared;
  while (shared.size() < most)
    shared.push_back(code.shared(kThreads, builder.getF32Type()));
  int64_t tiles = llvm::divideCeil(channels, kWarp);
  code.loopOverUnits(tiles, [&](Value tile) {
    Value channel =
        code.add(code.mul(tile, kWarp), code.rem(code.thread(), kWarp));
    for (linalg::GenericOp op : ops) {
      code.loc = op.getLoc();
      ChannelStep(op, code).emit(channel, shared);
    }
  });
  for (linalg::GenericOp op : ops)
    op.erase();
  return LaunchShape{kThreads, tiles};
}

} // namespace pfc::cuda

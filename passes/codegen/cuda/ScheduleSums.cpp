//===- ScheduleSums.cpp - Reductions of fixed order -----------------------===//
//
// A thread sums packs in registers, its warp's lanes are summed by shuffles,
// the warps through shared memory: the same order in every run.
//
//   channel sums   threads are `lanes` packs of channels × the rest of the
//                  block over what is summed, so that a warp reads lines of
//                  128 bytes; a sweep also writes the packs it makes
//   row sums       a block has a row
//
//===----------------------------------------------------------------------===//
#include "passes/codegen/cuda/PackedBody.h"
#include "passes/codegen/cuda/Schedules.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace pfc::cuda {
namespace {

constexpr int64_t kWarp = 32;
constexpr int64_t kChannelLanes = 8;
/// 32-bit registers of a multiprocessor; those a thread has for addresses.
constexpr int64_t kRegisters = 65536;
constexpr int64_t kScalarRegisters = 28;
/// Loads of 16 bytes that a thread has under way. With 1024 threads of a
/// multiprocessor that is 64 KB, more than bandwidth times latency of any chip.
constexpr int64_t kLoadsUnderWay = 4;

using Ranges = ArrayRef<int64_t>;

int64_t volume(Ranges ranges) {
  int64_t product = 1;
  for (int64_t range : ranges)
    product *= range;
  return product;
}

/// Whether `output` has an element for each iteration.
bool isStored(linalg::GenericOp op, OpOperand &output) {
  return op.getMatchingIndexingMap(&output).isIdentity();
}

SmallVector<Value> summedOutputs(linalg::GenericOp op) {
  SmallVector<Value> outputs;
  for (OpOperand &output : op.getDpsInitsMutable())
    if (!isStored(op, output))
      outputs.push_back(output.get());
  return outputs;
}

} // namespace

LogicalResult requireSums(linalg::GenericOp op) {
  auto yield = op.getBody()->getTerminator();
  unsigned inputs = op.getNumDpsInputs();
  for (auto [k, value] : llvm::enumerate(yield->getOperands())) {
    if (isStored(op, op.getDpsInitsMutable()[k]))
      continue;
    auto sum = value.getDefiningOp<arith::AddFOp>();
    BlockArgument total = op.getBody()->getArgument(inputs + k);
    if (!sum || !llvm::is_contained(sum->getOperands(), total) ||
        !total.hasOneUse() || !total.getType().isF32())
      return op.emitOpError("is a reduction other than a sum in fp32: no CUDA "
                            "schedule takes it");
  }
  return success();
}

namespace {

/// Indices of `ranges` from one over their product.
void delinearize(DeviceCode &code, Value linear, Ranges ranges,
                 SmallVectorImpl<Value> &indices) {
  size_t first = indices.size();
  indices.resize(first + ranges.size());
  for (size_t d = ranges.size(); d-- > 1;) {
    indices[first + d] = code.rem(linear, ranges[d]);
    linear = code.div(linear, ranges[d]);
  }
  if (!ranges.empty())
    indices[first] = linear;
}

/// What a thread makes of packs of `width` neighbours: its sums, and the packs
/// of the results that are stored.
class Sums {
public:
  Sums(linalg::GenericOp op, DeviceCode &code, PackedBody &body)
      : op(op), code(code), body(body) {
    for (size_t k = summedOutputs(op).size(); k > 0; --k)
      sums.push_back(code.accumulators(body.width()));
  }
  void add(const Position &at);

  SmallVector<Value> sums; ///< of summedOutputs()

private:
  linalg::GenericOp op;
  DeviceCode &code;
  PackedBody &body;
};

void Sums::add(const Position &at) {
  SmallVector<Value> registers; // of each result
  const Value *sum = sums.begin();
  for (OpOperand &output : op.getDpsInitsMutable()) {
    Type element = cast<MemRefType>(output.get().getType()).getElementType();
    registers.push_back(
        isStored(op, output) ? code.registers(body.width(), element) : *sum++);
  }
  code.unrolled(body.width(), [&](Value j) {
    SmallVector<Value> before;
    for (auto [output, values] : llvm::zip(op.getDpsInitsMutable(), registers))
      before.push_back(isStored(op, output) ? code.zero()
                                            : code.load(values, j));
    for (auto [value, values] : llvm::zip(body.body(at, j, before), registers))
      code.store(value, values, j);
  });
  for (auto [output, values] : llvm::zip(op.getDpsInitsMutable(), registers))
    if (isStored(op, output))
      code.storePack(values, code.flat(output.get()), at.linear);
}

/// How a block is laid over channels and what is summed.
struct ChannelLayout {
  int64_t outer, area, channels; ///< parallel, reduction and last loops
  int64_t width, lanes, threads;
  int64_t unroll; ///< elements of the area at once

  ChannelLayout(linalg::GenericOp op, PackedBody &body, unsigned parallel)
      : width(body.width()) {
    SmallVector<int64_t> ranges = op.getStaticLoopRanges();
    outer = volume(Ranges(ranges).take_front(parallel));
    area = volume(Ranges(ranges).drop_front(parallel).drop_back());
    channels = ranges.back();
    lanes =
        std::min<int64_t>(kChannelLanes, llvm::PowerOf2Ceil(channels / width));
    int64_t loads = body.countLoads();
    unroll =
        std::clamp<int64_t>(kLoadsUnderWay / std::max<int64_t>(loads, 1), 1, 4);
    // Few units: more threads each, as long as they have something to sum and
    // registers to do it with.
    int64_t fp32 = summedOutputs(op).size() + body.countInvariant();
    int64_t registers = kScalarRegisters + fp32 * width + unroll * loads * 4;
    threads = 256;
    while (threads < 1024 && outer * tiles() * threads < (1 << 18) &&
           area >= threads / lanes * 4 && 2 * threads * registers <= kRegisters)
      threads *= 2;
  }
  int64_t tileChannels() const { return lanes * width; }
  int64_t tiles() const { return llvm::divideCeil(channels, tileChannels()); }
  int64_t warps() const { return threads / kWarp; }
};

/// One unit of channel sums.
class ChannelUnit {
public:
  ChannelUnit(linalg::GenericOp op, DeviceCode &code, PackedBody &body,
              const ChannelLayout &layout, unsigned parallel)
      : op(op), code(code), body(body), layout(layout), parallel(parallel),
        ranges(op.getStaticLoopRanges()) {}

  void emit(Value unit, ValueRange sharedSums);

private:
  Position positionOf(Value outer, Value area, Value channel);
  void sumArea(Sums &sums, Value outer, Value channel);
  void sumWarps(Value sharedSum, Value output, Value outer, Value tile);

  linalg::GenericOp op;
  DeviceCode &code;
  PackedBody &body;
  const ChannelLayout &layout;
  unsigned parallel;
  SmallVector<int64_t> ranges;
};

Position ChannelUnit::positionOf(Value outer, Value area, Value channel) {
  SmallVector<Value> dims;
  delinearize(code, outer, Ranges(ranges).take_front(parallel), dims);
  delinearize(code, area, Ranges(ranges).drop_front(parallel).drop_back(),
              dims);
  dims.push_back(channel);
  Value linear = code.add(code.mul(outer, layout.area), area);
  linear = code.add(code.mul(linear, layout.channels), channel);
  return {dims, linear};
}

void ChannelUnit::sumArea(Sums &sums, Value outer, Value channel) {
  body.load(positionOf(outer, code.index(0), channel), /*invariant=*/true);
  code.hintUnroll(layout.unroll);
  code.loop(code.div(code.thread(), layout.lanes), code.index(layout.area),
            code.index(layout.threads / layout.lanes), [&](Value area) {
              Position at = positionOf(outer, area, channel);
              body.load(at, /*invariant=*/false);
              sums.add(at);
            });
}

/// The first threads sum what the warps left, in their order.
void ChannelUnit::sumWarps(Value sharedSum, Value output, Value outer,
                           Value tile) {
  Value channel =
      code.add(code.mul(tile, layout.tileChannels()), code.thread());
  Value sum = code.accumulators(1);
  Value first = code.index(0);
  code.unrolled(layout.warps(), [&](Value warp) {
    Value at = code.add(code.mul(warp, layout.tileChannels()), code.thread());
    Value total =
        arith::AddFOp::create(code.builder, code.loc, code.load(sum, first),
                              code.load(sharedSum, at));
    code.store(total, sum, first);
  });
  auto store = [&] {
    Value at = code.add(code.mul(outer, layout.channels), channel);
    code.store(code.load(sum, first), code.flat(output), at);
  };
  if (layout.channels % layout.tileChannels() == 0)
    store();
  else
    code.when(code.less(channel, layout.channels), store);
}

void ChannelUnit::emit(Value unit, ValueRange sharedSums) {
  Value outer = code.div(unit, layout.tiles());
  Value tile = code.rem(unit, layout.tiles());
  Value lane = code.rem(code.thread(), layout.lanes);
  Value channel = code.add(code.mul(tile, layout.tileChannels()),
                           code.mul(lane, layout.width));
  Sums sums(op, code, body);
  auto sum = [&] { sumArea(sums, outer, channel); };
  if (layout.channels % layout.tileChannels() == 0)
    sum();
  else
    code.when(code.less(channel, layout.channels), sum);

  // Lanes that have the same channels, then the warps.
  Value warp = code.div(code.thread(), kWarp);
  Value leader = code.less(code.rem(code.thread(), kWarp), layout.lanes);
  for (auto [k, sharedSum] : llvm::enumerate(sharedSums))
    code.unrolled(layout.width, [&](Value j) {
      Value total = code.warpSum(code.load(sums.sums[k], j),
                                 kWarp / layout.lanes, layout.lanes);
      code.when(leader, [&] {
        Value at = code.add(code.mul(warp, layout.tileChannels()),
                            code.add(code.mul(lane, layout.width), j));
        code.store(total, sharedSum, at);
      });
    });
  code.barrier();
  code.when(code.less(code.thread(), layout.tileChannels()), [&] {
    for (auto [sharedSum, output] : llvm::zip(sharedSums, summedOutputs(op)))
      sumWarps(sharedSum, output, outer, tile);
  });
  code.barrier(); // the next unit writes there again
}

} // namespace

FailureOr<LaunchShape> scheduleChannelSums(ArrayRef<linalg::GenericOp> ops) {
  linalg::GenericOp front = ops.front();
  OpBuilder builder(front);
  DeviceCode code(builder, front.getLoc());
  int64_t width = kWarp;
  for (linalg::GenericOp op : ops) {
    if (failed(requireSums(op)))
      return failure();
    width = std::min(width, PackedBody(op, code).width());
  }
  unsigned parallel = front.getNumParallelLoops() - 1;
  SmallVector<PackedBody> bodies;
  SmallVector<ChannelLayout> layouts;
  size_t most = 0;
  for (linalg::GenericOp op : ops) {
    bodies.emplace_back(op, code, width);
    layouts.emplace_back(op, bodies.back(), parallel);
    most = std::max(most, summedOutputs(op).size());
  }
  // As many threads as suit the op that has most to sum.
  const ChannelLayout &longest = *llvm::max_element(
      layouts, [](const ChannelLayout &a, const ChannelLayout &b) {
        return a.area < b.area;
      });
  int64_t threads = longest.threads, work = longest.outer * longest.tiles();
  for (ChannelLayout &layout : layouts)
    layout.threads = threads;
  SmallVector<Value> sharedSums;
  while (sharedSums.size() < most)
    sharedSums.push_back(code.shared(longest.warps() * longest.tileChannels(),
                                     builder.getF32Type()));
  code.loopOverUnits(work, [&](Value at) {
    for (auto [op, body, layout] : llvm::zip(ops, bodies, layouts)) {
      ValueRange shared(sharedSums);
      ChannelUnit(op, code, body, layout, parallel)
          .emit(at, shared.take_front(summedOutputs(op).size()));
    }
  });
  for (linalg::GenericOp op : ops)
    op.erase();
  return LaunchShape{threads, work};
}

FailureOr<LaunchShape> scheduleRowSums(linalg::GenericOp op) {
  if (failed(requireSums(op)))
    return failure();
  OpBuilder builder(op);
  DeviceCode code(builder, op.getLoc());
  PackedBody body(op, code);
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  unsigned parallel = op.getNumParallelLoops();
  Ranges rowRanges = Ranges(ranges).take_front(parallel);
  Ranges areaRanges = Ranges(ranges).drop_front(parallel);
  int64_t rows = volume(rowRanges), packs = volume(areaRanges) / body.width();
  int64_t threads =
      std::clamp<int64_t>(llvm::alignTo(packs, kWarp), kWarp, 512);

  code.loopOverUnits(rows, [&](Value row) {
    auto positionOf = [&](Value area) {
      SmallVector<Value> dims;
      delinearize(code, row, rowRanges, dims);
      delinearize(code, area, areaRanges, dims);
      return Position{dims, code.add(code.mul(row, volume(areaRanges)), area)};
    };
    Sums sums(op, code, body);
    body.load(positionOf(code.index(0)), /*invariant=*/true);
    code.hintUnroll(4);
    code.loop(code.thread(), code.index(packs), code.index(threads),
              [&](Value pack) {
                Position at = positionOf(code.mul(pack, body.width()));
                body.load(at, /*invariant=*/false);
                sums.add(at);
              });
    for (auto [registers, output] : llvm::zip(sums.sums, op.getDpsInits())) {
      Value sum = code.load(registers, code.index(0));
      for (int64_t j = 1; j < body.width(); ++j)
        sum = arith::AddFOp::create(builder, code.loc, sum,
                                    code.load(registers, code.index(j)));
      sum = code.blockSum(sum);
      code.when(code.less(code.thread(), 1),
                [&] { code.store(sum, code.flat(output), row); });
    }
  });
  op.erase();
  return LaunchShape{threads, rows};
}

} // namespace pfc::cuda

//===- ScheduleRows.cpp - Rows with data-dependent addresses --------------===//
//
// A block does a row. Its code runs in every thread, except that
//   - an inner loop is split over the threads, in packs where it can be
//     (PackedLoop.h); its sums and maxima are the block's;
//   - a store outside an inner loop is the first thread's.
// Between a write and another access of the same buffer stands a barrier.
// Conditions outside inner loops depend on the row alone, so that a block's
// threads agree on them, and all reach each barrier.
//
//===----------------------------------------------------------------------===//
#include "passes/codegen/cuda/DeviceCode.h"
#include "passes/codegen/cuda/PackedLoop.h"
#include "passes/codegen/cuda/Schedules.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace pfc::cuda {
namespace {

constexpr int64_t kWarp = 32;
constexpr int64_t kMostThreads = 512;

/// Buffers an op and what is in it touches.
struct Touched {
  llvm::SmallSetVector<Value, 8> read, written;

  void add(Operation *op) {
    op->walk([&](Operation *inner) {
      if (auto load = dyn_cast<memref::LoadOp>(inner))
        read.insert(load.getMemRef());
      if (auto store = dyn_cast<memref::StoreOp>(inner))
        written.insert(store.getMemRef());
    });
  }
  bool conflicts(const Touched &next) const {
    auto touchedHere = [&](Value buffer) {
      return read.contains(buffer) || written.contains(buffer);
    };
    return llvm::any_of(next.written, touchedHere) ||
           llvm::any_of(next.read,
                        [&](Value b) { return written.contains(b); });
  }
};

class RowCodeSplitter {
public:
  RowCodeSplitter(DeviceCode &code, IRMapping &mapping, int64_t threads)
      : code(code), mapping(mapping), threads(threads) {}

  LogicalResult emit(Block &block);

private:
  LogicalResult emitOp(Operation &op);
  LogicalResult emitLoop(scf::ForOp loop);
  SmallVector<Value> emitSplit(scf::ForOp loop);
  LogicalResult emitIf(scf::IfOp branch);
  void barrierBefore(Operation &op);

  DeviceCode &code;
  IRMapping &mapping;
  int64_t threads;
  Touched sinceBarrier;
};

void RowCodeSplitter::barrierBefore(Operation &op) {
  Touched next;
  next.add(&op);
  if (sinceBarrier.conflicts(next)) {
    code.barrier();
    sinceBarrier = Touched();
  }
}

/// for (i = from + thread; i < to; i += threads). Returns each thread's sums
/// and maxima, from startOf.
SmallVector<Value> RowCodeSplitter::emitSplit(scf::ForOp loop) {
  OpBuilder &builder = code.builder;
  unsigned sums = loop.getNumRegionIterArgs();
  Value from = mapping.lookupOrDefault(loop.getLowerBound());
  Value to = mapping.lookupOrDefault(loop.getUpperBound());
  SmallVector<Value> starts;
  for (unsigned k = 0; k < sums; ++k)
    starts.push_back(code.real(startOf(reductionOf(loop, k))));
  code.hintUnroll(4);
  auto split =
      scf::ForOp::create(builder, code.loc, code.add(from, code.thread()), to,
                         code.index(threads), starts);
  mapping.map(loop.getInductionVar(), split.getInductionVar());
  mapping.map(loop.getRegionIterArgs(), split.getRegionIterArgs());
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(split.getBody());
    if (sums == 0)
      builder.setInsertionPoint(split.getBody()->getTerminator());
    for (Operation &inner : loop.getBody()->without_terminator())
      builder.clone(inner, mapping);
    if (sums > 0)
      scf::YieldOp::create(
          builder, code.loc,
          llvm::map_to_vector(loop.getYieldedValues(), [&](Value value) {
            return mapping.lookupOrDefault(value);
          }));
  }
  return SmallVector<Value>(split.getResults());
}

/// A loop's start goes into the block's sum or maximum.
LogicalResult RowCodeSplitter::emitLoop(scf::ForOp loop) {
  for (unsigned k = 0; k < loop.getNumRegionIterArgs(); ++k)
    if (reductionOf(loop, k) == Reduction::Other)
      return loop.emitOpError("carries a value that is no sum or maximum: it "
                              "has no CUDA schedule");
  PackedLoop packs(loop);
  SmallVector<Value> partials =
      packs.width() > 1 ? packs.emit(code, mapping, threads) : emitSplit(loop);
  for (auto [k, result, partial] :
       llvm::enumerate(loop.getResults(), partials)) {
    Value start = mapping.lookupOrDefault(loop.getInitArgs()[k]), total;
    if (reductionOf(loop, k) == Reduction::Sum)
      total = arith::AddFOp::create(code.builder, code.loc, start,
                                    code.blockSum(partial));
    else
      total = arith::MaximumFOp::create(code.builder, code.loc, start,
                                        code.blockMaximum(partial));
    mapping.map(result, total);
    sinceBarrier = Touched(); // a block's sum passes barriers
  }
  return success();
}

LogicalResult RowCodeSplitter::emitIf(scf::IfOp branch) {
  if (branch.getNumResults() > 0)
    return branch.emitOpError("outside an inner loop has results: it has no "
                              "CUDA schedule");
  auto split = scf::IfOp::create(
      code.builder, code.loc, mapping.lookupOrDefault(branch.getCondition()),
      /*withElseRegion=*/!branch.getElseRegion().empty());
  Touched before = sinceBarrier;
  OpBuilder::InsertionGuard guard(code.builder);
  for (auto [source, target] :
       llvm::zip(branch->getRegions(), split->getRegions())) {
    if (source.empty())
      continue;
    code.builder.setInsertionPoint(target.front().getTerminator());
    sinceBarrier = before;
    if (failed(emit(source.front())))
      return failure();
  }
  // Whichever was taken, and whatever barriers it passed.
  sinceBarrier = before;
  sinceBarrier.add(branch);
  return success();
}

LogicalResult RowCodeSplitter::emitOp(Operation &op) {
  if (!isa<scf::IfOp>(op)) { // its branches see to themselves
    barrierBefore(op);
    sinceBarrier.add(&op);
  }
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return emitLoop(loop);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return emitIf(branch);
  if (isa<memref::StoreOp>(op)) {
    code.when(code.less(code.thread(), 1),
              [&] { code.builder.clone(op, mapping); });
    return success();
  }
  code.builder.clone(op, mapping);
  return success();
}

LogicalResult RowCodeSplitter::emit(Block &block) {
  for (Operation &op : block.without_terminator())
    if (failed(emitOp(op)))
      return failure();
  return success();
}

/// The most that `bound` can be: a constant, or a minimum with one. A bound
/// that is neither is within a buffer's row, and counts as 1.
int64_t mostOf(Value bound) {
  if (auto smaller = bound.getDefiningOp<arith::MinUIOp>())
    return std::max(mostOf(smaller.getLhs()), mostOf(smaller.getRhs()));
  return getConstantIntValue(bound).value_or(1);
}

/// Threads that have two packs of the longest inner loop each, or four
/// elements.
int64_t threadsFor(scf::ForOp rows) {
  int64_t wanted = 1;
  rows.getBody()->walk([&](scf::ForOp loop) {
    int64_t width = PackedLoop(loop).width();
    int64_t share = width > 1 ? 2 * width : 4;
    wanted = std::max(wanted, mostOf(loop.getUpperBound()) / share);
  });
  return std::clamp<int64_t>(llvm::alignTo(wanted, kWarp), kWarp, kMostThreads);
}

} // namespace

FailureOr<LaunchShape> scheduleRows(scf::ForOp loop, int64_t rows) {
  OpBuilder builder(loop);
  DeviceCode code(builder, loop.getLoc());
  int64_t threads = threadsFor(loop);
  LogicalResult result = success();
  code.loopOverUnits(rows, [&](Value row) {
    IRMapping mapping;
    mapping.map(loop.getInductionVar(), row);
    result = RowCodeSplitter(code, mapping, threads).emit(*loop.getBody());
  });
  loop.erase();
  if (failed(result))
    return failure();
  return LaunchShape{threads, rows};
}

} // namespace pfc::cuda

#include "passes/codegen/cuda/ChannelRuns.h"

#include "dialects/pfc/ir/PfcDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace pfc::cuda {

/// Beyond these an op has work enough for a kernel of its own.
static constexpr int64_t kMostChannels = 8192;
static constexpr int64_t kLongestSum = 4096;
static constexpr int64_t kMostElements = int64_t(1) << 20;

int64_t channelsOf(linalg::GenericOp op) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  if (ranges.empty() || iterators.back() != utils::IteratorType::parallel)
    return 0;
  int64_t channels = ranges.back(), steps = 1;
  SmallVector<AffineExpr> results;
  bool summing = false;
  for (auto [d, range, kind] : llvm::enumerate(ranges, iterators)) {
    bool parallel = kind == utils::IteratorType::parallel;
    if (parallel)
      results.push_back(getAffineDimExpr(d, op.getContext()));
    else
      steps *= range;
    bool last = d + 1 == ranges.size();
    if (!last && parallel && (range != 1 || summing))
      return 0;
    summing |= !parallel;
  }
  bool inOrder = llvm::all_of(op.getDpsInitsMutable(), [&](OpOperand &init) {
    return op.getMatchingIndexingMap(&init).getResults() ==
           ArrayRef<AffineExpr>(results);
  });
  bool small = channels <= kMostChannels && steps <= kLongestSum &&
               channels * steps <= kMostElements;
  return inOrder && small ? channels : 0;
}

bool touchesOwnChannel(AffineMap map) {
  if (map.getNumResults() == 0)
    return false;
  unsigned channel = map.getNumDims() - 1;
  ArrayRef<AffineExpr> results = map.getResults();
  return results.back() == getAffineDimExpr(channel, map.getContext()) &&
         llvm::none_of(results.drop_back(), [&](AffineExpr expr) {
           return expr.isFunctionOfDim(channel);
         });
}

namespace {

/// Ops that make no instruction where they stand.
bool isFree(Operation *op) {
  return isa<VariableOp, tensor::EmptyOp, linalg::FillOp>(op) ||
         op->hasTrait<OpTrait::ConstantLike>();
}

/// What `op` needs: the last that is an instruction, and what is free.
struct Needs {
  Operation *last = nullptr;
  llvm::SetVector<Operation *> free; ///< those first that others need

  explicit Needs(Operation *op) { add(op); }

private:
  void add(Operation *op) {
    auto take = [&](Value value) {
      Operation *producer = value.getDefiningOp();
      if (!producer || producer->getBlock() != op->getBlock())
        return;
      if (isFree(producer)) {
        add(producer);
        free.insert(producer);
      } else if (!last || last->isBeforeInBlock(producer)) {
        last = producer;
      }
    };
    llvm::for_each(op->getOperands(), take);
    for (Region &region : op->getRegions())
      region.walk([&](Operation *inner) {
        llvm::for_each(inner->getOperands(), take);
      });
  }
};

} // namespace

void gatherChannelOps(func::FuncOp function) {
  for (auto op : llvm::make_early_inc_range(
           function.getBody().front().getOps<linalg::GenericOp>())) {
    int64_t channels = channelsOf(op);
    if (channels == 0)
      continue;
    Needs needs(op);
    auto producer = dyn_cast_or_null<linalg::GenericOp>(needs.last);
    if (!producer || channelsOf(producer) != channels)
      continue;
    // Behind others that stand there, or were gathered.
    Operation *at = producer;
    for (Operation *next = at->getNextNode(); next != op;
         next = next->getNextNode()) {
      auto other = dyn_cast<linalg::GenericOp>(next);
      if (other && channelsOf(other) == channels)
        at = other;
      else if (!isFree(next))
        break;
    }
    op->moveAfter(at);
    for (Operation *free : needs.free)
      if (op->isBeforeInBlock(free))
        free->moveBefore(op);
  }
}

} // namespace pfc::cuda

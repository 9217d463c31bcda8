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

RunForm runFormOf(linalg::GenericOp op) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  auto isParallel = [&](size_t d) {
    return iterators[d] == utils::IteratorType::parallel;
  };
  if (ranges.empty() || !isParallel(ranges.size() - 1))
    return {};
  RunForm form{1, ranges.back()};
  int64_t steps = 1;
  SmallVector<AffineExpr> results;
  for (auto [d, range] : llvm::enumerate(ranges)) {
    bool last = d + 1 == ranges.size();
    if (isParallel(d))
      results.push_back(getAffineDimExpr(d, op.getContext()));
    else
      steps *= range;
    if (d == 0 && !last && isParallel(0))
      form.images = range;
    else if (!last && isParallel(d))
      return {};
  }
  bool inOrder = llvm::all_of(op.getDpsInitsMutable(), [&](OpOperand &init) {
    AffineMap map = op.getMatchingIndexingMap(&init);
    return map.getResults() == ArrayRef<AffineExpr>(results) ||
           (form.ofImages() && map.isIdentity());
  });
  bool fits = form.ofImages()
                  ? op.getNumReductionLoops() > 0
                  : form.channels <= kMostChannels && steps <= kLongestSum &&
                        form.channels * steps <= kMostElements;
  return inOrder && fits ? form : RunForm();
}

/// Whether result `position` of `map` is loop `loop`, which no other is of.
static bool isOnly(AffineMap map, unsigned position, unsigned loop) {
  for (auto [i, expr] : llvm::enumerate(map.getResults()))
    if (i == position ? expr != getAffineDimExpr(loop, map.getContext())
                      : expr.isFunctionOfDim(loop))
      return false;
  return true;
}

bool RunForm::isOwn(AffineMap map) const {
  unsigned results = map.getNumResults();
  return results > (ofImages() ? 1 : 0) &&
         isOnly(map, results - 1, map.getNumDims() - 1) &&
         (!ofImages() || isOnly(map, 0, 0));
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
    RunForm form = runFormOf(op);
    if (!form || form.ofImages())
      continue;
    Needs needs(op);
    auto producer = dyn_cast_or_null<linalg::GenericOp>(needs.last);
    if (!producer || runFormOf(producer) != form)
      continue;
    // Behind others that stand there, or were gathered.
    Operation *at = producer;
    for (Operation *next = at->getNextNode(); next != op;
         next = next->getNextNode()) {
      auto other = dyn_cast<linalg::GenericOp>(next);
      if (other && runFormOf(other) == form)
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

//===- AssignMemory.cpp - Every buffer gets its bytes of the arena --------===//
//
//   arena:  │ state: one variable behind the other │ each program's buffers │
//           0                                      S        S + largest need
//
// State is placed in order. A program's buffers are placed largest first, each
// in the smallest hole between those already placed whose lifetimes overlap
// its own (greedy by size: Pisarchyk & Lee, Efficient Memory Management for
// Deep Neural Net Inference, 2020). Ties go to the buffer that is live
// earlier, then to the one that comes first: the result depends on the module
// alone. All offsets are multiples of bufferAlignment.
//
//===----------------------------------------------------------------------===//
#include "passes/Passes.h"
#include "passes/analysis/Lifetimes.h"

#include "dialects/plan/ir/PlanDialect.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

namespace pfc {
#define GEN_PASS_DEF_ASSIGNMEMORYPASS
#include "passes/Passes.h.inc"
} // namespace pfc

using namespace mlir;
using namespace pfc;

namespace {

/// A buffer with its bytes rounded up to whole alignment units, and its place.
struct Item {
  Lifetime lifetime;
  int64_t bytes;
  int64_t offset = 0;

  int64_t end() const { return offset + bytes; }
};

int64_t alignedBytes(MemRefType type) {
  return llvm::alignTo(plan::byteSize(type), plan::bufferAlignment);
}

/// The start of the smallest hole for `item` between the placed items (in order
/// of offset) that live at the same time; behind all of them if none fits.
int64_t findHole(const Item &item, ArrayRef<Item> placed) {
  int64_t best = -1, bestBytes = 0, end = 0;
  for (const Item &other : placed) {
    if (!other.lifetime.overlaps(item.lifetime))
      continue;
    int64_t hole = other.offset - end;
    if (hole >= item.bytes && (best < 0 || hole < bestBytes)) {
      best = end;
      bestBytes = hole;
    }
    end = std::max(end, other.end());
  }
  return best < 0 ? end : best;
}

/// Places buffers in [0, needed bytes); returned in order of offset.
SmallVector<Item> place(ArrayRef<Lifetime> lifetimes) {
  SmallVector<Item> items;
  for (const Lifetime &lifetime : lifetimes)
    items.push_back(
        {lifetime, alignedBytes(cast<MemRefType>(lifetime.buffer.getType()))});
  llvm::stable_sort(items, [](const Item &a, const Item &b) {
    return std::make_pair(-a.bytes, a.lifetime.first) <
           std::make_pair(-b.bytes, b.lifetime.first);
  });
  SmallVector<Item> placed;
  for (Item &item : items) {
    item.offset = findHole(item, placed);
    auto after = llvm::upper_bound(placed, item.offset,
                                   [](int64_t offset, const Item &other) {
                                     return offset < other.offset;
                                   });
    placed.insert(after, item);
  }
  return placed;
}

void setOffset(Value buffer, int64_t offset) {
  llvm::TypeSwitch<Operation *>(buffer.getDefiningOp())
      .Case<plan::InputOp, plan::RankConstantOp, plan::AllocOp>(
          [&](auto op) { op.setOffset(offset); });
}

struct AssignMemoryPass : pfc::impl::AssignMemoryPassBase<AssignMemoryPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    int64_t state = 0;
    for (auto variable : module.getOps<plan::VariableOp>()) {
      variable.setOffset(state);
      state += alignedBytes(variable.getBufferType());
    }
    int64_t arena = state;
    for (auto program : module.getOps<plan::ProgramOp>())
      arena = std::max(arena, state + assign(program, state));
    module->setAttr(plan::arenaBytesAttrName,
                    Builder(&getContext()).getI64IntegerAttr(arena));
  }

  /// Places a program's buffers from `begin` on; returns how many bytes.
  int64_t assign(plan::ProgramOp program, int64_t begin) {
    // An alloc that nobody uses has no lifetime, and needs no bytes.
    for (auto alloc :
         llvm::make_early_inc_range(program.getOps<plan::AllocOp>()))
      if (alloc->use_empty())
        alloc.erase();
    SmallVector<Lifetime> lifetimes = computeLifetimes(program);
    int64_t needed = 0;
    for (const Item &item : place(lifetimes)) {
      setOffset(item.lifetime.buffer, begin + item.offset);
      needed = std::max(needed, item.end());
    }
    remark::analysis(
        program.getLoc(),
        remark::RemarkOpts::name("Placed").category("plan-assign-memory"))
        << remark::metric("Program", program.getSymName())
        << remark::metric("State", begin) << remark::metric("Placed", needed)
        << remark::metric("LiveAtOnce", peakLiveBytes(lifetimes));
    return needed;
  }
};

} // namespace

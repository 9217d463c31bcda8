//===- AssignMemory.cpp - Every buffer gets its bytes of the arena --------===//
//
//   arena:  │ state: one variable behind the other │ each program's buffers │
//           0                                      S        S + largest need
//   and behind that, from the next multiple of 64 KiB on, host state
//
// State is placed in order, the parts of a span where the first of them comes.
// A program's buffers are placed one after the other, each in the smallest hole
// between those already placed whose lifetimes overlap its own: largest first
// (greedy by size: Pisarchyk & Lee, Efficient Memory Management for Deep Neural
// Net Inference, 2020), and where that takes more than is live at once, in two
// more orders, of which the best stays. The parts of a span move as one piece,
// but each has a lifetime of its own. Ties go to the buffer that is live
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
struct Part {
  Lifetime lifetime;
  int64_t bytes;
  int64_t offset = 0; ///< in its item until that is placed

  int64_t end() const { return offset + bytes; }
};

/// What is placed at once: a buffer, or the parts of a span.
struct Item {
  SmallVector<Part, 1> parts;
  int64_t bytes = 0;

  int64_t first() const { return parts.front().lifetime.first; }
  /// Bytes of the largest part.
  int64_t largest() const {
    int64_t most = 0;
    for (const Part &part : parts)
      most = std::max(most, part.bytes);
    return most;
  }
  /// Instructions from the first use of a part to the last use of one.
  int64_t duration() const {
    int64_t first = this->first(), last = first;
    for (const Part &part : parts) {
      first = std::min(first, part.lifetime.first);
      last = std::max(last, part.lifetime.last);
    }
    return last - first + 1;
  }
};

int64_t alignedBytes(MemRefType type) {
  return llvm::alignTo(plan::byteSize(type), plan::bufferAlignment);
}

/// Where `item` can't begin, for the parts placed before it (in order of
/// offset) that live at the same time as one of its own: between begin and end
/// of each of these, in order of begin.
SmallVector<std::pair<int64_t, int64_t>> takenStarts(const Item &item,
                                                     ArrayRef<Part> placed) {
  SmallVector<std::pair<int64_t, int64_t>> taken;
  for (const Part &part : item.parts)
    for (const Part &other : placed)
      if (other.lifetime.overlaps(part.lifetime))
        taken.emplace_back(other.offset - part.end(),
                           other.end() - part.offset);
  if (item.parts.size() > 1)
    llvm::sort(taken);
  return taken;
}

/// The start of the smallest hole for `item` between the placed parts; behind
/// all of them if none fits.
int64_t findHole(const Item &item, ArrayRef<Part> placed) {
  int64_t best = -1, bestSlack = 0, end = 0;
  for (auto [begin, next] : takenStarts(item, placed)) {
    int64_t slack = begin - end;
    if (slack >= 0 && (best < 0 || slack < bestSlack)) {
      best = end;
      bestSlack = slack;
    }
    end = std::max(end, next);
  }
  return best < 0 ? end : best;
}

/// One item a buffer that is in no span, and one a span.
SmallVector<Item> itemsOf(plan::ProgramOp program,
                          ArrayRef<Lifetime> lifetimes) {
  llvm::DenseMap<Value, Lifetime> lifetimeOf;
  for (const Lifetime &lifetime : lifetimes)
    lifetimeOf.insert({lifetime.buffer, lifetime});
  SmallVector<Item> items;
  auto take = [&](Item &item, Value buffer) {
    auto type = cast<MemRefType>(buffer.getType());
    item.parts.push_back(
        {lifetimeOf.at(buffer), alignedBytes(type), item.bytes});
    item.bytes += item.parts.back().bytes;
    lifetimeOf.erase(buffer);
  };
  for (auto span : program.getOps<plan::SpanOp>())
    if (!plan::isState(span.getBuffer()))
      for (Item &item = items.emplace_back(); Value part : span.getParts())
        take(item, part);
  for (const Lifetime &lifetime : lifetimes)
    if (lifetimeOf.contains(lifetime.buffer))
      take(items.emplace_back(), lifetime.buffer);
  return items;
}

/// Of which most is is placed first.
using Weight = int64_t (*)(const Item &);

constexpr Weight weights[] = {
    [](const Item &item) { return item.largest(); },
    [](const Item &item) { return item.bytes; },
    [](const Item &item) { return item.largest() * item.duration(); },
};

struct Placement {
  SmallVector<Part> parts; ///< in order of offset
  int64_t needed = 0;      ///< bytes
};

Placement place(SmallVector<Item> items, Weight weight) {
  llvm::stable_sort(items, [=](const Item &a, const Item &b) {
    return std::make_pair(-weight(a), a.first()) <
           std::make_pair(-weight(b), b.first());
  });
  Placement result;
  for (const Item &item : items) {
    int64_t offset = findHole(item, result.parts);
    for (Part part : item.parts) {
      part.offset += offset;
      result.needed = std::max(result.needed, part.end());
      auto after = llvm::upper_bound(result.parts, part.offset,
                                     [](int64_t offset, const Part &other) {
                                       return offset < other.offset;
                                     });
      result.parts.insert(after, part);
    }
  }
  return result;
}

/// The best of the orders.
Placement place(const SmallVector<Item> &items, int64_t liveAtOnce) {
  Placement best = place(items, weights[0]);
  for (Weight weight : llvm::drop_begin(weights)) {
    if (best.needed <= liveAtOnce)
      break;
    Placement next = place(items, weight);
    if (next.needed < best.needed)
      best = std::move(next);
  }
  return best;
}

void setOffset(Value buffer, int64_t offset) {
  llvm::TypeSwitch<Operation *>(buffer.getDefiningOp())
      .Case<plan::InputOp, plan::RankConstantOp, plan::AllocOp>(
          [&](auto op) { op.setOffset(offset); });
}

/// Places the variables of a module from byte 0 on.
class StatePlacer {
public:
  explicit StatePlacer(ModuleOp module) : module(module), symbols(module) {}

  /// How many bytes; an error where spans contradict each other.
  FailureOr<int64_t> place() {
    if (failed(findSpans()))
      return failure();
    for (auto variable : module.getOps<plan::VariableOp>()) {
      if (variable.getOffset() || variable.getHost())
        continue; // in a span with one before
      ArrayAttr span = spanOf.lookup(variable.getSymName());
      if (!span) {
        append(variable);
        continue;
      }
      for (auto name : span.getAsRange<FlatSymbolRefAttr>())
        append(symbols.lookup<plan::VariableOp>(name.getValue()));
    }
    return end;
  }

  /// Places host state behind `begin`; how many bytes it is.
  int64_t placeHost(int64_t begin) {
    end = begin;
    for (auto variable : module.getOps<plan::VariableOp>())
      if (variable.getHost())
        append(variable);
    return end - begin;
  }

private:
  void append(plan::VariableOp variable) {
    variable.setOffset(end);
    end += alignedBytes(variable.getBufferType());
  }

  /// All programs span the same variables, or none of them.
  LogicalResult findSpans() {
    auto result = module.walk([&](plan::SpanOp span) {
      if (!plan::isState(span.getBuffer()))
        return WalkResult::advance();
      SmallVector<Attribute> names;
      for (Value part : span.getParts())
        names.push_back(part.getDefiningOp<plan::StateOp>().getVariableAttr());
      auto parts = ArrayAttr::get(module.getContext(), names);
      for (auto name : parts.getAsRange<FlatSymbolRefAttr>())
        if (spanOf.try_emplace(name.getValue(), parts).first->second != parts) {
          span.emitOpError("has ") << name
                                   << ", which another program spans "
                                      "with other variables";
          return WalkResult::interrupt();
        }
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

  ModuleOp module;
  SymbolTable symbols;
  llvm::StringMap<ArrayAttr> spanOf; ///< by variable: all of its span
  int64_t end = 0;
};

struct AssignMemoryPass : pfc::impl::AssignMemoryPassBase<AssignMemoryPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (auto variable : module.getOps<plan::VariableOp>())
      variable.removeOffsetAttr();
    StatePlacer placer(module);
    FailureOr<int64_t> state = placer.place();
    if (failed(state))
      return signalPassFailure();
    int64_t arena = *state;
    for (auto program : module.getOps<plan::ProgramOp>())
      arena = std::max(arena, *state + assign(program, *state));
    module->removeAttr(plan::hostBytesAttrName);
    Builder builder(&getContext());
    int64_t host = llvm::alignTo(arena, plan::hostAlignment);
    if (int64_t bytes = placer.placeHost(host)) {
      module->setAttr(plan::hostBytesAttrName,
                      builder.getI64IntegerAttr(bytes));
      arena = host + bytes;
    }
    module->setAttr(plan::arenaBytesAttrName, builder.getI64IntegerAttr(arena));
  }

  /// Places a program's buffers from `begin` on; returns how many bytes.
  int64_t assign(plan::ProgramOp program, int64_t begin) {
    // What nobody uses has no lifetime, and needs no bytes.
    for (auto span : llvm::make_early_inc_range(program.getOps<plan::SpanOp>()))
      if (span->use_empty())
        span.erase();
    for (auto alloc :
         llvm::make_early_inc_range(program.getOps<plan::AllocOp>()))
      if (alloc->use_empty())
        alloc.erase();
    SmallVector<Lifetime> lifetimes = computeLifetimes(program);
    int64_t liveAtOnce = peakLiveBytes(lifetimes);
    auto [parts, needed] = place(itemsOf(program, lifetimes), liveAtOnce);
    for (const Part &part : parts)
      setOffset(part.lifetime.buffer, begin + part.offset);
    remark::analysis(
        program.getLoc(),
        remark::RemarkOpts::name("Placed").category("plan-assign-memory"))
        << remark::metric("Program", program.getSymName())
        << remark::metric("State", begin) << remark::metric("Placed", needed)
        << remark::metric("LiveAtOnce", liveAtOnce);
    return needed;
  }
};

} // namespace

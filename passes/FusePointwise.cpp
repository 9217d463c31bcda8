//===- FusePointwise.cpp - pfc-fuse-pointwise -----------------------------===//
//
// Three steps on each function:
//
//   group      sweepable ops that share activations come to stand one behind
//              the other, where nothing between them needs what they compute
//   recompute  an activation that a group can make again from what it reads
//              anyway need not be read, or even stored
//   wrap       a group becomes the body of a pfc.sweep
//
//===----------------------------------------------------------------------===//
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

namespace pfc {
#define GEN_PASS_DEF_FUSEPOINTWISEPASS
#include "passes/Passes.h.inc"
} // namespace pfc

using namespace mlir;
using namespace pfc;

namespace {

using Ops = SmallVector<Operation *>;
using Activations = llvm::SmallSetVector<Value, 8>;

/// Ops that one pass does, neighbours in their block.
struct Group {
  Ops ops;
  unsigned recomputed = 0; ///< of the first ops: what others compute too
};

/// The sweepable ops of a block, in groups.
class Groups {
public:
  explicit Groups(Block &block);

  void merge();
  void recompute();
  /// Makes sweeps of the groups of two and more: how many.
  int64_t wrap();

private:
  static constexpr unsigned kNone = ~0u;
  unsigned idOf(Operation *op) const {
    auto found = ids.find(op);
    return op && found != ids.end() ? found->second : kNone;
  }

  Ops inOrder() const;

  // Grouping.
  std::string refusal(unsigned first, unsigned second, Ops &between) const;
  bool tryMerge(Operation *a, Operation *b, bool explain);
  void mergeWithReaders(Operation *op, Value activation);

  // Recomputation.
  Activations readsOf(unsigned id) const;
  bool isStored(Value activation) const;
  bool addSources(Operation *producer, unsigned id, Activations &reads) const;
  std::optional<int64_t> costOfRecomputing(Value activation, unsigned id) const;
  Value recomputeIn(unsigned id, Value activation);
  void recomputeElsewhere(Value activation);
  void eraseUnread();

  llvm::DenseMap<Operation *, unsigned> ids;
  std::vector<Group> groups; ///< empty after a merge
  /// An activation, and a group that recomputes it: what stands for it there.
  llvm::DenseMap<std::pair<Value, unsigned>, Value> copies;
};

Groups::Groups(Block &block) {
  for (Operation &op : block)
    if (!sweptShape(&op).empty()) {
      ids[&op] = groups.size();
      groups.push_back({{&op}});
    }
}

/// The ops of all groups.
Ops Groups::inOrder() const {
  Ops ops;
  for (const Group &group : groups)
    llvm::append_range(ops, group.ops);
  llvm::sort(ops,
             [](Operation *x, Operation *y) { return x->isBeforeInBlock(y); });
  return ops;
}

//===----------------------------------------------------------------------===//
// Grouping
//===----------------------------------------------------------------------===//

/// Why one pass can't do both groups, of which `first` stands before `second`;
/// empty if it can. `between` is what `second` needs of the ops in between.
std::string Groups::refusal(unsigned first, unsigned second,
                            Ops &between) const {
  Operation *start = groups[first].ops.back();
  llvm::DenseSet<Operation *> seen;
  Ops work(groups[second].ops);
  while (!work.empty()) {
    Operation *op = work.pop_back_val();
    bool direct = idOf(op) == second;
    if (!direct)
      between.push_back(op);
    for (Value operand : op->getOperands()) {
      Operation *producer = operand.getDefiningOp();
      if (!producer || idOf(producer) == second)
        continue;
      if (idOf(producer) == first) {
        if (!direct)
          return "what lies between them needs it";
        if (!isActivation(operand, op))
          return "its sums must be known first";
      } else if (start->isBeforeInBlock(producer)) {
        unsigned id = idOf(producer);
        for (Operation *needed : id == kNone ? Ops{producer} : groups[id].ops)
          if (seen.insert(needed).second)
            work.push_back(needed);
      }
    }
  }
  return "";
}

static void explainMissed(Operation *a, Operation *b, StringRef reason) {
  auto options =
      remark::RemarkOpts::name("FusePointwise").category("pfc-fuse-pointwise");
  remark::missed(b->getLoc(), options)
      << remark::add("{0} does not join {1}", b->getName().getStringRef(),
                     a->getName().getStringRef())
      << remark::reason("{0}", reason);
}

/// Brings the later of two groups to the earlier, behind what it needs.
bool Groups::tryMerge(Operation *a, Operation *b, bool explain) {
  unsigned first = idOf(a), second = idOf(b);
  if (first == second)
    return true;
  if (first == kNone || second == kNone || sweptShape(a) != sweptShape(b))
    return false;
  if (groups[second].ops.front()->isBeforeInBlock(groups[first].ops.front()))
    std::swap(first, second);
  Ops between;
  std::string reason = refusal(first, second, between);
  if (!reason.empty()) {
    if (explain)
      explainMissed(a, b, reason);
    return false;
  }
  llvm::sort(between,
             [](Operation *x, Operation *y) { return x->isBeforeInBlock(y); });
  for (Operation *op : between)
    op->moveBefore(groups[first].ops.front());
  for (Operation *op : groups[second].ops) {
    op->moveAfter(groups[first].ops.back());
    groups[first].ops.push_back(op);
    ids[op] = first;
  }
  groups[second].ops.clear();
  return true;
}

void Groups::mergeWithReaders(Operation *op, Value activation) {
  for (Operation *reader : llvm::to_vector(activation.getUsers()))
    if (reader->isBeforeInBlock(op))
      tryMerge(reader, op, /*explain=*/false);
}

void Groups::merge() {
  SmallVector<std::pair<Operation *, Value>> reads;
  for (const Group &group : groups)
    for (Value operand : group.ops.front()->getOperands())
      if (isActivation(operand, group.ops.front()))
        reads.emplace_back(group.ops.front(), operand);
  for (auto [op, activation] : reads)
    if (Operation *producer = activation.getDefiningOp())
      tryMerge(producer, op, /*explain=*/true);
  for (auto [op, activation] : reads)
    mergeWithReaders(op, activation);
}

//===----------------------------------------------------------------------===//
// Recomputation
//===----------------------------------------------------------------------===//

/// The activations that a pass over the group reads.
Activations Groups::readsOf(unsigned id) const {
  Activations reads;
  for (Operation *op : groups[id].ops)
    for (Value operand : op->getOperands())
      if (isActivation(operand, op) && idOf(operand.getDefiningOp()) != id)
        reads.insert(operand);
  return reads;
}

/// Whether an activation is in memory: an op outside its group reads it.
bool Groups::isStored(Value activation) const {
  unsigned id = idOf(activation.getDefiningOp());
  return id == kNone ||
         llvm::any_of(activation.getUsers(),
                      [&](Operation *user) { return idOf(user) != id; });
}

/// Adds what a group must read to do what `producer` does. False where that
/// isn't one result, made element by element.
bool Groups::addSources(Operation *producer, unsigned id,
                        Activations &reads) const {
  if (idOf(producer) == kNone || producer->getNumResults() != 1 ||
      !isActivation(producer->getResult(0), producer))
    return false;
  for (Value operand : producer->getOperands()) {
    if (!isActivation(operand, producer) || copies.contains({operand, id}) ||
        idOf(operand.getDefiningOp()) == id)
      continue;
    if (isStored(operand))
      reads.insert(operand);
    else if (!addSources(operand.getDefiningOp(), id, reads))
      return false;
  }
  return true;
}

/// Activations that a group would read more if it recomputed one it reads.
std::optional<int64_t> Groups::costOfRecomputing(Value activation,
                                                 unsigned id) const {
  Activations reads = readsOf(id);
  int64_t before = reads.size();
  reads.remove(activation);
  if (!addSources(activation.getDefiningOp(), id, reads))
    return std::nullopt;
  return static_cast<int64_t>(reads.size()) - before;
}

Value Groups::recomputeIn(unsigned id, Value activation) {
  if (Value known = copies.lookup({activation, id}))
    return known;
  Operation *producer = activation.getDefiningOp();
  IRMapping mapping;
  for (Value operand : producer->getOperands())
    if (isActivation(operand, producer) && !isStored(operand) &&
        idOf(operand.getDefiningOp()) != id)
      mapping.map(operand, recomputeIn(id, operand));
  Group &group = groups[id];
  OpBuilder builder(group.ops[group.recomputed]);
  Operation *copy = builder.clone(*producer, mapping);
  group.ops.insert(group.ops.begin() + group.recomputed++, copy);
  ids[copy] = id;
  return copies[{activation, id}] = copy->getResult(0);
}

/// Recomputes an activation in the groups that read it: in all, where none then
/// reads more, so that it is not stored; else where fewer are read.
void Groups::recomputeElsewhere(Value activation) {
  unsigned own = idOf(activation.getDefiningOp());
  llvm::SmallMapVector<unsigned, int64_t, 4> costs;
  bool everywhere = true;
  for (Operation *user : activation.getUsers()) {
    unsigned id = idOf(user);
    if (id == own || costs.count(id))
      continue;
    std::optional<int64_t> cost;
    if (id != kNone)
      cost = costOfRecomputing(activation, id);
    everywhere &= cost && *cost <= 0;
    if (cost)
      costs[id] = *cost;
  }
  for (auto [id, cost] : costs) {
    if (cost >= 0 && !everywhere)
      continue;
    Value copy = recomputeIn(id, activation);
    activation.replaceUsesWithIf(
        copy, [&](OpOperand &use) { return idOf(use.getOwner()) == id; });
  }
}

void Groups::recompute() {
  for (Operation *op : inOrder())
    if (op->getNumResults() == 1 && isActivation(op->getResult(0), op))
      recomputeElsewhere(op->getResult(0));
}

//===----------------------------------------------------------------------===//
// Sweeps
//===----------------------------------------------------------------------===//

static void explainFused(SweepOp sweep, int64_t before) {
  SmallVector<StringRef> names;
  for (Operation &op : sweep.getBody().front().without_terminator())
    names.push_back(op.getName().stripDialect());
  auto options =
      remark::RemarkOpts::name("FusePointwise").category("pfc-fuse-pointwise");
  remark::passed(sweep.getLoc(), options)
      << remark::add("{0}: {1} instead of {2} passes", llvm::join(names, ", "),
                     countPasses(sweep), before);
}

/// Replaces `ops` by a sweep with them as its body.
static void wrapOps(ArrayRef<Operation *> ops, unsigned recomputed) {
  llvm::SetVector<Value> inputs, outputs;
  Operation *main = nullptr;
  int64_t before = 0;
  for (auto [i, op] : llvm::enumerate(ops)) {
    before += i < recomputed ? 0 : countPasses(op);
    for (Value operand : op->getOperands())
      if (!llvm::is_contained(ops, operand.getDefiningOp()))
        inputs.insert(operand);
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(), [&](Operation *user) {
            return !llvm::is_contained(ops, user);
          })) {
        outputs.insert(result);
        main = main ? main : op;
      }
  }
  OpBuilder builder(ops.front());
  auto sweep = SweepOp::create(builder, main->getLoc(),
                               ValueRange(outputs.getArrayRef()).getTypes(),
                               inputs.getArrayRef());
  Block &body = sweep.getBody().emplaceBlock();
  IRMapping mapping;
  for (Value input : inputs)
    mapping.map(input, body.addArgument(input.getType(), input.getLoc()));
  builder.setInsertionPointToStart(&body);
  for (Operation *op : ops)
    builder.clone(*op, mapping);
  SmallVector<Value> yielded;
  for (auto [output, result] :
       llvm::zip(outputs.takeVector(), sweep.getOutputs())) {
    yielded.push_back(mapping.lookup(output));
    output.replaceAllUsesWith(result);
  }
  YieldOp::create(builder, sweep.getLoc(), yielded);
  for (Operation *op : llvm::reverse(ops))
    op->erase();
  explainFused(sweep, before);
}

/// Activations that all others recompute, and what only these were made of.
void Groups::eraseUnread() {
  Ops ops = inOrder();
  for (Operation *op : llvm::reverse(ops))
    if (isOpTriviallyDead(op)) {
      llvm::erase(groups[idOf(op)].ops, op);
      op->erase();
    }
}

int64_t Groups::wrap() {
  eraseUnread();
  int64_t sweeps = 0;
  for (Group &group : groups) {
    if (group.ops.size() < 2)
      continue;
    wrapOps(group.ops, group.recomputed);
    ++sweeps;
  }
  return sweeps;
}

//===----------------------------------------------------------------------===//
// Counting
//===----------------------------------------------------------------------===//

/// What the passes over activations of a function amount to.
struct Traffic {
  explicit Traffic(func::FuncOp function) {
    for (Operation &op : function.getBody().front()) {
      if (sweptShape(&op).empty())
        continue;
      int64_t of = countPasses(&op);
      passes += of;
      bool writes = llvm::any_of(op.getResults(), [&](Value result) {
        return isActivation(result, &op);
      });
      statistics += writes ? 0 : 1;
      for (Value operand :
           llvm::SetVector<Value>(op.operand_begin(), op.operand_end()))
        bytes += bytesOf(operand, &op);
      for (Value result : op.getResults())
        bytes += bytesOf(result, &op);
    }
  }
  static int64_t bytesOf(Value value, Operation *op) {
    auto type = cast<RankedTensorType>(value.getType());
    return isActivation(value, op)
               ? type.getNumElements() * type.getElementTypeBitWidth() / 8
               : 0;
  }

  int64_t passes = 0;     ///< activations read or written
  int64_t statistics = 0; ///< passes that write none
  int64_t bytes = 0;
};

void explainTraffic(func::FuncOp function, const Traffic &before,
                    const Traffic &after) {
  auto options =
      remark::RemarkOpts::name("FusePointwise").category("pfc-fuse-pointwise");
  remark::analysis(function.getLoc(), options) << remark::add(
      "@{0}: {1} -> {2} activations read or written, "
      "{3} -> {4} passes for sums alone, {5} -> {6} MiB",
      function.getName(), before.passes, after.passes, before.statistics,
      after.statistics, before.bytes >> 20, after.bytes >> 20);
}

struct FusePointwisePass
    : public pfc::impl::FusePointwisePassBase<FusePointwisePass> {
  using Base::Base;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      Traffic before(function);
      Groups groups(function.getBody().front());
      groups.merge();
      groups.recompute();
      numSweeps += groups.wrap();
      explainTraffic(function, before, Traffic(function));
    }
  }
};
} // namespace

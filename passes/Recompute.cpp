//===- Recompute.cpp - pfc-recompute --------------------------------------===//
//
// The backward pass is what depends on the labels; the rest of the step is the
// forward pass. An activation that crosses from one to the other is in memory
// in between, unless an op of the backward pass makes it again. How far back
// that goes: to an activation that is kept, from which one chain of ops leads
// to it, or in attention the chains of queries, keys and values. What is kept
// is where chains meet: residual sums.
//
// A chain of several convolutions is made as a whole when its end is read. What
// its convolutions read is there then, and read again later, by the filters'
// gradients. Of the largest activations, which the step's memory is needed for,
// it isn't kept that long either: a second copy is made of what is.
//
//===----------------------------------------------------------------------===//
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/Passes.h"
#include "llvm/ADT/SetVector.h"

namespace pfc {
#define GEN_PASS_DEF_RECOMPUTEPASS
#include "passes/Passes.h.inc"
} // namespace pfc

using namespace mlir;
using namespace pfc;

namespace {

class Recomputation {
public:
  Recomputation(func::FuncOp function, Recompute recompute);

  void run();
  int64_t recomputedOps() const { return clones; }

private:
  bool isBackward(Operation *op) const { return backward.contains(op); }
  bool knowsLabels(Value value) const {
    return value == labels || isBackward(value.getDefiningOp());
  }
  bool knowsImages(Value value) const {
    return value == images || forward.contains(value.getDefiningOp());
  }
  bool crosses(Value value) const;
  SmallVector<Value> sourcesOf(Value value) const;
  bool isMadeAgain(Value value);
  Value barrier(Value kept, Operation *user);
  Value clone(Value value, const IRMapping &newSources, Operation *user);
  Value makeAgain(Value value, Operation *user);
  bool isRemade(Value value) const;
  Value copyFor(Value value, Operation *user);
  void delayLargeGradients();
  int64_t bytesAcross();

  func::FuncOp function;
  Recompute recompute;
  BlockArgument images, labels;
  llvm::DenseSet<Operation *> forward;   ///< what depends on the images alone
  llvm::SetVector<Operation *> backward; ///< in order, then the new ones
  llvm::DenseMap<Value, bool> madeAgain;
  llvm::DenseMap<Value, Value> barriers;   ///< of kept activations
  llvm::DenseMap<Value, Value> copies;     ///< of those that are made again
  llvm::DenseMap<Value, Value> lateCopies; ///< what gradients read
  int64_t largest = 0;                     ///< bytes of one that crosses
  int64_t clones = 0;
};

} // namespace

static int64_t bytesOf(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return type.getNumElements() * type.getElementTypeBitWidth() / 8;
}

static BlockArgument findInput(func::FuncOp function, StringRef name) {
  for (BlockArgument argument : function.getArguments())
    if (auto input = function.getArgAttrOfType<StringAttr>(
            argument.getArgNumber(), "pfc.input"))
      if (input.getValue() == name)
        return argument;
  return {};
}

Recomputation::Recomputation(func::FuncOp function, Recompute recompute)
    : function(function), recompute(recompute),
      images(findInput(function, "images")),
      labels(findInput(function, "labels")) {
  if (!labels)
    return;
  for (Operation &op : function.getBody().front())
    if (llvm::any_of(op.getOperands(),
                     [&](Value operand) { return knowsLabels(operand); }))
      backward.insert(&op);
    else if (llvm::any_of(op.getOperands(),
                          [&](Value operand) { return knowsImages(operand); }))
      forward.insert(&op);
}

/// Whether the backward pass reads an activation of the forward pass: pixels,
/// tokens or heads of images. What an image has one vector of is small.
bool Recomputation::crosses(Value value) const {
  auto type = cast<RankedTensorType>(value.getType());
  return forward.contains(value.getDefiningOp()) && type.getRank() >= 3 &&
         isa<FloatType>(type.getElementType()) &&
         llvm::any_of(value.getUsers(),
                      [&](Operation *user) { return isBackward(user); });
}

/// Between a layer's queries, keys and values and what it says of them.
static bool isAttention(Operation *op) {
  if (auto product = dyn_cast<MatmulOp>(op))
    return product.isBatched();
  return isa<SplitHeadsOp, SoftmaxOp, MergeHeadsOp>(op);
}

/// The activations that `value` is made of, by an op that may be done again;
/// none where that may not.
SmallVector<Value> Recomputation::sourcesOf(Value value) const {
  Operation *producer = value.getDefiningOp();
  if (!forward.contains(producer))
    return {};
  auto conv = dyn_cast<Conv2dOp>(producer);
  if ((conv || isAttention(producer)) && recompute != Recompute::Blocks)
    return {};
  if (conv)
    return {conv.getInput()};
  if (isAttention(producer))
    return llvm::to_vector(producer->getOperands());
  if (!isActivation(value, producer))
    return {};
  SmallVector<Value> sources;
  for (Value operand : producer->getOperands())
    if (isActivation(operand, producer) &&
        !llvm::is_contained(sources, operand))
      sources.push_back(operand);
  return sources.size() == 1 ? sources : SmallVector<Value>();
}

/// Whether the backward pass makes `value` for itself: of what it does so with
/// too, or of what is kept for it anyway.
bool Recomputation::isMadeAgain(Value value) {
  auto [known, fresh] = madeAgain.try_emplace(value, false);
  if (!fresh)
    return known->second;
  SmallVector<Value> sources = sourcesOf(value);
  bool result = !sources.empty() && llvm::all_of(sources, [&](Value source) {
    return isMadeAgain(source) || crosses(source);
  });
  return madeAgain[value] = result;
}

/// `kept`, for ops in front of `user` in the backward pass.
Value Recomputation::barrier(Value kept, Operation *user) {
  Value &known = barriers[kept];
  if (known)
    return known;
  Value gradient = *llvm::find_if(
      user->getOperands(), [&](Value operand) { return knowsLabels(operand); });
  OpBuilder builder(user);
  known = BarrierOp::create(builder, kept.getLoc(), kept, gradient);
  backward.insert(known.getDefiningOp());
  return known;
}

/// A copy of `sweep` for its result `output` alone.
static Operation *cloneFor(SweepOp sweep, unsigned output, OpBuilder &builder,
                           IRMapping &mapping) {
  auto copy = cast<SweepOp>(builder.clone(*sweep, mapping));
  Block &body = copy.getBody().front();
  auto yield = cast<YieldOp>(body.getTerminator());
  yield->setOperands(yield->getOperand(output));
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body)))
    if (isOpTriviallyDead(&op))
      op.erase();
  llvm::BitVector unused(body.getNumArguments());
  for (BlockArgument argument : body.getArguments())
    if (argument.use_empty())
      unused.set(argument.getArgNumber());
  body.eraseArguments(unused);
  copy->eraseOperands(unused);
  auto only = SweepOp::create(builder, copy.getLoc(),
                              TypeRange(copy.getResult(output).getType()),
                              copy.getInputs());
  only.getBody().takeBody(copy.getBody());
  copy.erase();
  return only;
}

/// A copy of `value`, of copies of its sources.
Value Recomputation::clone(Value value, const IRMapping &newSources,
                           Operation *user) {
  IRMapping mapping = newSources;
  OpBuilder builder(user);
  auto result = cast<OpResult>(value);
  Operation *producer = result.getOwner();
  unsigned number = result.getResultNumber();
  Operation *copy;
  if (auto sweep = dyn_cast<SweepOp>(producer)) {
    copy = cloneFor(sweep, number, builder, mapping);
    number = 0;
  } else {
    copy = builder.clone(*producer, mapping);
  }
  ++clones;
  backward.insert(copy);
  return copy->getResult(number);
}

/// What stands for `value` at `user`: made of what is kept, once.
Value Recomputation::makeAgain(Value value, Operation *user) {
  if (!isMadeAgain(value))
    return barrier(value, user);
  if (Value known = copies.lookup(value))
    return known;
  IRMapping sources;
  for (Value source : sourcesOf(value))
    sources.map(source, makeAgain(source, user));
  Value copy = clone(value, sources, user);
  copies[value] = copy;
  if (isa<SplitHeadsOp>(value.getDefiningOp())) // the other heads, too
    for (auto [old, made] : llvm::zip(value.getDefiningOp()->getResults(),
                                      copy.getDefiningOp()->getResults()))
      copies[old] = made;
  return copy;
}

/// Whether `value` was made for a convolution to read, and is large enough, and
/// fast enough to make, to be made once more for gradients.
bool Recomputation::isRemade(Value value) const {
  return copies.contains(value) && 2 * bytesOf(value) > largest &&
         isActivation(value, value.getDefiningOp());
}

/// What the gradient `user` reads instead of `value`.
Value Recomputation::copyFor(Value value, Operation *user) {
  if (Value known = lateCopies.lookup(value))
    return known;
  Value copy;
  if (isRemade(value)) {
    Value source = sourcesOf(value).front();
    IRMapping sources;
    sources.map(source, isRemade(source)
                            ? copyFor(source, user)
                            : barrier(makeAgain(source, user), user));
    copy = clone(value, sources, user);
  } else {
    copy = makeAgain(value, user);
  }
  return lateCopies[value] = copy;
}

/// Where a convolution has strides, the gradient of its input is larger than
/// that of its output, which it is made of: so when it is read.
void Recomputation::delayLargeGradients() {
  for (auto op :
       llvm::to_vector(function.getBody().getOps<Conv2dInputGradOp>())) {
    if (bytesOf(op.getInputGrad()) <= bytesOf(op.getOutputGrad()) ||
        op->use_empty())
      continue;
    Operation *reader = *op->user_begin();
    for (Operation *user : op->getUsers())
      if (user->isBeforeInBlock(reader))
        reader = user;
    op->moveBefore(reader);
  }
}

/// Bytes of activations that are in memory from forward to backward.
int64_t Recomputation::bytesAcross() {
  int64_t bytes = 0;
  for (Operation &op : function.getBody().front())
    for (Value result : op.getResults())
      if (crosses(result))
        bytes += bytesOf(result);
  return bytes;
}

void Recomputation::run() {
  if (!labels)
    return;
  int64_t before = bytesAcross();
  for (Operation &op : function.getBody().front())
    for (Value result : op.getResults())
      if (crosses(result))
        largest = std::max(largest, bytesOf(result));
  for (Operation *op : SmallVector<Operation *>(backward.getArrayRef()))
    for (OpOperand &operand : op->getOpOperands())
      if (crosses(operand.get()) && isMadeAgain(operand.get()))
        operand.set(copyFor(operand.get(), op));
  delayLargeGradients();
  auto options =
      remark::RemarkOpts::name("Recompute").category("pfc-recompute");
  remark::analysis(function.getLoc(), options)
      << remark::add("@{0}: {1} -> {2} bytes of activations from forward to "
                     "backward, {3} ops done again",
                     function.getName(), before, bytesAcross(), clones);
}

namespace {

struct RecomputePass : public pfc::impl::RecomputePassBase<RecomputePass> {
  using Base::Base;

  void runOnOperation() override {
    if (recompute == Recompute::None)
      return;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      Recomputation recomputation(function, recompute);
      recomputation.run();
      numRecomputed += recomputation.recomputedOps();
    }
  }
};

} // namespace

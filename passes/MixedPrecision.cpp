//===- MixedPrecision.cpp - pfc-mixed-precision ---------------------------===//
//
// Residual streams are found first: what layer norms read, and sums with it.
// One walk in program order gives each value its element type; a second moves
// casts up to where the value is made.
//
//===----------------------------------------------------------------------===//
#include "passes/Passes.h"

namespace pfc {
#define GEN_PASS_DEF_MIXEDPRECISIONPASS
#include "passes/Passes.h.inc"
} // namespace pfc

using namespace mlir;
using namespace pfc;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

static bool isElement(Value value, function_ref<bool(Type)> predicate) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && predicate(type.getElementType());
}
static bool isFp32(Value value) {
  return isElement(value, [](Type type) { return type.isF32(); });
}
static bool isNarrow(Value value) {
  return isElement(value,
                   [](Type type) { return type.isBF16() || type.isF16(); });
}

namespace {

class Lowering {
public:
  /// `narrow` is bf16 or f16.
  Lowering(func::FuncOp function, Type narrow)
      : function(function), builder(function.getContext()), narrow(narrow) {}

  void run();

private:
  func::FuncOp function;
  OpBuilder builder;
  Type narrow;
  DenseSet<Value> streams;      ///< fp32: residual streams, their gradients
  DenseMap<Value, Value> casts; ///< fp32 value to its narrow copy
  SmallVector<CastOp> created;

  void findStreams();
  void addToStream(Value value);
  bool isInStream(Value value) const { return streams.contains(value); }

  RankedTensorType narrowed(Value value) { return typeOf(value).clone(narrow); }
  void makeNarrow(Value result) { result.setType(narrowed(result)); }
  void lowerOperand(OpOperand &operand);
  void lowerOp(Operation *op);
  void follow(Operation *op);
  void raiseOperands(Operation *op);
  bool moveUp(CastOp cast);
};

} // namespace

/// Sums in fp32 over narrow operands.
static bool isProduct(Operation *op) {
  return isa<Conv2dOp, Conv2dInputGradOp, Conv2dFilterGradOp, MatmulOp,
             CosineLogitsOp>(op);
}

/// What attention takes the exponentials of: a bf16 score of 100 is off by
/// 0.25.
static bool makesScores(MatmulOp product) {
  return llvm::any_of(product->getUsers(),
                      [](Operation *user) { return isa<SoftmaxOp>(user); });
}

/// Ops whose results are activations whatever their operands are: products
/// whose results are activations and their gradients; the others' are
/// gradients of parameters, features or cosines.
static bool makesActivation(Operation *op) {
  if (auto product = dyn_cast<MatmulOp>(op))
    return product.isBatched() && !makesScores(product);
  return isa<Conv2dOp, Conv2dInputGradOp, ScalePixelsOp, LayerNormOp,
             SoftmaxOp>(op);
}

/// Ops that only move elements: a result's cast may as well be their input's.
static bool movesElements(Operation *op) {
  return isa<ReshapeOp, DropoutOp, SplitHeadsOp, MergeHeadsOp, GatherTokensOp,
             RestoreTokensOp, shard::AllGatherOp>(op);
}

/// Ops of a residual stream and of its branches' ends: sums and scales, which
/// are fp32 in registers whatever is stored.
static bool keepsStream(Operation *op) {
  return isa<AddOp, AddBiasOp, DropPathOp, DropoutOp, ReshapeOp, GatherTokensOp,
             RestoreTokensOp>(op);
}

static bool isLayerNormGrad(Operation *op) {
  return isa<LayerNormGradStatsOp, LayerNormGradOp, LayerNormGainGradOp>(op);
}

/// `value`, and what it is summed up from, back to products.
void Lowering::addToStream(Value value) {
  Operation *producer = value.getDefiningOp();
  if (!producer || !keepsStream(producer) || !streams.insert(value).second)
    return;
  addToStream(producer->getOperand(0));
  if (auto sum = dyn_cast<AddOp>(producer))
    addToStream(sum.getRhs());
}

/// A layer norm reads a stream, and its gradient adds to the stream's gradient.
void Lowering::findStreams() {
  for (Operation &op : function.getOps()) {
    if (auto norm = dyn_cast<LayerNormOp>(op)) {
      addToStream(norm.getInput());
    } else if (auto gradient = dyn_cast<LayerNormGradOp>(op)) {
      if (isInStream(gradient.getInput()))
        streams.insert(gradient.getInputGrad());
    } else if (auto sum = dyn_cast<AddOp>(op)) {
      if (isInStream(sum.getLhs()) || isInStream(sum.getRhs()))
        addToStream(sum.getResult());
    }
  }
}

/// Makes a use of an fp32 value one of its narrow copy; the copy is made once.
void Lowering::lowerOperand(OpOperand &operand) {
  Value value = operand.get();
  if (!isFp32(value))
    return;
  Value &copy = casts[value];
  if (!copy) {
    builder.setInsertionPoint(operand.getOwner());
    auto cast = CastOp::create(builder, value.getLoc(), narrowed(value), value);
    created.push_back(cast);
    copy = cast.getOutput();
  } else if (Operation *cast = copy.getDefiningOp();
             operand.getOwner()->isBeforeInBlock(cast)) {
    cast->moveBefore(operand.getOwner());
  }
  operand.set(copy);
}

/// An op on a narrow activation takes the operands and makes the results that
/// have its shape in that type. Statistics and per-channel parameters don't.
void Lowering::follow(Operation *op) {
  auto lowered = llvm::find_if(op->getOperands(), isNarrow);
  if (lowered == op->getOperands().end())
    return;
  ArrayRef<int64_t> shape = typeOf(*lowered).getShape();
  for (OpOperand &operand : op->getOpOperands())
    if (typeOf(operand.get()).getShape() == shape)
      lowerOperand(operand);
  for (Value result : op->getResults())
    if (isFp32(result) &&
        (typeOf(result).getShape() == shape || movesElements(op)))
      makeNarrow(result);
}

/// State, what the host reads and residual streams stay fp32.
void Lowering::raiseOperands(Operation *op) {
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isNarrow(operand.get()))
      continue;
    builder.setInsertionPoint(op);
    operand.set(CastOp::create(
        builder, operand.get().getLoc(),
        typeOf(operand.get()).clone(builder.getF32Type()), operand.get()));
  }
}

/// What reads and writes the table of class centers knows its type and that of
/// the momentum.
static bool hasOwnTypes(Operation *op) {
  return isa_and_present<GatherRowsOp, FetchRowsOp, StoreRowsOp, UpdateRowsOp,
                         CoastRowsOp>(op);
}

void Lowering::lowerOp(Operation *op) {
  if (hasOwnTypes(op))
    return;
  if (isa<AssignOp, OutputOp>(op))
    return hasOwnTypes(op->getOperand(0).getDefiningOp()) ? void()
                                                          : raiseOperands(op);
  if (keepsStream(op) && isInStream(op->getResult(0)))
    return raiseOperands(op);
  if (isProduct(op)) {
    for (OpOperand &operand : op->getOpOperands())
      lowerOperand(operand);
  } else if (isLayerNormGrad(op)) {
    // Of the input's type, whatever that of the output and its gradient is.
    lowerOperand(op->getOpOperand(0));
    if (auto gradient = dyn_cast<LayerNormGradOp>(op))
      gradient.getInputGrad().setType(typeOf(gradient.getInput()));
  } else {
    follow(op);
  }
  if (makesActivation(op))
    makeNarrow(op->getResult(0));
}

/// cast(f(x)) -> f(cast(x)) where nothing else reads f(x), and f is a product
/// or moves elements.
bool Lowering::moveUp(CastOp cast) {
  Operation *producer = cast.getInput().getDefiningOp();
  if (!producer || !cast.getInput().hasOneUse())
    return false;
  if (isa<SplitHeadsOp, MergeHeadsOp>(producer))
    return false; // several operands or results
  if (movesElements(producer))
    lowerOperand(producer->getOpOperand(0));
  else if (!isa<MatmulOp>(producer))
    return false;
  makeNarrow(producer->getResult(0));
  cast.getOutput().replaceAllUsesWith(producer->getResult(0));
  cast.erase();
  return true;
}

void Lowering::run() {
  findStreams();
  for (Operation &op : llvm::make_early_inc_range(function.getOps()))
    lowerOp(&op);
  // Copies made before this point may be erased below: start afresh.
  casts.clear();
  while (!created.empty())
    moveUp(created.pop_back_val());
}

namespace {
struct MixedPrecisionPass
    : public pfc::impl::MixedPrecisionPassBase<MixedPrecisionPass> {
  using Base::Base;

  void runOnOperation() override {
    if (precision == Precision::Fp32)
      return;
    Builder builder(&getContext());
    Type narrow = precision == Precision::Bf16 ? Type(builder.getBF16Type())
                                               : builder.getF16Type();
    for (auto function : getOperation().getOps<func::FuncOp>())
      Lowering(function, narrow).run();
  }
};
} // namespace
